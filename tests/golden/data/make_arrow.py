"""Makes arrow/*: the same rows as Arrow files and streams, in the ways that PyArrow and Polars write them.

rows.jsonl holds them as JSON has them, by Python's own conversions.

Run in this folder: python make_arrow.py (PyArrow 26.0.1, Polars 2.1.0 were used).
"""

import base64
import datetime as dt
import decimal
import hashlib
import json
import math
import os
import random

import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc

utc = dt.timezone.utc
message = pa.struct([("role", pa.string()), ("content", pa.string())])
columns = {
    "prompt": (pa.string(), ["Hi", None, "ünï 🙂"]),
    "chosen": (pa.list_(message), [[{"role": "user", "content": "q"}, {"role": "assistant", "content": None}], [], None]),
    "id": (pa.int64(), [2**60, -1, None]),
    "big": (pa.uint64(), [2**63, 3, None]),
    "small": (pa.int8(), [-3, None, 7]),
    "score": (pa.float64(), [1 / 3, None, -2.0]),
    "single": (pa.float32(), [0.1, math.nan, None]),
    "half": (pa.float16(), [0.5, 1.0, None]),
    "safe": (pa.bool_(), [True, None, False]),
    "subset": (pa.dictionary(pa.int32(), pa.string()), ["chat", "safety", "chat"]),
    "large": (pa.large_string(), ["a", "b", None]),
    "view": (pa.string_view(), ["short", "a text that is longer than twelve bytes", None]),
    "bytes": (pa.binary(), [b"text", b"\xff\x00", None]),
    "at": (pa.timestamp("us"), [dt.datetime(2024, 1, 2, 3, 4, 5, 678000), None, dt.datetime(1960, 1, 1)]),
    "at_utc": (pa.timestamp("ns", "UTC"), [dt.datetime(2024, 1, 2, tzinfo=utc), None, dt.datetime(1970, 1, 1, tzinfo=utc)]),
    "day": (pa.date32(), [dt.date(2024, 2, 29), None, dt.date(1960, 1, 1)]),
    "price": (pa.decimal128(10, 2), [decimal.Decimal("-12.50"), None, decimal.Decimal("0.07")]),
    "scores": (pa.list_(pa.float64(), 2), [[0.5, 0.25], None, [1.0, -1.0]]),
    "tags": (pa.large_list(pa.string()), [["x", None], [], None]),
    "meta": (pa.struct([("source", pa.string()), ("length", pa.int32())]), [{"source": "a", "length": 3}, None, {"source": None, "length": None}]),
    "counts": (pa.map_(pa.string(), pa.int64()), [[("k", 1), ("l", 2)], [], None]),
    "nothing": (pa.null(), [None, None, None]),
}
table = pa.table({name: pa.array(values, kind) for name, (kind, values) in columns.items()})


def as_json(name, value):
    if isinstance(value, dt.datetime):
        at = value.astimezone(utc) if value.tzinfo else value
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
    if isinstance(value, dt.date):
        return f"{value.isoformat()}T00:00:00.000Z"
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if name == "counts" and value is not None:
        return dict(value)
    return value


os.makedirs("arrow", exist_ok=True)
with open("arrow/rows.jsonl", "w") as file:
    for row in table.to_pylist():
        file.write(json.dumps({name: as_json(name, value) for name, value in row.items()}, ensure_ascii=False) + "\n")
for compression in ["uncompressed", "lz4", "zstd"]:
    feather.write_feather(table, f"arrow/{compression}.feather", compression=compression, chunksize=2)
with ipc.new_stream("arrow/stream.arrows", table.schema) as writer:
    writer.write_table(table, max_chunksize=2)
# LZ4 in several blocks, of which one is not packed and others refer to those before.
random.seed(7)
noise = random.randbytes(30_000).hex()
long = pa.table({"text": ["lorem ipsum dolor " * 9000, noise, None, "end " * 30_000]})
feather.write_feather(long, "arrow/long_lz4.feather", compression="lz4")
with open("arrow/long_sha256.json", "w") as file:
    texts = long["text"].to_pylist()
    json.dump([None if t is None else hashlib.sha256(t.encode()).hexdigest() for t in texts], file)
frame = pl.DataFrame({"id": [1, 2], "text": ["x", "a text that is longer than twelve bytes"], "tags": [["a"], []]})
frame.write_ipc("arrow/polars.arrow")
frame.write_ipc("arrow/polars_zstd.arrow", compression="zstd")
frame.write_ipc_stream("arrow/polars.arrows")
