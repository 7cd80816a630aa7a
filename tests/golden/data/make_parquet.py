"""Makes preferences.parquet: rows as Hugging Face's `datasets` stores them, written by PyArrow.

Run in this folder: python make_parquet.py (PyArrow 26.0.1 was used).
"""

import json

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40


def row(i: int) -> dict:
    question = {"role": "user", "content": f"Question {i}: é, 漢字, 🙂\nsecond line"}
    return {
        "id": 2**60 + i,
        "subset": ["chat", "safety", None][i % 3],
        "prompt": [question],
        "chosen": [question, {"role": "assistant", "content": f"Answer {i}"}],
        "rejected": [] if i % 7 == 0 else [question, {"role": "assistant", "content": "No."}],
        "score_chosen": None if i % 5 == 0 else i / 3,
        "rating": i,
        "tags": None if i % 4 == 0 else ["a"] * (i % 4),
    }


message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
schema = pa.schema([
    ("id", pa.int64()),
    ("subset", pa.dictionary(pa.int32(), pa.string())),
    ("prompt", message),
    ("chosen", message),
    ("rejected", message),
    ("score_chosen", pa.float64()),
    ("rating", pa.int16()),
    ("tags", pa.list_(pa.string())),
])
rows = [row(i) for i in range(ROWS)]
pq.write_table(
    pa.Table.from_pylist(rows, schema),
    "preferences.parquet",
    compression="zstd",
    row_group_size=16,
    write_page_index=True,
)
with open("preferences.jsonl", "w", encoding="utf-8") as file:
    for item in rows:
        file.write(json.dumps(item, ensure_ascii=False) + "\n")
