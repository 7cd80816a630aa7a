"""Log-probabilities of responses by transformers' causal models: tests/golden/fitting/log_probabilities.json

    python tests/golden/fitting/make_log_probabilities.py [MODEL ...]

With names of models it leaves the cases of the others as they are.

The backbones, tokenizers and conversations are those of tests/golden/parity. The output matrix is drawn
by the generator of `chance.py`, which the test has too, or is the embedding (`tied`). The cases of
gemma2_bf16, with its capped logits, were made on another machine than the first three, which it gives
again within 2e-5.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

from chance import Chance

PARITY = Path(__file__).parents[1] / "parity"


def output_matrix(vocabulary: int, size: int, seed: int) -> torch.Tensor:
    chance = Chance(seed)
    return torch.tensor([(2 * chance() - 1) / 2 for _ in range(vocabulary * size)]).float().view(vocabulary, size)


def causal_model(name: str, seed: int | None):
    config = AutoConfig.from_pretrained(PARITY / name)
    config.tie_word_embeddings = seed is None
    # In float32 from the start: made in bf16, Gemma's embedding scale would stay rounded to it.
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    weights = {k: v.float() for k, v in load_file(PARITY / name / "model.safetensors").items() if k.startswith("model.")}
    embedding = weights["model.embed_tokens.weight"]
    weights["lm_head.weight"] = embedding if seed is None else output_matrix(*embedding.shape, seed)
    model.load_state_dict(weights, strict=True)
    return model


def log_probabilities(model, conversation: dict, header: int) -> list:
    ids = torch.tensor([conversation["ids"]])
    with torch.inference_mode():
        logits = model(ids).logits[0].double()
    logp = logits[:-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return logp[header - 1 :].tolist()


def header_of(conversation: dict, pattern: list) -> int:
    """Tokens up to and with the last assistant header, which the template ends before the response."""
    ids = conversation["ids"]
    starts = [i for i in range(len(ids)) if ids[i : i + len(pattern)] == pattern]
    return starts[-1] + len(pattern)


OUTPUT = Path(__file__).with_name("log_probabilities.json")
CASES = (("llama", 5), ("llama", 6), ("llama_f16", None), ("gemma2_bf16", 5), ("gemma2_bf16", None), ("granite", 5), ("llama_uneven", 5))
kept = [case for case in json.loads(OUTPUT.read_text()) if sys.argv[1:] and case["model"] not in sys.argv[1:]]

cases = []
for name, seed in CASES:
    of_before = [case for case in kept if (case["model"], case["seed"]) == (name, seed)]
    if of_before:
        cases += of_before
        continue
    model = causal_model(name, seed)
    golden = json.loads((PARITY / name / "golden.json").read_text())["conversations"]
    short = next(c for c in golden if c["name"] == "short")["ids"]
    # "Hello." is what the short conversation answers: its header is what stands before.
    end = short.index(348, short.index(348) + 1)  # the second <|end_header_id|>
    pattern = short[end - 2 : end + 2]
    cases.append(
        {
            "model": name,
            "seed": seed,
            "conversations": [
                {"name": c["name"], "log_probabilities": np.round(log_probabilities(model, c, header_of(c, pattern)), 9).tolist()}
                for c in golden
                if len(c["ids"]) < 200
            ],
        }
    )
OUTPUT.write_text(json.dumps(cases) + "\n")
print([len(c["conversations"]) for c in cases])
