"""Writes length_controlled.json: AlpacaEval 2's length-controlled regression by scikit-learn.

    pip install scikit-learn numpy
    python tests/golden/calibration/make_length_controlled.py

scikit-learn's liblinear runs to a tolerance of 1e-13 here, so that its coefficients can be compared.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
random = np.random.default_rng(7)
GRID = np.logspace(-4, 4, 10)


def fit(x, p, weight, c):
    """Soft labels as AlpacaEval fits them: every row twice, weighted by p and 1 - p."""
    model = LogisticRegression(
        penalty="l1", solver="liblinear", fit_intercept=False, C=c, tol=1e-13, max_iter=10**6,
        random_state=123,
    )
    n = len(p)
    y = np.r_[np.ones(n), np.zeros(n)]
    model.fit(np.r_[x, x], y, sample_weight=np.r_[p * weight, (1 - p) * weight])
    return model.coef_[0]


def loss(x, p, weight, w):
    eta = x @ w
    return np.mean(weight * (np.logaddexp(0, -eta) * p + np.logaddexp(0, eta) * (1 - p)))


def case(name, n, gamed_count, with_difficulty, certain=False):
    difference = np.round(random.normal(150, 500, n))
    difficulty = np.round(random.normal(0, 1, n), 3) if with_difficulty else np.zeros(n)
    eta = 1.2 * np.tanh(difference / difference.std()) + 0.4 * difficulty - 0.3
    p = np.round(1 / (1 + np.exp(-eta - random.normal(0, 1, n))), 3)
    if certain:
        p = np.ones(n)
    gamed_z = np.round(random.normal(0, 1, gamed_count), 3)
    gamed_difficulty = np.round(random.normal(0, 1, gamed_count), 3)
    gamed_p = np.round(1 / (1 + np.exp(gamed_z)), 3)

    z = np.tanh(np.r_[gamed_z, -difference / difference.std(ddof=1)])
    own = np.r_[np.zeros(gamed_count), np.ones(n)]
    x = np.c_[z, np.r_[gamed_difficulty, difficulty], own]
    target = np.r_[gamed_p, p]
    weight = np.r_[np.full(gamed_count, 0.1), np.ones(n)]

    fold = (len(target) - 1 - np.arange(len(target))) % 5
    losses = []
    for c in GRID:
        parts = []
        for part in range(5):
            held = fold == part
            w = fit(x[~held], target[~held], weight[~held], c)
            parts.append(loss(x[held], target[held], weight[held], w))
        losses.append(np.mean(parts))
    chosen = float(GRID[int(np.argmin(losses))])
    w = fit(x, target, weight, chosen)
    predicted = 1 / (1 + np.exp(-(w[1] * difficulty + w[2])))
    return {
        "name": name,
        "lengthDifference": difference.tolist(),
        "preference": p.tolist(),
        "difficulty": difficulty.tolist(),
        "gamed": [
            {"standardizedLengthDifference": a, "difficulty": b, "preference": c}
            for a, b, c in zip(gamed_z.tolist(), gamed_difficulty.tolist(), gamed_p.tolist())
        ],
        "coefficientsByC": {str(c): fit(x, target, weight, c).tolist() for c in (0.01, 0.1, 1.0, 100.0)},
        "chosenC": chosen,
        "coefficients": w.tolist(),
        "lengthControlledWinRate": float(100 * predicted.mean()),
        "standardError": float(100 * predicted.std(ddof=1) / np.sqrt(n)),
    }


cases = [
    case("length only", 120, 0, False),
    case("with difficulty", 120, 0, True),
    case("with gamed baselines", 90, 60, True),
    case("always preferred", 40, 0, False, certain=True),
    case("ten comparisons", 10, 0, False),
]
path = pathlib.Path(__file__).with_name("length_controlled.json")
lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in cases)
path.write_text(f'{{"generator":"scikit-learn {sklearn.__version__}","cases":[\n{lines}\n]}}\n')
print(path.stat().st_size, [entry["chosenC"] for entry in cases])
