"""What transformers makes of rope settings: frequencies, and what cosines and sines are multiplied by.

Each row of rope_frequencies.json is a config of Llama, a length of the conversation, and what the
reference computes for it in float32. Made with torch 2.15.0 and transformers 5.24.0, by
`python make_rope_frequencies.py`.
"""

import copy
import json
from pathlib import Path

from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

HEAD_DIM = 32
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048, "rope_theta": 10000.0}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "original_max_position_embeddings": 4096,
    "short_factor": [1.0 + 0.05 * i for i in range(HEAD_DIM // 2)],
    "long_factor": [1.0 + 0.7 * i for i in range(HEAD_DIM // 2)],
}
PART = {"partial_rotary_factor": 0.75}
SHORTER = {key: LONG[key][:12] for key in ("short_factor", "long_factor")}

# Rope settings, max_position_embeddings, lengths, and what stands outside of the section.
CASES = [
    (YARN, 8192, [10], {}),
    (YARN | {"rope_theta": 1000000.0, "original_max_position_embeddings": 32768}, 32768, [10], {}),
    (YARN | {"beta_fast": 16.0, "beta_slow": 2.5}, 8192, [10], {}),
    (YARN | {"beta_fast": 4.0, "beta_slow": 4.0}, 8192, [10], {}),
    (YARN | {"truncate": False}, 8192, [10], {}),
    (YARN | {"attention_factor": 0.9}, 8192, [10], {}),
    (YARN | {"mscale": 1.0, "mscale_all_dim": 0.707, "factor": 40.0}, 81920, [10], {}),
    (YARN | {"mscale": 0.707}, 8192, [10], {}),
    (YARN | {"factor": None}, 6144, [10], {}),
    ({key: value for key, value in YARN.items() if key != "original_max_position_embeddings"}, 512, [10], {}),
    (YARN, 8192, [10], {"original_max_position_embeddings": 1024}),
    (YARN | PART, 8192, [10], {}),
    (LONG, 131072, [4096, 4097], {}),
    (LONG | {"factor": 3.0}, 131072, [4096, 4097], {}),
    (LONG | {"attention_factor": 1.3}, 131072, [4096, 4097], {}),
    (LONG, 4096, [4096, 4097], {}),
    (LONG, 65536, [1024, 1025], {"original_max_position_embeddings": 1024}),
    (LONG | PART | SHORTER, 131072, [4096, 4097], {}),
    (PART | {"rope_type": "linear", "factor": 2.0, "rope_theta": 500000.0}, 4096, [10], {}),
    (PART | {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}, 256, [256, 1000], {}),
]


def row(parameters: dict, maximum: int, length: int, around: dict) -> dict:
    outside = {"max_position_embeddings": maximum, "head_dim": HEAD_DIM} | around
    given = {"hidden_size": 64, "num_attention_heads": 2, "rope_parameters": parameters}
    config = LlamaConfig(**outside, **copy.deepcopy(given))
    frequencies, scale = ROPE_INIT_FUNCTIONS[parameters["rope_type"]](config, "cpu", seq_len=length)
    return {"config": outside | {"rope_parameters": parameters}, "length": length, "scale": scale,
            "frequencies": frequencies.tolist()}


def main() -> None:
    rows = [row(given, maximum, length, around) for given, maximum, lengths, around in CASES for length in lengths]
    lines = ",\n".join(json.dumps(one) for one in rows)
    (Path(__file__).parent / "rope_frequencies.json").write_text(f"[\n{lines}\n]\n")


main()
