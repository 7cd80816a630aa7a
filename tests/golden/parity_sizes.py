"""Tiny checkpoints whose sizes are no multiples of 8, which are padded as they are loaded."""

import torch

from parity_model import Model, rope, shape

MODELS = [
    Model(
        "llama_uneven",
        "Llama",
        torch.bfloat16,
        shape(36, 50, 2, 4, 2, 18)
        | rope(10000.0)
        | {"max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "attention_bias": True, "mlp_bias": True},
        seed=120,
        switches=[{"rms_norm_eps": 0.5}, rope(500000.0)],
        states_of=("short",),
    ),
    Model(
        "qwen3_uneven",
        "Qwen3",
        torch.float32,
        shape(27, 33, 2, 3, 1, 14)
        | rope(1000000.0)
        | {"max_position_embeddings": 1024, "vocab_size": 349},
        tokenizer="chatml",
        seed=121,
        switches=[{"rms_norm_eps": 0.5}, rope(10000.0)],
        states_of=("short",),
    ),
]
