"""Parity checkpoints of GPT-NeoX, and of OpenAssistant's reward models on it, whose class transformers
does not have: it is written out here from its published description."""

from pathlib import Path

import torch
from transformers import GPTNeoXConfig, GPTNeoXForSequenceClassification, GPTNeoXModel, GPTNeoXPreTrainedModel

from parity_model import Model


class GPTNeoXRewardModelConfig(GPTNeoXConfig):
    """GPT-NeoX's, and what the head reads: `last` for the last token, `mean` for all."""

    model_type = "gpt_neox_reward_model"
    pooling: str = "last"


class GPTNeoXRewardModel(GPTNeoXPreTrainedModel):
    """score = out_proj · pooled final hidden state + bias, of one conversation without padding."""

    config_class = GPTNeoXRewardModelConfig

    def __init__(self, config: GPTNeoXRewardModelConfig):
        super().__init__(config)
        self.gpt_neox = GPTNeoXModel(config)
        self.out_proj = torch.nn.Linear(config.hidden_size, 1)
        self.post_init()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        states = self.gpt_neox(ids).last_hidden_state
        pooled = {"mean": states.mean(dim=1), "last": states[:, -1]}[self.config.pooling]
        return self.out_proj(pooled)


def fill(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Random weights under which attention is uneven, norms and biases matter, and texts differ."""

    def draw(weight: torch.Tensor, std: float) -> None:
        weight.copy_(torch.randn(weight.shape, generator=generator) * std)

    with torch.no_grad():
        for name, weight in model.named_parameters():
            kind = name.split(".")[-2]
            if "norm" in kind and name.endswith("weight"):
                weight.copy_(0.5 + torch.rand(weight.shape, generator=generator))
            elif name.endswith("bias"):
                draw(weight, 0.5)
            else:
                gain = {"query_key_value": 1.3, "score": 2.0, "out_proj": 6.0}.get(kind, 1.0)
                draw(weight, 1.0 if kind == "embed_in" else gain * weight.shape[1] ** -0.5)


def build(config: dict, generator: torch.Generator) -> torch.nn.Module:
    built = GPTNeoXForSequenceClassification(GPTNeoXConfig(num_labels=1, **config))
    fill(built, generator)
    return built


def build_reward(config: dict, generator: torch.Generator) -> torch.nn.Module:
    built = GPTNeoXRewardModel(GPTNeoXRewardModelConfig(**config))
    fill(built, generator)
    return built


def load_reward(folder: Path, changes: dict) -> torch.nn.Module:
    config = GPTNeoXRewardModelConfig.from_pretrained(folder, **changes)
    options = {"config": config, "dtype": torch.float32, "attn_implementation": "eager"}
    return GPTNeoXRewardModel.from_pretrained(folder, **options)


def modules(loaded: torch.nn.Module) -> list[torch.nn.Module]:
    backbone = loaded.gpt_neox
    return [backbone.embed_in, *backbone.layers, backbone.final_layer_norm]


def shape(hidden: int, inner: int, layers: int, heads: int) -> dict:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": 1024,
    }


def rope(part: float, theta: float = 10000.0, **scaling: object) -> dict:
    default = {"rope_type": "default", "rope_theta": theta, "partial_rotary_factor": part}
    return {"rope_parameters": default | scaling}


MODELS = [
    Model(
        "gpt_neox",
        "GPTNeoX",
        torch.bfloat16,
        shape(48, 80, 2, 3) | rope(0.5),
        seed=130,
        switches=[
            rope(1.0),
            rope(0.5, 100.0),
            rope(0.5, rope_type="linear", factor=4.0),
            {"use_parallel_residual": False},
            {"hidden_act": "relu"},
            {"layer_norm_eps": 0.5},
        ],
        states_of=("short",),
        build=build,
        modules=modules,
    ),
    Model(
        "gpt_neox_sequential",
        "GPTNeoX",
        torch.bfloat16,
        shape(42, 52, 2, 3)
        | rope(0.45)
        | {"use_parallel_residual": False, "hidden_act": "gelu_fast", "attention_bias": False},
        tokenizer="chatml",
        seed=131,
        switches=[rope(0.9), {"use_parallel_residual": True}, {"hidden_act": "silu"}],
        states_of=("short",),
        build=build,
        modules=modules,
    ),
    Model(
        "gpt_neox_reward",
        "GPTNeoXReward",
        torch.bfloat16,
        shape(32, 48, 1, 2) | rope(0.5) | {"pooling": "mean"},
        tokenizer="chatml",
        seed=132,
        switches=[{"pooling": "last"}],
        states_of=("short",),
        build=build_reward,
        load=load_reward,
        modules=modules,
        score=lambda loaded, ids: {"score": loaded(ids)[0, 0].item()},
    ),
]
