"""Writes certainty.json: conformal intervals by NumPy in exact ranks, and thresholds for abstaining by
SciPy's beta distribution.

    pip install numpy scipy
    python tests/golden/calibration/make_certainty.py
"""

import json
import math
import pathlib
from fractions import Fraction

import numpy as np
from scipy.stats import beta, binom

random = np.random.default_rng(19)


def quantile(errors, alpha):
    rank = math.ceil((len(errors) + 1) * (1 - Fraction(str(alpha))))
    return None if rank > len(errors) else float(np.sort(errors)[rank - 1])


def own(quantiles, alpha):
    """The head's quantiles at alpha/2 and 1 - alpha/2, linear between its levels."""
    levels = np.arange(1, quantiles.shape[1] + 1) / (quantiles.shape[1] + 1)
    return [np.array([np.interp(level, levels, row) for row in quantiles]) for level in (alpha / 2, 1 - alpha / 2)]


def intervals(n, alpha):
    score = np.round(random.normal(0, 2, n), 3)
    spread = 0.3 + np.abs(score)
    target = np.round(score + spread * random.normal(size=n), 3)
    group = random.choice(["a", "b", "rare"], n, p=[0.5, 0.45, 0.05])
    quantiles = np.round(score[:, None] + spread[:, None] * np.linspace(-1.4, 1.4, 9), 3)
    low, high = own(quantiles, alpha)
    return {
        "alpha": alpha, "score": score.tolist(), "target": target.tolist(), "group": group.tolist(),
        "quantiles": quantiles.tolist(), "low": low.tolist(), "high": high.tolist(),
        "split": quantile(np.abs(target - score), alpha),
        "groups": {name: quantile(np.abs(target - score)[group == name], alpha) for name in ["a", "b"]},
        "fromQuantiles": quantile(np.maximum(low - target, target - high), alpha),
    }


def abstention(n, risk, delta, steps=100):
    size = np.abs(np.round(random.normal(0, 2, n), 1))
    right = random.random(n) < 1 - 0.5 * np.exp(-1.5 * size)
    order = np.argsort(-size, kind="stable")
    tested, passed = [], None
    enough = next(m for k in range(1, 10**6) for m in [math.ceil(2 * k / risk)] if binom.cdf(k, m, risk) <= delta)
    for step in range(1, steps + 1):
        wanted = -(-step * n // steps)
        if (1 - risk) ** wanted > delta or wanted < min(enough, n // 4):
            continue
        threshold = size[order][wanted - 1]
        decided = int((size >= threshold).sum())
        if tested and tested[-1][1] == decided:
            continue
        errors = int((~right[size >= threshold]).sum())
        upper = float(beta.ppf(1 - delta, errors + 1, decided - errors))
        tested.append([float(threshold), decided, errors, upper])
        if upper > risk:
            break
        passed = float(threshold)
    return {"risk": risk, "delta": delta, "size": size.tolist(), "right": right.tolist(), "tested": tested,
            "threshold": passed}


golden = {
    "intervals": [intervals(60, 0.1), intervals(99, 0.07), intervals(40, 0.29)],
    "ranks": [[n, a, math.ceil((n + 1) * (1 - Fraction(str(a))))] for a in [0.01, 0.05, 0.07, 0.1, 0.29, 0.57, 0.9]
              for n in [9, 19, 99, 299, 999]],
    "abstention": [abstention(400, 0.1, 0.1), abstention(300, 0.2, 0.05), abstention(250, 0.3, 0.01)],
}
path = pathlib.Path(__file__).with_name("certainty.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size, [(case["threshold"], len(case["tested"])) for case in golden["abstention"]])
