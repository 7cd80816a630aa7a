"""Ridge regressions of scikit-learn with missing labels: python tests/golden/fitting/make_ridge.py"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error

ALPHAS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000, 10000]


def case(name: str, rows: int, validation: int, size: int, present: list, seed: int, correlated=False) -> dict:
    """`present`: for each objective the range of rows (as shares) that have labels, and their density."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows + validation, size))
    if correlated:
        x = x @ rng.standard_normal((size, size)) * np.geomspace(1, 1e-2, size)
    x = np.float32(x).round(4)
    y = x @ rng.standard_normal((size, len(present))) + 0.5 * rng.standard_normal((len(x), len(present)))
    y = y.round(4)
    place = np.concatenate((np.arange(rows) / rows, np.arange(validation) / max(validation, 1)))
    for j, (begin, end, density) in enumerate(present):
        hidden = (place < begin) | (place >= end) | (rng.random(len(x)) > density)
        y[hidden, j] = np.nan
    fits = [fit(x.astype(np.float64), y[:, j], rows) for j in range(len(present))]
    labels = [[None if np.isnan(v) else v for v in row] for row in y.tolist()]
    features = [[round(v, 4) for v in row] for row in x.tolist()]
    return {"name": name, "train": rows, "features": features, "labels": labels, "objectives": fits}


def fit(x: np.ndarray, y: np.ndarray, rows: int) -> dict:
    known = ~np.isnan(y)
    train, held = known[:rows], known[rows:]
    models = [Ridge(alpha=a, fit_intercept=False).fit(x[:rows][train], y[:rows][train]) for a in ALPHAS]
    losses = [mean_squared_error(y[rows:][held], m.predict(x[rows:][held])) for m in models]
    best = int(np.argmin(losses))
    return {"alpha": ALPHAS[best], "losses": losses, "weights": models[best].coef_.tolist()}


cases = [
    case("one source", 40, 12, 7, [(0, 1, 1.0)] * 3, 1),
    case("three sources that do not overlap", 60, 24, 6, [(0, 0.3, 1), (0, 0.3, 1), (0.3, 0.7, 1), (0.7, 1, 1)], 2),
    case("labels missing at random", 50, 20, 5, [(0, 1, 0.9), (0, 1, 0.6), (0.1, 0.9, 0.8), (0, 1, 0.3)], 3),
    case("fewer rows than features", 12, 6, 18, [(0, 1, 1), (0, 0.6, 1)], 4),
    case("some objectives with fewer rows than features", 40, 12, 16, [(0, 1, 1), (0, 0.25, 1), (0.2, 1, 1)], 5),
    case("features on different scales", 60, 20, 9, [(0, 1, 1), (0.5, 1, 0.9)], 6, True),
]
print(sklearn.__version__)
Path(__file__).with_name("ridge.json").write_text(json.dumps({"alphas": ALPHAS, "cases": cases}) + "\n")
