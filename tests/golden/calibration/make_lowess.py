"""Writes lowess.json: random LOWESS cases and their fits by statsmodels.

    pip install "statsmodels==0.15.0" numpy
    python tests/golden/calibration/make_lowess.py

Rows of equal x are given to statsmodels in their input order (a stable sort, `is_sorted=True`):
its own argsort is not stable, and where a window cuts through equal x the order decides which of
them are inside.
"""

import json
import pathlib
import warnings

import numpy as np
from statsmodels.nonparametric.smoothers_lowess import lowess

warnings.filterwarnings("ignore")  # 0/0 where a window has radius 0: part of the algorithm
random = np.random.default_rng(20240917)
cases = []


def add(name, x, y, frac, iterations, delta=0.0):
    x = np.round(np.asarray(x, float), 3)
    y = np.round(np.asarray(y, float), 4)
    order = np.argsort(x, kind="stable")
    fit = lowess(y[order], x[order], frac=frac, it=iterations, delta=delta, is_sorted=True)[:, 1]
    cases.append(
        {
            "name": name,
            "x": x.tolist(),
            "y": y.tolist(),
            "frac": frac,
            "iterations": iterations,
            "delta": delta,
            "fit": [round(value, 12) for value in fit],
        }
    )


def curve(x, noise):
    scale = np.ptp(x) or 1.0
    return np.sin(3 * x / scale) + x / scale + noise * random.normal(size=len(x))


fractions = [0.05, 0.1, 0.2, 1 / 3, 0.5, 2 / 3, 0.9, 1.0]
for index in range(24):
    frac, iterations = fractions[index % 8], index % 6
    n = int(random.integers(4, 25))
    x = random.uniform(-50, 50, n)
    add(f"distinct {index}", x, curve(x, 0.3), frac, iterations)
    x = random.integers(0, max(2, n // 2), n)
    add(f"ties {index}", x, curve(x, 0.3), frac, iterations)
    x = random.integers(1, 30, n)
    y = curve(x, 0.2)
    y[random.integers(0, n, max(1, n // 8))] += random.choice([-1, 1]) * 10 ** random.integers(1, 5)
    add(f"outliers {index}", x, y, frac, iterations)

for n in (1, 2, 3):
    for frac in (0.05, 0.5, 1.0):
        for iterations in (0, 3):
            x = random.integers(0, 3, n)
            add(f"n={n} ties frac={frac} it={iterations}", x, random.normal(size=n), frac, iterations)
            x = random.uniform(0, 9, n)
            add(f"n={n} frac={frac} it={iterations}", x, random.normal(size=n), frac, iterations)

for index, frac in enumerate(fractions):
    n = 15
    x = random.integers(0, 12, n)
    add(f"constant score {index}", x, np.full(n, 2.5), frac, index % 6)
    add(f"constant feature {index}", np.full(n, 7), random.normal(size=n), frac, index % 6)
    x = np.arange(n)
    add(f"straight line {index}", x, 0.5 * x - 3, frac, index % 6)
    y = np.where(random.uniform(size=n) < 0.7, 1.0, random.normal(size=n))
    add(f"mostly one score {index}", x, y, frac, index % 6)
    y = np.round(random.normal(size=n))
    add(f"few score values {index}", random.integers(0, 6, n), y, frac, index % 6)
    add(f"large offset {index}", x + 1e6, y + 1e5, frac, index % 6)

for index in range(8):
    n = 40
    x = random.integers(10, 400, n) if index % 2 else random.uniform(0, 100, n)
    delta = [0.01, 0.05, 0.2, 1.5][index % 4] * float(np.ptp(x))
    add(f"delta {index}", x, curve(x, 0.3), [0.2, 0.5, 0.9][index % 3], index % 4, round(delta, 3))

for index in range(4):
    n = 120
    x = np.round(np.exp(random.normal(4.5, 0.7, n)))
    add(f"lengths {index}", x, 0.002 * x + random.normal(size=n), [0.1, 1 / 3, 0.9, 1.0][index], 3)
    x = random.integers(0, 25, n)
    add(f"many ties {index}", x, curve(x, 0.5), [0.05, 0.2, 0.5, 0.9][index], 3)



def lehmer_pool(count, distinct):
    """A large pool that a test can draw again: 48271^i mod (2^31 - 1), whole numbers throughout."""
    state, xs, ys = 1, [], []
    for _ in range(count):
        state = state * 48271 % 2147483647
        xs.append(1 + state % distinct)
        state = state * 48271 % 2147483647
        ys.append((state % 20011) / 2048 + xs[-1] / 64)
    return np.array(xs, float), np.array(ys)


x, y = lehmer_pool(60000, 300)
order = np.argsort(x, kind="stable")
fit = lowess(y[order], x[order], frac=0.9, it=3, is_sorted=True)
firsts = np.unique(fit[:, 0], return_index=True)[1]
large = {
    "count": 60000,
    "distinct": 300,
    "frac": 0.9,
    "iterations": 3,
    "fitAtDistinctX": [round(value, 12) for value in fit[firsts, 1]],
}

path = pathlib.Path(__file__).with_name("lowess.json")
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
path.write_text(
    '{"generator":"statsmodels 0.15.0, stably sorted rows","cases":[\n'
    + lines
    + '\n],"large":'
    + json.dumps(large, separators=(",", ":"))
    + "}\n"
)
print(f"{len(cases)} cases, {path.stat().st_size} bytes")
