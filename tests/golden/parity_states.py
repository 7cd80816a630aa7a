"""Parity checkpoints with layers of linear attention, whose states go from token to token."""

import torch
import transformers

from parity_model import Model, rope, shape

TURNED = {"partial_rotary_factor": 0.25, "mrope_interleaved": True, "mrope_section": [1, 1, 1]}


def _fill(backbone: torch.nn.Module, generator: torch.Generator) -> None:
    """Random weights under which states keep some tokens for long and others not.

    Norms are stored as w of 1 + w, but for the one of the states.
    """
    gains = {"q_proj": 1.5, "k_proj": 1.5, "embed_tokens": 1.0, "in_proj_a": 2.0, "in_proj_b": 2.0}
    with torch.no_grad():
        for name, weight in backbone.named_parameters():
            kind = name.removesuffix(".weight").split(".")[-1]
            if kind == "A_log":
                weight.copy_(torch.log(0.02 + 0.5 * torch.rand(weight.shape, generator=generator)))
            elif kind == "dt_bias":
                weight.copy_(torch.randn(weight.shape, generator=generator))
            elif name.endswith("linear_attn.norm.weight"):
                weight.copy_(0.5 + torch.rand(weight.shape, generator=generator))
            elif "norm" in kind:
                weight.copy_(-0.5 + torch.rand(weight.shape, generator=generator))
            elif name.endswith("bias"):
                weight.copy_(torch.randn(weight.shape, generator=generator))
            else:
                fan_in = 1 if kind == "embed_tokens" else weight.shape[-1]
                std = gains.get(kind, 1.0) * fan_in**-0.5
                weight.copy_(torch.randn(weight.shape, generator=generator) * std)


def _build_folder(settings: dict, generator: torch.Generator) -> torch.nn.Module:
    """One with a part for images, which a text is not scored with: its weights stay as they are made."""
    images = {"depth": 1, "hidden_size": 8, "intermediate_size": 8, "num_heads": 1, "patch_size": 2}
    config = transformers.Qwen3_5Config(
        text_config=settings,
        vision_config=images | {"out_hidden_size": 24, "num_position_embeddings": 4, "temporal_patch_size": 1},
        num_labels=1,
    )
    torch.manual_seed(7)
    built = transformers.Qwen3_5ForSequenceClassification(config)
    _fill(built.model.language_model, generator)
    with torch.no_grad():
        built.score.weight.copy_(torch.randn(built.score.weight.shape, generator=generator))
    return built


def _text_modules(loaded: torch.nn.Module) -> list[torch.nn.Module]:
    text = loaded.model.language_model
    return [text.embed_tokens, *text.layers, text.norm]


MODELS = [
    Model(
        "qwen3_5",
        "Qwen3_5Text",
        torch.bfloat16,
        shape(32, 40, 3, 2, 1, 32)
        | rope(10000.0, **TURNED)
        | {"max_position_embeddings": 4096, "vocab_size": 349}
        | {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16}
        | {"linear_value_head_dim": 8, "linear_conv_kernel_dim": 4}
        | {"layer_types": ["linear_attention", "linear_attention", "full_attention"]},
        tokenizer="chatml",
        seed=140,
        fill=_fill,
        switches=[rope(500.0, **TURNED), rope(10000.0, **TURNED | {"partial_rotary_factor": 0.5}), {"rms_norm_eps": 0.1}],
    ),
    Model(
        "qwen3_5_linear_end",
        "Qwen3_5Text",
        torch.float16,
        shape(24, 32, 2, 2, 2, 24)
        | rope(10000.0, **TURNED | {"partial_rotary_factor": 0.5})
        | {"max_position_embeddings": 4096, "vocab_size": 349, "attention_bias": True}
        | {"linear_num_key_heads": 1, "linear_num_value_heads": 3, "linear_key_head_dim": 8}
        | {"linear_value_head_dim": 16, "linear_conv_kernel_dim": 3}
        | {"layer_types": ["full_attention", "linear_attention"]},
        tokenizer="chatml",
        seed=141,
        fill=_fill,
        switches=[rope(500.0, **TURNED | {"partial_rotary_factor": 0.5}), {"rms_norm_eps": 0.1}],
    ),
    Model(
        "qwen3_5_folder",
        "Qwen3_5",
        torch.bfloat16,
        shape(24, 32, 2, 2, 1, 16)
        | rope(10000.0, **TURNED | {"partial_rotary_factor": 0.5})
        | {"max_position_embeddings": 4096, "vocab_size": 349}
        | {"linear_num_key_heads": 1, "linear_num_value_heads": 2, "linear_key_head_dim": 8}
        | {"linear_value_head_dim": 8, "layer_types": ["linear_attention", "full_attention"]},
        tokenizer="chatml",
        seed=142,
        build=_build_folder,
        modules=_text_modules,
        switches=[],  # those of qwen3_5, in a section
        every_tensor=False,  # a text goes through no tensor of the part for images
        states_of=("short",),
    ),
]
