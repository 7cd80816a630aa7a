"""Parity checkpoints with experts in the place of the feed-forward block."""

import torch

from parity_model import DEFAULT_ROPE, Model, rope, shape


def _fill(backbone: torch.nn.Module, generator: torch.Generator) -> None:
    """Random weights under which each expert is chosen by some tokens, and by none without doubt.

    transformers 5 keeps the experts of a layer in one tensor of three dimensions, [experts, outputs,
    inputs]; it saves one for each, as published.
    """
    gains = {"q_proj": 1.5, "k_proj": 1.5, "gate": 2.0, "embed_tokens": 1.0, "shared_expert_gate": 2.0}
    with torch.no_grad():
        for name, weight in backbone.named_parameters():
            kind = name.removesuffix(".weight").split(".")[-1]
            if "norm" in kind:
                weight.copy_(0.5 + torch.rand(weight.shape, generator=generator))
            elif name.endswith("bias"):
                weight.copy_(torch.randn(weight.shape, generator=generator))
            else:
                fan_in = 1 if kind == "embed_tokens" else weight.shape[-1]
                std = gains.get(kind, 1.0) * fan_in**-0.5
                weight.copy_(torch.randn(weight.shape, generator=generator) * std)


MODELS = [
    Model(
        "mixtral",
        "Mixtral",
        torch.bfloat16,
        shape(32, 24, 2, 2, 1, 24)
        | rope(10000.0)
        | {"max_position_embeddings": 2048, "sliding_window": 32, "num_local_experts": 6, "num_experts_per_tok": 2},
        seed=130,
        fill=_fill,
        switches=[
            {"sliding_window": 33},
            {"num_experts_per_tok": 1},
            {"num_experts_per_tok": 3},
            {"rms_norm_eps": 0.3},
            rope(500000.0),
        ],
    ),
    Model(
        "qwen2_moe",
        "Qwen2Moe",
        torch.float16,
        shape(32, 40, 3, 2, 1, None)
        | rope(1000000.0)
        | {"max_position_embeddings": 4096, "vocab_size": 349, "moe_intermediate_size": 16}
        | {"shared_expert_intermediate_size": 24, "num_experts": 5, "num_experts_per_tok": 2}
        | {"decoder_sparse_step": 1, "mlp_only_layers": [1]},
        tokenizer="chatml",
        seed=131,
        fill=_fill,
        switches=[{"norm_topk_prob": True}, {"num_experts_per_tok": 3}, DEFAULT_ROPE],
    ),
    Model(
        "qwen3_moe",
        "Qwen3Moe",
        torch.bfloat16,
        shape(32, 24, 2, 2, 1, 32)
        | rope(1000000.0)
        | {"max_position_embeddings": 4096, "vocab_size": 349, "moe_intermediate_size": 24}
        | {"num_local_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": True},
        tokenizer="chatml",
        seed=132,
        fill=_fill,
        switches=[{"norm_topk_prob": False}, {"num_experts_per_tok": 3}, DEFAULT_ROPE],
    ),
]
