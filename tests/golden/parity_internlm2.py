"""Parity checkpoints of InternLM2's reward models, whose classes transformers does not have: they are
written out here from what the published folders say of them.

`wqkv` gives, for each key head, the queries that share it, then its key, then its value. Rope is Llama's;
`dynamic` stretches it once a text is longer than max_position_embeddings. The reward is v_head of the last
token, which is the reward token.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import silu

from parity_model import Model


Config = SimpleNamespace  # the keys of config.json


class Norm(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(config.hidden_size))
        self.epsilon = config.rms_norm_eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon)


def angles(config: Config, length: int) -> torch.Tensor:
    """[length, head_dim / 2]"""
    size = config.hidden_size // config.num_attention_heads
    base, positions = config.rope_theta, torch.arange(length).float()
    scaling = config.rope_scaling or {"type": "default"}
    trained = config.max_position_embeddings
    if scaling["type"] == "dynamic" and length > trained:
        stretch = scaling["factor"] * length / trained - (scaling["factor"] - 1)
        base = base * stretch ** (size / (size - 2))
    if scaling["type"] == "linear":
        positions = positions / scaling["factor"]
    return torch.outer(positions, 1.0 / base ** (torch.arange(0, size, 2).float() / size))


def turn(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """x [heads, T, head_dim], its halves turned against each other."""
    low, high = x.chunk(2, dim=-1)
    return torch.cat([low * by.cos() - high * by.sin(), high * by.cos() + low * by.sin()], dim=-1)


class Attention(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        heads, keys = config.num_attention_heads, config.num_key_value_heads
        size = config.hidden_size // heads
        self.wqkv = torch.nn.Linear(config.hidden_size, (heads + 2 * keys) * size, bias=config.bias)
        self.wo = torch.nn.Linear(config.hidden_size, config.hidden_size, bias=config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length, hidden = x.shape
        groups = self.config.num_key_value_heads
        size = hidden // self.config.num_attention_heads
        packed = self.wqkv(x).view(length, groups, -1, size).permute(1, 2, 0, 3)  # [keys, queries + 2, T, d]
        by = angles(self.config, length)
        masked = torch.full((length, length), float("-inf")).triu(1)
        mixed = []
        for group in packed:
            key, value = turn(group[-2], by), group[-1]
            for query in group[:-2]:
                scores = turn(query, by) @ key.T / size**0.5 + masked
                mixed.append(scores.softmax(dim=-1) @ value)
        return self.wo(torch.cat(mixed, dim=-1))


class FeedForward(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.w1 = torch.nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w3 = torch.nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = torch.nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w2(silu(self.w1(x)) * self.w3(x))


class Layer(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config)
        self.attention_norm = Norm(config)
        self.ffn_norm = Norm(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x[0]))
        return x + self.feed_forward(self.ffn_norm(x))


class Backbone(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.tok_embeddings = torch.nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = torch.nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Norm(config)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tok_embeddings(ids)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class InternLM2ForRewardModel(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.model = Backbone(config)
        self.v_head = torch.nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The reward, [1, 1], of ids [1, T]."""
        assert ids[0, -1] == self.config.reward_token_id
        return self.v_head(self.model(ids)[:, -1])


    def save_pretrained(self, folder: Path, max_shard_size: str) -> None:
        """As transformers would, with the spelling of the published configs, which version 5 changes."""
        folder.mkdir(parents=True)
        told = {"architectures": ["InternLM2ForRewardModel"], "model_type": "internlm2"} | vars(self.config)
        told["torch_dtype"] = str(self.v_head.weight.dtype).removeprefix("torch.")
        (folder / "config.json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
        save_file(self.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})


def build(config: dict, generator: torch.Generator) -> torch.nn.Module:
    built = InternLM2ForRewardModel(Config(**config))
    with torch.no_grad():
        for name, weight in built.named_parameters():
            if "norm" in name:
                weight.copy_(0.5 + torch.rand(weight.shape, generator=generator))
                continue
            gain = {"wqkv": 1.4, "v_head": 2.0}.get(name.split(".")[-2], 1.0)
            std = 1.0 if "embeddings" in name or name.endswith("bias") else gain * weight.shape[1] ** -0.5
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)
    return built


def load(folder: Path, changes: dict) -> torch.nn.Module:
    config = json.loads((folder / "config.json").read_text()) | changes
    loaded = InternLM2ForRewardModel(Config(**config))
    loaded.load_state_dict(load_file(folder / "model.safetensors"))
    return loaded.float()


def modules(loaded: torch.nn.Module) -> list[torch.nn.Module]:
    return [loaded.model.tok_embeddings, *loaded.model.layers, loaded.model.norm]


ENDING = 346  # <|reserved_special_token_0|>, as the published models have a reserved token for it
SHARED = {
    "rope_theta": 1000000.0,
    "rope_scaling": None,
    "rms_norm_eps": 1e-5,
    "reward_token_id": ENDING,
    "hidden_act": "silu",
    "attn_implementation": "eager",
    "id2label": {"0": "LABEL_0", "1": "LABEL_1"},  # transformers' default, written out as in the published ones
    "label2id": {"LABEL_0": 0, "LABEL_1": 1},
}


def shape(hidden: int, inner: int, layers: int, heads: int, keys: int) -> dict:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": keys,
    }


HOOKS = {
    "ending": ENDING,
    "states_of": ("short",),
    "build": build,
    "load": load,
    "modules": modules,
    "score": lambda loaded, ids: {"score": loaded(ids)[0, 0].item()},
}

MODELS = [
    Model(
        "internlm2",
        "InternLM2",
        torch.bfloat16,
        shape(48, 72, 2, 6, 2) | SHARED | {"bias": False, "max_position_embeddings": 2048},
        seed=140,
        switches=[
            {"rms_norm_eps": 0.5},
            {"rope_theta": 10000.0},
            {"rope_scaling": {"type": "linear", "factor": 4.0}},
        ],
        **HOOKS,
    ),
    Model(
        "internlm2_dynamic",
        "InternLM2",
        torch.bfloat16,
        shape(60, 52, 2, 6, 2)
        | SHARED
        | {"bias": True, "max_position_embeddings": 64, "rope_scaling": {"type": "dynamic", "factor": 8.0}},
        seed=141,
        switches=[{"rope_scaling": None}, {"rope_scaling": {"type": "dynamic", "factor": 3.0}}],
        **HOOKS,
    ),
]
