"""A Llama backbone in plain PyTorch: the names and the arithmetic of Hugging Face's `LlamaModel`."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class BackboneConfig:
    vocabulary: int = 8192
    hidden: int = 256
    intermediate: int = 640
    layers: int = 5
    heads: int = 8
    kv_heads: int = 4
    rope_theta: float = 10000.0
    head_dim: int = 32
    rms_norm_eps: float = 1e-5


class RmsNorm(nn.Module):
    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


def rope_table(config: BackboneConfig, length: int):
    """cos and sin, each [length, head_dim / 2]: angle = position · theta^(−2i / head_dim)."""
    exponent = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    angle = torch.arange(length).float()[:, None] * config.rope_theta**-exponent
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    """Rotates halves, not neighbours, as Llama's published weights expect."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self, config: BackboneConfig):
        super().__init__()
        self.config = config
        size, kv = config.hidden, config.kv_heads * config.head_dim
        self.q_proj = nn.Linear(size, config.heads * config.head_dim, bias=False)
        self.k_proj = nn.Linear(size, kv, bias=False)
        self.v_proj = nn.Linear(size, kv, bias=False)
        self.o_proj = nn.Linear(config.heads * config.head_dim, size, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        shape = (batch, length, -1, self.config.head_dim)
        q = rotate(self.q_proj(x).view(shape).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(shape).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(shape).transpose(1, 2)
        group = self.config.heads // self.config.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        # Padding stands on the right, so the causal mask alone keeps it away from every real token.
        if torch.is_grad_enabled():
            # Written out: at these lengths the fused attention's backward pass took thrice as long.
            future = torch.full((length, length), -torch.inf).triu(1)
            scores = (q * self.config.head_dim**-0.5) @ k.transpose(2, 3) + future
            y = scores.softmax(-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, config: BackboneConfig):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden, config.intermediate, bias=False)
        self.up_proj = nn.Linear(config.hidden, config.intermediate, bias=False)
        self.down_proj = nn.Linear(config.intermediate, config.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config: BackboneConfig):
        super().__init__()
        self.input_layernorm = RmsNorm(config.hidden, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RmsNorm(config.hidden, config.rms_norm_eps)
        self.mlp = Mlp(config)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Backbone(nn.Module):
    """ids [batch, length], padded on the right, to final-norm hidden states [batch, length, hidden].

    `positions` [batch, length] places the tokens where the text was cropped; 0, 1, 2, … without.
    """

    def __init__(self, config: BackboneConfig):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocabulary, config.hidden)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RmsNorm(config.hidden, config.rms_norm_eps)
        self.cos, self.sin = rope_table(config, 2048)
        self._initialise()

    def _initialise(self):
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)  # every layer starts as the identity
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.5 if "embed" in name else parameter.shape[1] ** -0.5)

    def forward(self, ids, positions=None):
        x = self.embed_tokens(ids)
        if positions is None:
            cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        else:
            cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)


def load_backbone(path) -> Backbone:
    """A backbone as training saved it."""
    backbone = Backbone(BackboneConfig())
    backbone.load_state_dict(torch.load(path, weights_only=True)["backbone"])
    return backbone.eval()
