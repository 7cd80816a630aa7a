"""Parity checkpoints of ModernBERT: windows shorter than the texts, both poolings, biases or none."""

import torch
import transformers

from encoder_model import Encoder


def _modules(loaded: transformers.PreTrainedModel) -> list[torch.nn.Module]:
    backbone = loaded.model
    return [backbone.embeddings, *backbone.layers, backbone.final_norm]


def _shape(hidden: int, inner: int, layers: int, heads: int) -> dict:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": 1024,
        "initializer_cutoff_factor": 2.0,
    }


def _ropes(full: float, windowed: float) -> dict:
    types = {"full_attention": full, "sliding_attention": windowed}
    return {"rope_parameters": {kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in types.items()}}


# transformers' own ids for these tokens lie outside of a small vocabulary.
IDS = {"pad_token_id": 1, "bos_token_id": 0, "cls_token_id": 0, "eos_token_id": 2, "sep_token_id": 2}

MODELS = [
    Encoder(
        "modernbert",
        "ModernBert",
        torch.bfloat16,
        _shape(32, 64, 3, 2)
        | _ropes(160000.0, 10000.0)
        | IDS
        | {"layer_types": ["full_attention", "sliding_attention", "full_attention"], "local_attention": 24},
        tokenizer="roberta",
        seed=150,
        switches=[
            {"local_attention": 26},
            {"layer_types": ["full_attention"] * 3},
            _ropes(1000.0, 10000.0),
            _ropes(160000.0, 100.0),
            {"hidden_activation": "silu"},
            {"classifier_activation": "relu"},
            {"classifier_pooling": "mean"},
            {"norm_eps": 0.1},
        ],
        modules=_modules,
    ),
    Encoder(
        "modernbert_mean",
        "ModernBert",
        torch.float32,
        _shape(28, 36, 2, 2)  # heads of 14, padded
        | _ropes(10000.0, 10000.0)
        | IDS
        | {"layer_types": ["sliding_attention"] * 2, "local_attention": 17, "classifier_pooling": "mean"}
        | {"norm_bias": True, "attention_bias": True, "mlp_bias": True, "classifier_bias": True},
        tokenizer="roberta",
        seed=151,
        switches=[{"local_attention": 18}, {"classifier_pooling": "cls"}, {"hidden_activation": "relu"}],
        modules=_modules,
    ),
]
