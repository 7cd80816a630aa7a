"""Where transformers' buckets of relative distances begin (DeBERTa): relative_buckets.json, rows of
[buckets, farthest distance, the distance at which bucket 0, 1, 2, … begins].

    python make_relative_buckets.py   (torch, transformers 5.24)
"""

import json
from pathlib import Path

import torch
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

SETTINGS = [(256, 512), (32, 512), (8, 64), (16, 100), (64, 512), (256, 1024), (6, 40), (128, 2048), (256, 300), (2, 10)]


def begins(buckets: int, farthest: int) -> list[int]:
    distances = torch.arange(2 * farthest + 1)
    found = make_log_bucket_position(distances, buckets, farthest).long().tolist()
    other = make_log_bucket_position(-distances, buckets, farthest).long().tolist()
    assert other == [-bucket for bucket in found]
    return [next((i for i, b in enumerate(found) if b >= bucket), 2 * farthest + 1) for bucket in range(max(found) + 1)]


rows = [json.dumps([buckets, farthest, begins(buckets, farthest)]) for buckets, farthest in SETTINGS]
(Path(__file__).parent / "relative_buckets.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
