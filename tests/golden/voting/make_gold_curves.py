"""Golden values of src/voting/gold_curve.ts: the mean over all subsets, written out.

    python make_gold_curves.py     # rewrites gold_curves.json beside this script
"""

import itertools
import json
import math
from pathlib import Path

import numpy as np

rng = np.random.default_rng(20260927)
N = 9


def best_of(proxy, value, n):
    """Mean over all subsets of n candidates of the pick's value, ties broken at random."""
    picks = []
    for subset in itertools.combinations(range(len(proxy)), n):
        chosen = list(subset)
        top = proxy[chosen].max()
        picks.append(np.mean([value[i] for i in chosen if proxy[i] == top]))
    return np.mean(picks)


prompts = []
for _ in range(12):
    quality = np.round(rng.normal(size=N), 3)
    # One proxy that follows quality, one that is taken in by something else; both with ties.
    good = np.round(quality + rng.normal(size=N), 1)
    length = rng.integers(1, 5, size=N)
    bad = np.where(length == 4, 10.0, np.round(quality, 1)) + 0.5 * length
    prompts.append({"scores": [good.tolist(), bad.tolist()], "gold": quality.tolist()})

curves = []
for proxy in range(2):
    gold = [
        np.mean([best_of(np.array(p["scores"][proxy]), np.array(p["gold"]), n) for p in prompts])
        for n in range(1, N + 1)
    ]
    own = [
        np.mean([
            best_of(np.array(p["scores"][proxy]), np.array(p["scores"][proxy]), n) for p in prompts
        ])
        for n in range(1, N + 1)
    ]
    kl = np.array([math.log(n) - (n - 1) / n for n in range(1, N + 1)])
    d = np.sqrt(kl)
    (alpha, minus_beta), *_ = np.linalg.lstsq(
        np.stack([d, d**2], axis=1), np.array(gold) - gold[0], rcond=None
    )
    curves.append({
        "gold": gold,
        "proxy": own,
        "kl": kl.tolist(),
        "alpha": alpha,
        "beta": -minus_beta,
    })

target = Path(__file__).with_name("gold_curves.json")
target.write_text(json.dumps({"prompts": prompts, "curves": curves}, indent=1) + "\n")
