"""Writes bootstrap.json: normal and binomial distributions by SciPy, McNemar's test by statsmodels,
and bootstrap intervals by NumPy and SciPy.

    pip install numpy scipy statsmodels
    python tests/golden/numbers/make_bootstrap.py

The draws are those of seeded_random.ts (mulberry32), made again here, so that the intervals can be
compared digit by digit. SciPy's own BCa is given the same draws as its generator, where the clusters
are rows.
"""

import json
import pathlib

import numpy as np
import scipy.stats as stats
from statsmodels.stats.contingency_tables import mcnemar

random = np.random.default_rng(11)
MASK = np.uint64(0xFFFFFFFF)


def mulberry(seed, count):
    """The first numbers of seededRandom(seed)."""
    state = (np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5)) & MASK
    mixed = ((state ^ (state >> np.uint64(15))) * (state | np.uint64(1))) & MASK
    second = ((mixed ^ (mixed >> np.uint64(7))) * (mixed | np.uint64(61))) & MASK
    mixed ^= (mixed + second) & MASK
    return (mixed ^ (mixed >> np.uint64(14))).astype(np.float64) / 4294967296


def drawn(seed, draws, clusters):
    return np.floor(mulberry(seed, draws * clusters) * clusters).astype(int).reshape(draws, clusters)


def percentile(values, confidence):
    tail = (1 - confidence) / 2
    return np.quantile(values, [tail, 1 - tail]).tolist()


def bca(values, estimate, jackknife, confidence):
    """Efron's BCa, as scipy.stats.bootstrap writes it."""
    share = ((values < estimate).sum() + (values <= estimate).sum()) / (2 * len(values))
    z0 = stats.norm.ppf(share)
    away = jackknife.mean() - jackknife
    a = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    z = stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    return np.quantile(values, stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))).tolist()


class SameDraws(np.random.Generator):
    """A generator whose integers are our draws."""

    def __init__(self, rows):
        super().__init__(np.random.PCG64(0))
        self.rows, self.at = rows, 0

    def integers(self, low, high=None, size=None, **rest):
        taken = self.rows[self.at : self.at + size[0]]
        self.at += size[0]
        return taken


def case(name, first, second, counts, seed, draws, confidence):
    n = len(counts)
    rows = drawn(seed, draws, n)
    ratio = lambda sums, index: sums[index].sum(-1) / counts[index].sum(-1)
    everything = np.arange(n)
    but_one = np.array([np.delete(everything, i) for i in range(n)])
    result = {"name": name, "first": first.tolist(), "second": second.tolist(),
              "counts": counts.tolist(), "seed": seed, "draws": draws, "confidence": confidence}
    for key, statistic in {
        "mean": lambda index: ratio(first, index),
        "difference": lambda index: ratio(first, index) - ratio(second, index),
        # A figure that is no mean: the deviation of the first sums.
        "deviation": lambda index: np.std(first[index], axis=-1),
    }.items():
        if key == "deviation" and (first == np.round(first)).all():
            continue  # draws that tie with the figure but for rounding: BCa then counts rounding
        values, estimate = statistic(rows), statistic(everything)
        entry = {"estimate": float(estimate), "percentile": percentile(values, confidence),
                 "bca": bca(values, estimate, statistic(but_one), confidence)}
        if key == "mean" and (counts == 1).all():
            scipy = stats.bootstrap((first,), np.mean, n_resamples=draws, batch=draws, method="BCa",
                                    confidence_level=confidence, vectorized=True,
                                    rng=SameDraws(rows)).confidence_interval
            assert np.allclose([scipy.low, scipy.high], entry["bca"], rtol=0, atol=1e-12), name
            entry["bca"] = [float(scipy.low), float(scipy.high)]
        result[key] = entry
    return result


n = 40
ones = np.ones(n, int)
sizes = random.integers(1, 5, 25)
cases = [
    case("accuracy of rows", (random.random(n) < 0.8) * 1.0, (random.random(n) < 0.6) * 1.0, ones, 0, 2000, 0.95),
    case("skewed values", np.round(random.exponential(2, n), 3), np.round(random.exponential(2, n), 3), ones, 7, 1500, 0.9),
    case("clusters", random.binomial(sizes, 0.7) * 1.0, random.binomial(sizes, 0.5) * 1.0, sizes, 3, 1000, 0.99),
]
points = [-37.0, -12.5, -5.0, -2.0, -1.9999, -1.0, -1e-9, 0.0, 0.3, 1.0, 1.96, 2.5, 7.0]
levels = [1e-300, 1e-20, 1e-9, 0.001, 0.0249, 0.075, 0.3, 0.5, 0.9, 0.95, 0.999, 1 - 1e-12]
binomials = [(0, 1, 0.5), (0, 59, 0.05), (3, 10, 0.2), (7, 10, 0.9), (50, 1000, 0.07), (450, 1000, 0.5),
             (999, 1000, 0.99), (14_800, 300_000, 0.05), (15_200, 300_000, 0.05), (1, 300_000, 1e-5),
             (30, 60, 0.5), (2, 5, 0.999), (100, 1000, 0.5)]
uppers = [(0, 1, 0.05), (0, 59, 0.05), (1, 59, 0.1), (5, 100, 0.05), (99, 100, 0.05), (50, 100, 0.001),
          (14_800, 300_000, 0.05), (0, 300_000, 0.1), (300, 1_000_000, 0.01)]
tables = [(0, 5), (5, 0), (4, 4), (10, 25), (0, 0), (120, 90), (1000, 1100)]
golden = {
    "normalCdf": [[z, float(stats.norm.cdf(z))] for z in points],
    "normalQuantile": [[p, float(stats.norm.ppf(p))] for p in levels],
    "binomialCdf": [[k, m, p, float(stats.binom.cdf(k, m, p))] for k, m, p in binomials],
    "upper": [[k, m, d, float(stats.beta.ppf(1 - d, k + 1, m - k))] for k, m, d in uppers],
    "lower": [[k, m, d, float(stats.beta.ppf(d, k, m - k + 1)) if k else 0.0] for k, m, d in uppers],
    "mcnemar": [[b, c, float(mcnemar([[0, b], [c, 0]], exact=True).pvalue) if b + c else 1.0] for b, c in tables],
    "cases": cases,
}
path = pathlib.Path(__file__).with_name("bootstrap.json")
path.write_text(json.dumps(golden) + "\n")
print(path.stat().st_size)
