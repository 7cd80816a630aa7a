"""Makes layouts/*.parquet: the same rows in the ways that PyArrow and pandas lay them out.

rows.jsonl.gz holds the rows. Pages are small and the rows are in one row group, so that lists go on
from page to page and the pages of one column end elsewhere than those of another.

Run in this folder: python make_layouts.py (PyArrow 26.0.1, pandas 3.1.1 were used).
"""

import gzip
import json
import random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 700
random.seed(7)
WORDS = ["alpha", "βήτα", "漢字", "🙂", "", "a longer word that takes some room"]


def text(most: int) -> str:
    return " ".join(random.choice(WORDS) for _ in range(random.randint(0, most)))


def messages() -> list:
    return [
        {"role": random.choice(["user", "assistant"]), "content": random.choice([text(6), None])}
        for _ in range(random.randint(0, 4))
    ]


def row(i: int) -> dict:
    return {
        "id": 2**60 + i,
        "prompt": text(8),
        "subset": ["chat", "safety", None][i // 100 % 3],
        "chosen": None if i % 11 == 0 else messages(),
        "score": None if i % 5 == 0 else i / 3,
        "safe": None if i % 7 == 0 else i % 2 == 0,
        "rank": i % 100,
        "tags": None if i % 4 == 0 else [[text(1)] * (j % 3) for j in range(i % 4)],
        "meta": None if i % 13 == 0 else {"source": text(2), "length": None if i % 3 else i},
        "nothing": None,
    }


message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
schema = pa.schema([
    ("id", pa.int64()),
    pa.field("prompt", pa.string(), nullable=False),
    ("subset", pa.string()),
    ("chosen", message),
    ("score", pa.float64()),
    ("safe", pa.bool_()),
    ("rank", pa.int16()),
    ("tags", pa.list_(pa.list_(pa.string()))),
    ("meta", pa.struct([("source", pa.string()), ("length", pa.int32())])),
    ("nothing", pa.null()),
])
rows = [row(i) for i in range(ROWS)]
table = pa.Table.from_pylist(rows, schema)
small = {"data_page_size": 1000, "write_batch_size": 64, "row_group_size": ROWS}
plain = {"use_dictionary": False}
deltas = {
    "use_dictionary": False,
    "column_encoding": {
        "id": "DELTA_BINARY_PACKED",
        "prompt": "DELTA_BYTE_ARRAY",
        "subset": "DELTA_LENGTH_BYTE_ARRAY",
        "score": "BYTE_STREAM_SPLIT",
        "safe": "RLE",
        "rank": "DELTA_BINARY_PACKED",
    },
}
layouts = {
    "snappy_v1": {"compression": "snappy"},
    "zstd_v2": {"compression": "zstd", "data_page_version": "2.0"},
    "gzip_plain_v1": {"compression": "gzip", **plain},
    "brotli_plain_v2": {"compression": "brotli", "data_page_version": "2.0", **plain},
    "lz4_v1_index": {"compression": "lz4", "write_page_index": True},
    "none_v2_index": {
        "compression": "none",
        "data_page_version": "2.0",
        "write_page_index": True,
    },
    "zstd_deltas_v1": {"compression": "zstd", **deltas},
    "snappy_deltas_v2": {"compression": "snappy", "data_page_version": "2.0", **deltas},
    "zstd_checksums": {"compression": "zstd", "write_page_checksum": True},
    "zstd_full_dictionary": {"compression": "zstd", "dictionary_pagesize_limit": 1000},
}
for name, options in layouts.items():
    pq.write_table(table, f"layouts/{name}.parquet", **{**small, **options})
frame = pd.DataFrame({
    name: [item[name] for item in rows] for name in ("id", "prompt", "chosen", "rank")
})
frame.to_parquet("layouts/pandas.parquet")
lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in rows)
with open("layouts/rows.jsonl.gz", "wb") as file:
    file.write(gzip.compress(lines.encode(), mtime=0))
