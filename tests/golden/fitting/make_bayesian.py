"""Writes bayesian.json: Bayesian linear heads by scikit-learn's BayesianRidge and by NumPy.

    pip install numpy scipy scikit-learn
    python tests/golden/fitting/make_bayesian.py

Features are small multiples of 1/64, so that float32 holds them exactly.
"""

import json
import pathlib

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import BayesianRidge

random = np.random.default_rng(8)
TIGHT = dict(xtol=1e-14, rtol=1e-14)


def grid(*shape):
    return np.round(random.normal(size=shape) * 64) / 64


def ratings(n, d, noise):
    x = grid(n, d)
    y = np.round(x @ random.normal(size=d) * (random.random(d) < 0.6).mean() + noise * random.normal(size=n), 3)
    model = BayesianRidge(alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-15, max_iter=200_000, fit_intercept=False)
    model.fit(x, y)
    at = grid(3, d)
    mean, std = model.predict(at, return_std=True)
    # The closed form, at scikit-learn's own penalty and noise.
    precision = x.T @ x * model.alpha_ + model.lambda_ * np.eye(d)
    w = np.linalg.solve(precision, x.T @ y) * model.alpha_
    variance = np.einsum("ij,jk,ik->i", at, np.linalg.inv(precision), at) + 1 / model.alpha_
    assert np.allclose(w, model.coef_, rtol=0, atol=1e-11) and np.allclose(variance, std**2, rtol=1e-10)
    return {"features": x.ravel().tolist(), "ratings": y.tolist(), "dimension": d, "penalty": float(model.lambda_),
            "noise": float(1 / model.alpha_), "weight": w.tolist(), "at": at.tolist(), "score": (at @ w).tolist(),
            "std": np.sqrt(variance).tolist()}


def laplace(delta, smoothing, margin, penalty):
    """Newton's method to the last digit."""
    w = np.zeros(delta.shape[1])
    for _ in range(200):
        p = expit(delta @ w - margin)
        gradient = delta.T @ (p - (1 - smoothing)) + penalty * w
        hessian = (delta * (p * (1 - p))[:, None]).T @ delta + penalty * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w = w - step
        if np.abs(step).max() < 1e-15:
            break
    return w, hessian


def pairs(n, d, soft, penalty=None):
    features = grid(2 * n, d)
    order = np.arange(2 * n).reshape(n, 2)
    truth = random.normal(size=d) * 0.7
    flip = random.random(n) > expit((features[order[:, 0]] - features[order[:, 1]]) @ truth)
    order[flip] = order[flip][:, ::-1]
    delta = features[order[:, 0]] - features[order[:, 1]]
    smoothing = np.round(random.random(n) * 0.2, 3) if soft else np.zeros(n)
    margin = np.round(random.normal(size=n) * 0.3, 3) if soft else np.zeros(n)

    def slope(log_penalty):
        w, hessian = laplace(delta, smoothing, margin, np.exp(log_penalty))
        return d - np.exp(log_penalty) * (np.trace(np.linalg.inv(hessian)) + w @ w)

    given = penalty
    if penalty is None:
        penalty = np.exp(brentq(slope, np.log(1e-4), np.log(1e4), **TIGHT))
    w, hessian = laplace(delta, smoothing, margin, penalty)
    covariance = np.linalg.inv(hessian)
    at = grid(3, d)
    case = {"features": features.ravel().tolist(), "pairs": order.ravel().tolist(), "dimension": d, "given": given,
            "penalty": float(penalty), "weight": w.tolist(), "at": at.tolist(), "score": (at @ w).tolist(),
            "std": np.sqrt(np.einsum("ij,jk,ik->i", at, covariance, at)).tolist(),
            "marginStd": float(np.sqrt((at[0] - at[1]) @ covariance @ (at[0] - at[1])))}
    if soft:
        case |= {"labelSmoothing": smoothing.tolist(), "margin": margin.tolist()}
    return case


golden = {"ratings": [ratings(60, 5, 0.5), ratings(40, 12, 1.5)],
          "pairs": [pairs(80, 4, False), pairs(60, 9, True), pairs(20, 6, False, 0.5)]}
path = pathlib.Path(__file__).with_name("bayesian.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size, [case["penalty"] for cases in golden.values() for case in cases])
