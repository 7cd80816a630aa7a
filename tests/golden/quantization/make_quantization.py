"""Writes quantization.json: groups of weights, quantized by NumPy as Assay says that it quantizes them.

    python tests/golden/quantization/make_quantization.py

NumPy 2. Everything in f32: the scale of a group is its weight of largest magnitude divided by a level,
rounded to f16; of the levels the first one with the least squared error is taken; whole numbers are the
nearest, ties to even, to weight * (1 / scale).
"""

import json
from pathlib import Path

import numpy as np

LEVELS = {8: [127, 129, 131], 4: [-8, -8.5, -9, -9.5, -10, 7, 7.5, 8, 8.5, 9]}
RANGE = {8: (-127, 127), 4: (-8, 7)}
F = np.float32


def whole_numbers(group, scale, bits):
    low, high = RANGE[bits]
    return np.clip(np.rint(group * (F(1) / scale)), F(low), F(high)).astype(F)


def squared_error(group, scale, bits, size):
    padded = np.zeros(size, F)
    padded[: len(group)] = group
    error = padded - whole_numbers(padded, scale, bits) * scale
    # Four sums side by side, one addition after another.
    sums = np.add.accumulate((error * error).reshape(-1, 4), axis=0, dtype=F)[-1]
    return F(F(sums[0] + sums[1]) + F(sums[2] + sums[3]))


def quantize_group(group, bits, size):
    high, low = F(max(group.max(), 0)), F(min(group.min(), 0))
    peak = low if -low > high else high
    if peak == 0:
        return F(0), np.zeros(len(group), F)
    best, chosen = np.inf, None
    for level in LEVELS[bits]:
        with np.errstate(over="ignore"):
            scale = F(np.float16(F(peak) / F(level)))
        if scale == 0:
            scale = F(np.sign(peak) * np.sign(level) * 2.0**-24)
        if not np.isfinite(scale):
            continue
        error = squared_error(group, scale, bits, size)
        if error < best:
            best, chosen = error, scale
    return chosen, whole_numbers(group, chosen, bits)


def quantize(values, bits, size):
    scales, quants = [], []
    for row in values:
        for start in range(0, len(row), size):
            scale, numbers = quantize_group(row[start : start + size], bits, size)
            scales.append(int(np.float16(scale).view(np.uint16)))
            quants.extend(int(n) for n in numbers)
    return scales, quants


def matrices():
    random = np.random.default_rng(7)
    rows = random.standard_normal((6, 150)).astype(F) * F(0.03)
    yield "normal", rows
    yield "bf16", (rows.view(np.uint32) & np.uint32(0xFFFF0000)).view(F)
    heavy = (random.standard_t(2, (4, 128)) * 0.01).astype(F)
    yield "heavy tails", heavy
    ties = (np.arange(64) - 32).astype(F) / F(2)
    yield "ties", np.stack([ties, -ties])
    odd = np.zeros((4, 40), F)
    odd[1] = F(1e-9) * np.arange(40).astype(F)
    odd[2, 3] = F(4e5)
    odd[3] = F(3e-6) * np.sin(np.arange(40)).astype(F)
    yield "zeros, tiny, large", odd


cases = []
for name, values in matrices():
    for bits in (8, 4):
        for size in (32, 128):
            scales, quants = quantize(values, bits, size)
            cases.append(
                {
                    "name": name,
                    "bits": bits,
                    "group": size,
                    "columns": values.shape[1],
                    "values": [int(v) for v in values.reshape(-1).view(np.uint32)],
                    "scales": scales,
                    "quants": quants,
                }
            )
# The values stand once, with the first case of each name.
seen = set()
for case in cases:
    if case["name"] in seen:
        case["values"] = None
    seen.add(case["name"])
text = json.dumps(cases, separators=(",", ":"))
(Path(__file__).parent / "quantization.json").write_text(text + "\n")
print(len(text))
