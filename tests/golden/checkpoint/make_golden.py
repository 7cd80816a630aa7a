"""Makes the golden files of the checkpoint room with the format's Python package, torch and numpy.

    python tests/golden/checkpoint/make_golden.py

Written with safetensors 0.8.0, torch 2.15.0 and numpy 2.4.6.
"""

import hashlib
import json
from pathlib import Path

import numpy
import safetensors.torch
import torch

FOLDER = Path(__file__).parent


def every_dtype() -> None:
    """One file with all dtypes that Assay computes with and some more, and its values as text."""
    torch.manual_seed(0)
    floats = torch.randn(3, 5)
    tensors = {
        "float32": floats,
        "float16": floats.to(torch.float16),
        "bfloat16": floats.to(torch.bfloat16),
        "float64": floats.to(torch.float64),
        "float8": floats.to(torch.float8_e4m3fn),
        "int64": torch.tensor([-(2**62), -1, 0, 2**62 + 1]),
        "int32": torch.tensor([[-(2**31), 2**31 - 1]], dtype=torch.int32),
        "int16": torch.tensor([-(2**15), 7], dtype=torch.int16),
        "int8": torch.arange(-3, 4, dtype=torch.int8),
        "uint8": torch.arange(250, 256, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(-2.5),
        "empty": torch.zeros(0),
        "no_columns": torch.zeros(4, 0, dtype=torch.bfloat16),
        "special": torch.tensor([float("inf"), -float("inf"), -0.0, 1e-45], dtype=torch.float32),
        'quote " \\ and é 🙂': torch.ones(2, 2),
    }
    metadata = {"format": "pt"}
    safetensors.torch.save_file(tensors, FOLDER / "every_dtype.safetensors", metadata)
    expected = {
        name: {
            "shape": list(tensor.shape),
            "hex": tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex(),
        }
        for name, tensor in tensors.items()
    }
    for name in ("float32", "float16", "bfloat16", "scalar"):
        expected[name]["values"] = tensors[name].double().reshape(-1).tolist()
    (FOLDER / "every_dtype.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def sha256(array: numpy.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def bits_of(values: torch.Tensor, nan: int, dtype: type) -> numpy.ndarray:
    """Bit patterns, every NaN as `nan`: which NaN comes out of a conversion is the machine's choice."""
    view = {numpy.uint32: torch.int32, numpy.uint16: torch.int16}[dtype]
    bits = values.view(view).numpy().view(dtype).copy()
    bits[torch.isnan(values).numpy()] = nan
    return bits


def half_floats() -> None:
    """Checksums of all 65,536 half floats as 32-bit floats, and of 32-bit floats rounded to them."""
    halves = torch.from_numpy(numpy.arange(65536, dtype=numpy.uint16).view(numpy.int16))
    checksums = {}
    rounded_inputs = {}
    for name, dtype in (("F16", torch.float16), ("BF16", torch.bfloat16)):
        exact = halves.view(dtype).float()
        checksums[f"{name} to F32"] = sha256(bits_of(exact, 0x7FC00000, numpy.uint32))
        # All ties between neighbours and the floats on both sides of each.
        positive = exact[:0x8000]
        finite = positive[torch.isfinite(positive)]
        ties = ((finite[:-1].double() + finite[1:].double()) / 2).float()
        bits = ties.view(torch.int32).numpy().view(numpy.uint32)
        rounded_inputs[name] = numpy.concatenate([bits - 1, bits, bits + 1])
    # A million 32-bit patterns all over the range, by multiplicative hashing (Knuth, TAOCP 3, 6.4).
    spread = (numpy.arange(2**20, dtype=numpy.uint64) * 2654435761 % 2**32).astype(numpy.uint32)
    for name, dtype, nan in (("F16", torch.float16, 0x7E00), ("BF16", torch.bfloat16, 0x7FC0)):
        bits = numpy.concatenate([rounded_inputs[name], spread])
        bits = numpy.concatenate([bits, bits ^ numpy.uint32(0x80000000)])
        values = torch.from_numpy(bits.view(numpy.float32))
        checksums[f"F32 to {name}"] = sha256(bits_of(values.to(dtype), nan, numpy.uint16))
    # numpy rounds to binary16 in code of its own: the two must agree.
    bits = numpy.concatenate([rounded_inputs["F16"], spread])
    bits = numpy.concatenate([bits, bits ^ numpy.uint32(0x80000000)])
    with numpy.errstate(over="ignore"):
        by_numpy = bits.view(numpy.float32).astype(numpy.float16)
    assert checksums["F32 to F16"] == sha256(bits_of(torch.from_numpy(by_numpy), 0x7E00, numpy.uint16))
    (FOLDER / "half_floats.json").write_text(json.dumps(checksums, indent=2) + "\n")


every_dtype()
half_floats()
