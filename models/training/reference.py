"""The exported checkpoint through Hugging Face's own code, in float32: what Assay is compared with."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaModel

from batches import length_buckets, pad_batch

BUCKET_TOKENS = 4096


class ReferenceModel:
    """`score` gives, per conversation, the score, the raw rewards and the coefficients."""

    def __init__(self, folder: Path):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        config = json.loads((folder / "config.json").read_text())
        config.pop("architectures")
        tensors = {n: t.float() for n, t in load_file(folder / "model.safetensors").items()}
        self.backbone = LlamaModel(LlamaConfig(**config))
        own = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
        self.backbone.load_state_dict(own, strict=True)
        self.backbone.float().eval()
        self.head = {n: t for n, t in tensors.items() if not n.startswith("model.")}
        self.temperature = config["gating_temperature"]
        self.gates = config["gating_n_hidden"]
        self.max_tokens = config["max_position_embeddings"]
        header = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        self.pattern = self.tokenizer(header, add_special_tokens=False)["input_ids"]

    def ids(self, messages: list) -> list[int]:
        """Template and tokenizer as published; content is taken to hold no special tokens."""
        text = self.tokenizer.apply_chat_template(messages, tokenize=False)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def gate_position(self, ids: list[int]) -> int:
        """First token of the last occurrence of the assistant header pattern."""
        size = len(self.pattern)
        for start in range(len(ids) - size, -1, -1):
            if ids[start : start + size] == self.pattern:
                return start
        raise ValueError("no assistant header in the conversation")

    @torch.inference_mode()
    def score(self, conversations: list) -> list[dict]:
        sequences = [self.ids(messages) for messages in conversations]
        results: list = [None] * len(sequences)
        for bucket in length_buckets([len(s) for s in sequences], BUCKET_TOKENS):
            ids = torch.from_numpy(pad_batch([np.array(sequences[i]) for i in bucket], 0))
            hidden = self.backbone(input_ids=ids).last_hidden_state
            for at, i in enumerate(bucket):
                results[i] = self._verdict(hidden[at], sequences[i])
        return results

    def _verdict(self, hidden, ids) -> dict:
        rewards = self.head["regression_layer.weight"] @ hidden[len(ids) - 1]
        x = hidden[self.gate_position(ids)]
        for layer in range(self.gates + 1):
            x = self.head[f"gating.layers.{layer}.weight"] @ x + self.head[f"gating.layers.{layer}.bias"]
            x = torch.relu(x) if layer < self.gates else x
        gating = torch.softmax(x / self.temperature, 0) * self.head["gating.logit_scale"]
        coefficients = self.head["reward_transform_matrix"] @ gating
        return {
            "score": float(rewards @ coefficients),
            "rewards": rewards.tolist(),
            "coefficients": coefficients.tolist(),
            "tokens": len(ids),
        }
