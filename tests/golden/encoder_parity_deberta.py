"""Parity checkpoints of DeBERTa v2 and v3: buckets fewer than the distances in the texts, and what differs
between published configs."""

import torch
import transformers

from encoder_model import Encoder


def _modules(loaded: transformers.PreTrainedModel) -> list[torch.nn.Module]:
    backbone = loaded.deberta
    return [backbone.embeddings, *backbone.encoder.layer]


def _shape(hidden: int, inner: int, layers: int, heads: int) -> dict:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": 640,
        "pad_token_id": 0,
        "type_vocab_size": 0,
        "relative_attention": True,
    }


MODELS = [
    Encoder(
        "deberta",
        "DebertaV2",
        torch.bfloat16,
        _shape(48, 80, 2, 3)
        | {"position_buckets": 16, "share_att_key": True, "norm_rel_ebd": "layer_norm"}
        | {"pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
        tokenizer="deberta",
        seed=160,
        switches=[
            {"pos_att_type": ["c2p"]},
            {"pos_att_type": ["p2c"]},
            {"max_relative_positions": 100},
            {"norm_rel_ebd": "none"},
            {"hidden_act": "relu"},
            {"pooler_hidden_act": "tanh"},
            {"layer_norm_eps": 0.1},
        ],
        needless=("key_proj.bias",),
        modules=_modules,
    ),
    Encoder(
        "deberta_v2",
        "DebertaV2",
        torch.bfloat16,
        _shape(32, 48, 2, 2)
        | {"max_relative_positions": 24, "share_att_key": False, "pos_att_type": "c2p|p2c"}
        | {"position_biased_input": True},
        tokenizer="deberta",
        seed=161,
        switches=[{"pos_att_type": ["c2p"]}, {"hidden_act": "relu"}, {"layer_norm_eps": 0.1}],
        needless=("key_proj.bias",),
        modules=_modules,
    ),
]
