"""Makes files of many pairs, for large_rows.ts: as JSON Lines and in Parquet as PyArrow and pandas write it.

Run: python large_rows.py FOLDER [PAIRS]  (needs pyarrow and pandas; 300,000 pairs of about 500
bytes are 1.1 GB in all). Every Parquet file has one row group, which is what both write by default
below a million rows.
"""

import json
import pathlib
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

folder = pathlib.Path(sys.argv[1])
pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
folder.mkdir(parents=True, exist_ok=True)
draw = random.Random(1)
letters = "abcdefghijklmnopqrstuvwxyz"
words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(5000)]


def text(length: int) -> str:
    return " ".join(draw.choices(words, k=length // 4))[:length]


def pair(i: int) -> dict:
    chosen, rejected = draw.gauss(0, 2), draw.gauss(-0.3, 2)
    return {
        "prompt": text(80),
        "chosen": text(200),
        "rejected": text(200),
        "chosen_score": chosen,
        "rejected_score": rejected,
        # As `assay vote` writes it; curate reads it.
        "strength_mean": chosen - rejected,
        "target_probability": draw.random(),
        "category": "incorrect" if chosen < rejected else "normal",
    }


def messages(row: dict) -> dict:
    prompt = {"role": "user", "content": row["prompt"]}
    return {
        **{name: value for name, value in row.items() if name != "prompt"},
        "chosen": [prompt, {"role": "assistant", "content": row["chosen"]}],
        "rejected": [prompt, {"role": "assistant", "content": row["rejected"]}],
    }


rows = [pair(i) for i in range(pairs)]
with open(folder / "pairs.jsonl", "w", encoding="utf-8") as file:
    for row in rows:
        file.write(json.dumps(row) + "\n")
table = pa.Table.from_pylist(rows)
whole = {"row_group_size": pairs}
pq.write_table(table, folder / "pyarrow.parquet", **whole)
pq.write_table(table, folder / "indexed.parquet", write_page_index=True, **whole)
pq.write_table(table, folder / "zstd_v2.parquet", compression="zstd", data_page_version="2.0", **whole)
table.to_pandas().to_parquet(folder / "pandas.parquet", row_group_size=pairs)
pq.write_table(pa.Table.from_pylist([messages(row) for row in rows]), folder / "messages.parquet", **whole)
