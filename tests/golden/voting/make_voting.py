"""Golden values of src/voting: every formula written out with NumPy and SciPy.

    python make_voting.py     # rewrites voting.json beside this script

NaN and infinities stand as null and "inf" / "-inf".
"""

import itertools
import json
import math
from pathlib import Path

import numpy as np
from scipy.stats import rankdata, trim_mean

rng = np.random.default_rng(20240106)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(inner) for inner in value]
    if isinstance(value, (np.integer, int)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, (np.floating, float)):
        number = float(value)
        if math.isnan(number):
            return None
        if math.isinf(number):
            return "inf" if number > 0 else "-inf"
        return number
    return value


def sigmoid(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))


def log_sigmoid(z):
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))


def strength(margins):
    d = margins[np.isfinite(margins)]
    if d.size == 0:
        return dict(mean=np.nan, std=np.nan, voteShare=np.nan, signalToNoise=np.nan,
                    targetProbability=np.nan, voters=0)
    mean, std = d.mean(), d.std(ddof=0)
    if d.min() == d.max():
        mean, std = d[0], 0.0
    if std == 0:
        snr = 0.0 if mean == 0 else math.copysign(math.inf, mean)
    else:
        snr = mean / std
    return dict(mean=mean, std=std, voteShare=np.mean((d > 0) + 0.5 * (d == 0)),
                signalToNoise=snr, targetProbability=sigmoid(d).mean(), voters=int(d.size))


def strengths():
    margins = rng.normal(0.7, 2.0, size=(60, 5)) + rng.normal(0, 1, size=(60, 1))
    margins = np.round(margins, 6)
    margins[rng.random(margins.shape) < 0.08] = np.nan
    margins[3, 1] = np.inf
    margins[4, :] = 0.0
    margins[5, :] = 0.1
    margins[6, :] = -7.25
    margins[7, :] = np.nan
    margins[8, 2] = 0.0
    margins[9] = [800.0, -800.0, 1e-12, -1e-12, 0.0]
    return dict(margins=margins, strengths=[strength(row) for row in margins])


def normalization(margins):
    voters = []
    for column in margins.T:
        finite = column[np.isfinite(column)]
        scale = finite.std(ddof=0)
        scores = np.where(np.isfinite(column), (column - finite.mean()) / scale, np.nan)
        voters.append(dict(margins=column, scale=scale,
                           normalized=np.where(np.isfinite(column), column / scale, np.nan),
                           centre=finite.mean(), standardized=scores))
    return voters


def positions(values):
    out = np.full(values.shape, np.nan)
    finite = np.isfinite(values)
    out[finite] = (rankdata(values[finite], method="average") - 0.5) / finite.sum()
    return out


def category(q, mu, low, middle, high):
    if not np.isfinite(mu):
        return "unscored"
    return "incorrect" if q < low else "ambiguous" if q < middle else "strong" if q > high else "normal"


def categories():
    means = np.round(rng.normal(0.5, 1.5, 57), 1)  # rounded: many ties
    means[11] = np.nan
    q = positions(means)
    groups = []
    stds = np.round(np.abs(rng.normal(1, 0.5, 57)), 4)
    for index in range(8):
        member = np.isfinite(q) & (np.floor(np.nan_to_num(q) * 8) == index)
        groups.append(dict(index=index, count=int(member.sum()), mean=means[member].mean(),
                           std=stds[member].mean(), lowest=means[member].min(),
                           highest=means[member].max()))
    return dict(
        means=means, stds=stds, positions=q, groups=groups,
        quantiles=[category(a, m, 0.2, 0.4, 0.9) for a, m in zip(q, means)],
        ownQuantiles=[category(a, m, 0.05, 0.5, 0.75) for a, m in zip(q, means)],
        thresholds=[category(m, m, -0.5, 0.5, 2.0) for m in means],
    )


def aggregates():
    cases = []
    for k in [1, 2, 3, 4, 5, 8, 11]:
        for _ in range(3):
            scores = np.round(rng.normal(1, 3, k), 5)
            full = scores.copy()
            if k > 3:
                full = np.insert(full, 1, np.nan)
            cases.append(dict(
                scores=full, std=scores.std(ddof=0),
                **{"mean": scores.mean(), "median": np.median(scores),
                   "trimmed-mean": trim_mean(scores, 0.2), "worst-case": scores.min(),
                   "uncertainty-weighted": scores.mean() - 0.5 * scores.var(ddof=0),
                   "lower-confidence-bound": scores.mean() - 1.0 * scores.std(ddof=0),
                   "trim25": trim_mean(scores, 0.25),
                   "variance1": scores.mean() - 1.0 * scores.var(ddof=0),
                   "std2": scores.mean() - 2.0 * scores.std(ddof=0)}))
    return cases


def committees():
    cases = []
    for voters, candidates in [(1, 4), (3, 3), (5, 4), (4, 6), (7, 2)]:
        for decimals in [0, 3]:  # whole numbers: ties within a voter
            scores = np.round(rng.normal(0, 2, (voters, candidates)), decimals) + 0.0
            borda = sum(rankdata(row, method="average") for row in scores)
            first = np.zeros(candidates)
            for row in scores:
                top = row == row.max()
                first += top / top.sum()
            share = first / voters
            means = scores.mean(axis=0)

            def pick(key):
                return max(range(candidates), key=lambda c: (round(key[c], 12), round(means[c], 12), -c))

            cases.append(dict(scores=scores, borda=borda, share=share,
                              disagreement=1 - share.max(),
                              bestBorda=pick(borda), bestMajority=pick(share),
                              bestMean=int(np.argmax(np.round(means, 12)))))
    return cases


def majority():
    cases = []
    for k in [1, 2, 3, 4, 5, 6]:
        for _ in range(4):
            margins = np.round(rng.normal(0.2, 1, k), 1) + 0.0
            votes = np.sign(margins).sum()
            sign = np.sign(votes) if votes else np.sign(round(margins.sum(), 9))
            cases.append(dict(margins=margins, outcome=(sign + 1) / 2, voteMargin=abs(votes) / k,
                              half=(np.sign(votes) + 1) / 2,
                              wrong=1.0 if votes > 0 else 0.0))
    return cases


def best_of():
    cases = []
    for n in [1, 2, 5, 9]:
        proxy = np.round(rng.normal(0, 1, n), 1)
        proxy[: n // 2] = proxy[: n // 2] if n < 9 else proxy[0]
        value = np.round(rng.normal(0, 1, n), 3)
        curve = []
        for m in range(1, n + 1):
            picks = []  # by brute force over all subsets; equal proxies share their values
            for subset in itertools.combinations(range(n), m):
                top = max(proxy[i] for i in subset)
                picks.append(np.mean([value[i] for i in range(n) if proxy[i] == top]))
            curve.append(np.mean(picks))
        cases.append(dict(proxy=proxy, value=value, curve=curve))
    n, m = 200, 16  # the closed formula, where subsets can't be counted
    value = np.sort(np.round(rng.normal(0, 1, n), 6))
    weights = [math.comb(i - 1, m - 1) / math.comb(n, m) for i in range(m, n + 1)]
    cases.append(dict(proxy=value, value=value, m=m, estimate=float(np.dot(weights, value[m - 1:]))))
    return cases


def losses():
    cases = []
    for delta in [-900.0, -3.5, -0.2, 0.0, 0.4, 2.0, 37.0, 900.0]:
        for alpha in [0.0, 0.1, 0.5]:
            for margin in [0.0, 1.5, -0.7]:
                z = delta - margin
                cases.append([delta, alpha, margin, -((1 - alpha) * log_sigmoid(z) + alpha * log_sigmoid(-z))])
    return cases


def prior_constraints():
    settings = {"alpaca-cosine": (20, 0.001, -15), "tldr-cosine": (30, 0.001, -25),
                "tldr-length": (10, 0.001, -5), "alpaca-length": (20, 0.001, -17)}
    caps = [dict(setting=name, similarity=s, cap=b1 / (s + b2) + b3)
            for name, (b1, b2, b3) in settings.items() for s in [0.0, 0.1, 0.5, 0.87, 1.0]]
    lengths = []
    for _ in range(8):
        common = rng.integers(0, 4)
        a, b = rng.integers(0, 3, common + rng.integers(0, 6)), rng.integers(0, 3, common + rng.integers(0, 6))
        b[: min(common, len(a), len(b))] = a[: min(common, len(a), len(b))]
        same = 0
        while same < min(len(a), len(b)) and a[same] == b[same]:
            same += 1
        longer = max(len(a), len(b)) - same
        lengths.append(dict(chosen=a, rejected=b,
                            ratio=1.0 if longer == 0 else (min(len(a), len(b)) - same) / longer))
    cosines = []
    for _ in range(6):
        a, b = np.round(rng.normal(0, 1, (2, 5)), 3)
        cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        cosines.append(dict(chosen=a, rejected=b,
                            similarity=1 - math.acos(min(1, max(0, cosine))) / math.pi))
    values = []
    for delta, cap in [(0.0, 4.0), (2.0, 4.0), (-3.0, 5.0), (9.0, 4.5)]:
        values.append(dict(delta=delta, cap=cap, loss=-log_sigmoid(delta) - log_sigmoid(cap - delta),
                           squashed=cap * sigmoid(np.float64(4 * delta / cap - 2))))
    return dict(caps=caps, lengths=lengths, cosines=cosines, values=values)


def lora():
    cases = []
    for rsl, transposed in itertools.product([False, True], [False, True]):
        out, inn, r, alpha = 6, 5, 2, 16
        w = np.round(rng.normal(0, 1, (out, inn)), 3).astype(np.float32)
        a = np.round(rng.normal(0, 1, (r, inn)), 3).astype(np.float32)
        b = np.round(rng.normal(0, 1, (out, r)), 3).astype(np.float32)
        scale = alpha / (math.sqrt(r) if rsl else r)
        merged = w.astype(np.float64) + scale * (b.astype(np.float64) @ a.astype(np.float64))
        cases.append(dict(useRslora=rsl, fanInFanOut=transposed, r=r, alpha=alpha,
                          weight=(w.T if transposed else w), a=a, b=b,
                          merged=(merged.T if transposed else merged)))
    return cases


def main():
    golden = strengths()
    margins = golden["margins"]
    finite = np.where(np.abs(margins) < 100, margins, np.nan)
    data = dict(strength=golden, normalization=normalization(finite), categories=categories(),
                aggregates=aggregates(), committees=committees(), majority=majority(),
                bestOf=best_of(), losses=losses(), priorConstraint=prior_constraints(), lora=lora())
    path = Path(__file__).with_name("voting.json")
    path.write_text(json.dumps(plain(data), separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size, "bytes")


main()
