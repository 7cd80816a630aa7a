"""Golden file of offsets by Elo: win rates, CHARM's mismatch degree, offsets by exhaustive search.

    python make_elo_offsets.py [FOLDER]

FOLDER holds `utils.py` of the code that was published with "CHARM: Calibrating Reward Models With
Chatbot Arena Scores" (src/utils.py of HexagonStar/CHARM). Where it is given, its own
`calculate_mismatch_degree` must say what is written here, on scores without ties; that code takes
equal scores for losses.
"""
import json
import sys
import types
from pathlib import Path

import numpy as np

rng = np.random.default_rng(20250410)
PROMPTS = 300
ELO = {"ref": 1220.0, "over": 1194.0, "under": 1258.0, "tied": 1197.0}
base = rng.normal(0, 2, PROMPTS)
scores = {
    "ref": base + rng.normal(0, 1, PROMPTS),
    "over": base + 0.8 + rng.normal(0, 1.5, PROMPTS),
    "under": base - 1.1 + rng.normal(0, 0.7, PROMPTS),
}
# A model whose scores are often equal to the reference's: whole steps of a half.
scores["tied"] = scores["ref"] + np.round(rng.normal(0.3, 0.6, PROMPTS) * 2) / 2
# A grid of binary fractions, so that differences have no rounding of their own.
scores = {name: np.round(values * 2**20) / 2**20 for name, values in scores.items()}


def win_rate(own, other):
    return float(np.mean((own > other) + 0.5 * (own == other)))


def elo_rate(elo, reference):
    return 1 / (1 + 10 ** ((reference - elo) / 400))


def search(own, other, target):
    """All middles between neighbouring steps; the first with the nearest share; 0 where that is no nearer."""
    steps = np.unique(other - own)
    middles = (steps[:-1] + steps[1:]) / 2
    shares = np.array([np.mean(other - own < middle) for middle in middles])
    best = int(np.argmin(np.abs(shares - target)))
    as_it_is = win_rate(own, other)
    if abs(as_it_is - target) <= abs(shares[best] - target):
        return 0.0, as_it_is
    return float(middles[best]), float(shares[best])


def published(folder):
    for name in ("datasets", "transformers"):
        stub = types.ModuleType(name)
        for attribute in ("Dataset", "load_dataset", "load_from_disk", "AutoTokenizer",
                          "AutoModelForCausalLM"):
            setattr(stub, attribute, None)
        sys.modules[name] = stub
    sys.path.insert(0, folder)
    import utils
    return utils.calculate_mismatch_degree


models = []
for name in ("over", "under", "tied"):
    own, other = scores[name], scores["ref"]
    rate, target = win_rate(own, other), elo_rate(ELO[name], ELO["ref"])
    offset, corrected = search(own, other, target)
    models.append({
        "model": name,
        "elo": ELO[name],
        "prompts": PROMPTS,
        "ties": float(np.mean(own == other)),
        "winRate": rate,
        "eloWinRate": target,
        "difference": rate - target,
        "mismatchDegree": (rate - target) / max(target, 1 - target),
        "offset": offset,
        "correctedWinRate": corrected,
    })
    if len(sys.argv) > 1 and name != "tied":
        theirs = published(sys.argv[1])(own, other, ELO[name], ELO["ref"])
        assert theirs == models[-1]["mismatchDegree"], (name, theirs)
        print(name, "as the published code:", theirs)

out = {"reference": "ref", "elo": ELO, "scores": {k: v.tolist() for k, v in scores.items()},
       "models": models}
Path(__file__).with_name("elo_offsets.json").write_text(json.dumps(out) + "\n")
