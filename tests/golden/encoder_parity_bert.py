"""Parity checkpoints of BERT and of those that have its layers."""

import torch

from encoder_model import Encoder


def _shape(hidden: int, inner: int, layers: int, heads: int) -> dict:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }


MODELS = [
    Encoder(
        "bert",
        "Bert",
        torch.bfloat16,
        _shape(48, 80, 2, 2) | {"max_position_embeddings": 640, "pad_token_id": 0},
        tokenizer="bert",
        seed=140,
        token_types=True,
        switches=[{"hidden_act": "relu"}, {"layer_norm_eps": 0.1}],
    ),
    Encoder(
        "roberta",
        "Roberta",
        torch.bfloat16,
        _shape(42, 70, 2, 3)  # sizes that are padded: hidden, inner, and a head's 14
        | {"max_position_embeddings": 642, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
        | {"hidden_act": "gelu_new"},
        tokenizer="roberta",
        seed=141,
        switches=[{"hidden_act": "relu"}, {"layer_norm_eps": 0.1}, {"pad_token_id": 3}],
    ),
    Encoder(
        "xlm_roberta",
        "XLMRoberta",
        torch.float16,
        _shape(32, 64, 2, 1)
        | {"max_position_embeddings": 642, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        tokenizer="xlmr",
        seed=143,
        switches=[{"hidden_act": "relu"}, {"layer_norm_eps": 0.1}, {"pad_token_id": 3}],
    ),
    Encoder(
        "electra",
        "Electra",
        torch.bfloat16,
        _shape(32, 48, 1, 2) | {"embedding_size": 32, "max_position_embeddings": 512, "pad_token_id": 0},
        tokenizer="bert",
        seed=144,
        token_types=True,
        switches=[{"hidden_act": "relu"}, {"layer_norm_eps": 0.1}],
    ),
]
