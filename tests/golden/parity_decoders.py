"""Parity checkpoints of decoders: rope types, and families beside Llama's own."""

import torch
import transformers
from transformers.modeling_layers import GenericForSequenceClassification
from transformers.models.granite.modeling_granite import GranitePreTrainedModel

from parity_model import DEFAULT_ROPE, Model, rope, shape

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "beta_fast": 8.0, "beta_slow": 1.5}

GEMMA3_ROPES = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
}

PHI3_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "partial_rotary_factor": 0.75,
    "short_factor": [1.0 + 0.1 * place for place in range(12)],
    "long_factor": [1.0 + 0.5 * place for place in range(12)],
}



class GraniteForSequenceClassification(GenericForSequenceClassification, GranitePreTrainedModel):
    """As transformers makes such classes for other models; for Granite it has none."""


transformers.AutoModelForSequenceClassification.register(
    transformers.GraniteConfig, GraniteForSequenceClassification, exist_ok=True
)


def build_granite(settings: dict, generator: torch.Generator) -> torch.nn.Module:
    built = GraniteForSequenceClassification(transformers.GraniteConfig(num_labels=1, **settings))
    with torch.no_grad():
        for name, weight in built.named_parameters():
            drawn = torch.randn(weight.shape, generator=generator)
            kind = name.split(".")[-2]
            if "norm" in kind:
                weight.copy_(1 + 0.3 * drawn)
            elif name.endswith("bias") or kind == "embed_tokens":
                weight.copy_(drawn)
            else:
                weight.copy_(drawn * 1.5 * weight.shape[-1] ** -0.5)
    return built


def text_modules(loaded: torch.nn.Module) -> list[torch.nn.Module]:
    text = loaded.model.language_model
    return [text.embed_tokens, *text.layers, text.norm]


def build_gemma3_folder(settings: dict, generator: torch.Generator) -> torch.nn.Module:
    """A Gemma 3 with a part for images, which a text is not scored with: its weights stay as they are made."""
    images = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = transformers.Gemma3Config(
        text_config=settings,
        vision_config=images | {"image_size": 4, "patch_size": 2},
        mm_tokens_per_image=4,
        num_labels=1,
    )
    torch.manual_seed(7)
    built = transformers.Gemma3ForSequenceClassification(config)
    with torch.no_grad():
        for name, weight in [*built.model.language_model.named_parameters(), ("score.weight", built.score.weight)]:
            kind = name.split(".")[-2]
            fan_in = settings["hidden_size"] if kind == "embed_tokens" else weight.shape[-1]
            drawn = torch.randn(weight.shape, generator=generator)
            weight.copy_(drawn * 0.3 if "norm" in kind else drawn * 1.5 * fan_in**-0.5)
    return built


OLMO3_ROPES = {
    "full_attention": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 256, "beta_fast": 4.0}
    | {"rope_theta": 500000.0, "attention_factor": 1.2079441541679836},
    "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0},
}

MODELS = [
    Model(
        "llama_yarn",
        "Llama",
        torch.bfloat16,
        shape(48, 64, 2, 2, 1, 32) | rope(10000.0, **YARN) | {"max_position_embeddings": 2048},
        seed=120,
        switches=[
            DEFAULT_ROPE,
            rope(10000.0, **YARN | {"factor": 5.0}),
            rope(10000.0, **YARN | {"beta_fast": 16.0}),
            rope(10000.0, **YARN | {"beta_slow": 0.3}),
            rope(10000.0, **YARN | {"truncate": False}),
            rope(10000.0, **YARN | {"attention_factor": 1.0}),
            rope(10000.0, **YARN | {"original_max_position_embeddings": 128}),
            rope(10000.0, **YARN | {"mscale": 1.0, "mscale_all_dim": 0.5}),
        ],
    ),
    Model(
        "gemma3",
        "Gemma3Text",
        torch.bfloat16,
        shape(40, 56, 3, 4, 2, 16)
        | {"rope_parameters": GEMMA3_ROPES, "max_position_embeddings": 4096, "sliding_window": 16}
        | {"query_pre_attn_scalar": 24, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
        tokenizer="gemma",
        seed=121,
        gemma=True,
        switches=[
            {"sliding_window": 17},
            {"layer_types": ["full_attention"] * 3},
            {"query_pre_attn_scalar": 16},
            {"rms_norm_eps": 0.01},
            {"rope_parameters": GEMMA3_ROPES | {"full_attention": {"rope_type": "default", "rope_theta": 1000000.0}}},
            {"rope_parameters": GEMMA3_ROPES | {"sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}},
        ],
    ),
    Model(
        "phi3",
        "Phi3",
        torch.bfloat16,
        shape(64, 48, 2, 2, 1, None)
        | {"rope_parameters": PHI3_ROPE, "max_position_embeddings": 512, "original_max_position_embeddings": 64}
        | {"sliding_window": 96, "vocab_size": 349},
        tokenizer="chatml",
        seed=122,
        switches=[
            {"sliding_window": 97},
            {"rms_norm_eps": 0.1},
            {"original_max_position_embeddings": 128},
            {"rope_parameters": PHI3_ROPE | {"attention_factor": 1.0}},
            {"rope_parameters": PHI3_ROPE | {"short_factor": [1.0] * 12}},
            {"rope_parameters": PHI3_ROPE | {"long_factor": [1.0] * 12}},
            {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
        ],
    ),
    Model(
        "olmo2",
        "Olmo2",
        torch.bfloat16,
        shape(48, 64, 2, 3, 1, None) | rope(500000.0) | {"max_position_embeddings": 4096},
        seed=125,
        switches=[DEFAULT_ROPE, {"rms_norm_eps": 0.1}],
    ),
    Model(
        "olmo3",
        "Olmo3",
        torch.bfloat16,
        shape(48, 56, 3, 2, 1, None)
        | {"rope_parameters": OLMO3_ROPES, "max_position_embeddings": 2048, "sliding_window": 16}
        | {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"], "attention_bias": True},
        seed=124,
        switches=[
            {"sliding_window": 17},
            {"layer_types": ["full_attention"] * 3},
            {"rope_parameters": OLMO3_ROPES | {"full_attention": {"rope_type": "default", "rope_theta": 500000.0}}},
            {"rope_parameters": OLMO3_ROPES | {"sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}},
        ],
    ),
    Model(
        "gemma3_folder",
        "Gemma3",
        torch.bfloat16,
        shape(40, 48, 2, 2, 1, 16)
        | {"sliding_window": 16, "query_pre_attn_scalar": 16, "max_position_embeddings": 1024}
        | {"layer_types": ["sliding_attention", "full_attention"]},
        tokenizer="gemma",
        seed=126,
        build=build_gemma3_folder,
        modules=text_modules,
        switches=[],  # those of gemma3, in a section
        every_tensor=False,  # a text goes through no tensor of the part for images
        states_of=("short",),
    ),
    Model(
        "gemma",
        "Gemma",
        torch.bfloat16,
        shape(40, 64, 2, 2, 1, 24) | rope(10000.0) | {"max_position_embeddings": 8192},
        tokenizer="gemma",
        seed=127,
        gemma=True,
        states_of=("short",),
        switches=[{"rms_norm_eps": 0.05}, rope(500.0), {"hidden_act": "silu"}],
    ),
    Model(
        "granite",
        "Granite",
        torch.bfloat16,
        shape(48, 64, 2, 3, 1, None)
        | rope(10000.0)
        | {"max_position_embeddings": 4096, "attention_bias": True, "mlp_bias": True, "rms_norm_eps": 0.01}
        | {"embedding_multiplier": 1.5, "attention_multiplier": 0.2, "residual_multiplier": 0.4}
        | {"logits_scaling": 8.0},
        seed=128,
        switches=[
            {"embedding_multiplier": 2.0},
            {"attention_multiplier": 0.25},
            {"residual_multiplier": 0.5},
            {"rms_norm_eps": 0.1},
            rope(500.0),
        ],
        build=build_granite,
    ),
]
