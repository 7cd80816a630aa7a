"""Writes reliability.json: calibration errors, Brier scores, likelihoods and temperatures of made-up
margins by NumPy, SciPy and scikit-learn.

    pip install numpy scipy scikit-learn
    python tests/golden/evaluation/make_reliability.py
"""

import json
import pathlib

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

random = np.random.default_rng(5)
BINS = 15


def ece(confidence, right, bin_of):
    n = len(confidence)
    return sum(
        (bin_of == b).sum() / n * abs(right[bin_of == b].mean() - confidence[bin_of == b].mean())
        for b in np.unique(bin_of)
    )


def figures(margins, temperature):
    p = expit(margins / temperature)
    confidence = expit(abs(margins) / temperature)  # max(p, 1 - p), the same for both signs
    right = np.where(margins > 0, 1, np.where(margins == 0, 0.5, 0))
    width = np.clip(np.digitize(confidence, np.linspace(0.5, 1, BINS + 1)) - 1, 0, BINS - 1)
    # Equal confidences share the bin of the first of them in ascending order.
    first = np.searchsorted(np.sort(confidence), confidence, side="left")
    mass = first * BINS // len(confidence)
    ones = np.ones(len(p))
    if not (margins == 0).any():
        # Bins that hold their lower ends are scikit-learn's, but for confidences on an edge.
        true, predicted = calibration_curve(right, (confidence - 0.5) * 2, n_bins=BINS)
        counts = np.bincount(width, minlength=BINS)
        by_sklearn = (counts[counts > 0] * abs(true - (predicted / 2 + 0.5))).sum() / len(p)
        assert abs(by_sklearn - ece(confidence, right, width)) < 1e-12
    return {
        "temperature": float(temperature),
        "confidence": float(confidence.mean()),
        "ece": float(ece(confidence, right, width)),
        "eceEqualMass": float(ece(confidence, right, mass)),
        "brier": float(brier_score_loss(np.r_[ones, 0], np.r_[p, 0]) * (len(p) + 1) / len(p)),
        # Not log_loss, which clips what a large margin in the wrong order says.
        "nll": float(np.logaddexp(0, -margins / temperature).mean()),
        "bins": np.bincount(width, minlength=BINS).tolist(),
        "equalMassBins": np.bincount(mass, minlength=BINS).tolist(),
    }


def temperature(margins):
    loss = lambda u: np.logaddexp(0, -u * margins).mean()
    rough = minimize_scalar(loss, bounds=(1e-9, 1e3), method="bounded").x
    slope = lambda u: -(margins * expit(-u * margins)).mean()
    return 1 / brentq(slope, rough / 2, rough * 2, xtol=1e-300, rtol=1e-15)


def case(name, margins):
    fitted = temperature(margins)
    return {"name": name, "margins": margins.tolist(), "accuracy": float(((margins > 0) + (margins == 0) / 2).mean()),
            "asGiven": figures(margins, 1.0), "fitted": figures(margins, fitted)}


cases = [
    case("overconfident", np.round(random.normal(2, 4, 120), 3)),
    case("underconfident", np.round(random.normal(0.2, 0.2, 90), 4)),
    case("ties and repeats", np.round(random.normal(0.5, 1, 80), 0)),
    case("large", np.round(random.normal(300, 500, 60), 1)),
]
path = pathlib.Path(__file__).with_name("reliability.json")
path.write_text(json.dumps({"cases": cases}) + "\n")
print(path.stat().st_size)
