"""Prints the model card's table of debiasing thresholds: `python thresholds.py --data DIR --state STATE`.

On the dev split's judged pairs, with a gate of its own for each threshold; from the features that
`train.py` left in the state folder.
"""

import argparse
from pathlib import Path

import torch
from scipy.stats import spearmanr

from corpus import load_corpus
from evaluate import accuracy
from export import cached_features
from features import VERBOSITY, load_rounded
from fit_heads import fit_gate, fit_ridge, fit_transform

THRESHOLDS = (0.03, 0.1, 0.2, 0.3, 0.45)
GAP = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path(".cache/demo-training"))
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    corpus, trained = load_corpus(arguments.data, arguments.state), arguments.state / "backbone.pt"
    backbone = load_rounded(trained)
    train, dev = (
        cached_features(backbone, corpus, split, trained, arguments.state) for split in ("train", "dev")
    )
    weights, _ = fit_ridge(train, dev)
    reference = train.last[train.pairs["quality"].ravel()] @ weights.T
    better, worse = dev.pairs["quality"].T
    probability = corpus.probability[dev.rows]
    apart = probability[better] - probability[worse] >= GAP
    better, worse = better[apart], worse[apart]
    length = dev.labels[:, VERBOSITY]
    shorter = length[better] < length[worse]
    human = dev.pairs["harmlessness"].T
    print(f"{len(better)} judged pairs, {shorter.sum()} of them with the shorter one better; ", end="")
    print(f"{human.shape[1]} human pairs; longer wins: {accuracy(length, better, worse):.3f}")
    print("| threshold | pairs | shorter-better pairs | human pairs | score with length |")
    print("| --- | --- | --- | --- | --- |")
    for threshold in THRESHOLDS:
        transform, _ = fit_transform(reference, threshold)
        gate, _ = fit_gate(train, dev, weights, transform)
        with torch.inference_mode():
            coefficients = gate(torch.from_numpy(dev.gate)).numpy()
        score = (coefficients * (dev.last @ weights.T @ transform)).sum(1)
        pairs = (better, worse), (better[shorter], worse[shorter]), human
        cells = [f"{accuracy(score, *side):.3f}" for side in pairs]
        judged = score[: len(dev.rows)]
        cells.append(f"{spearmanr(judged, length[: len(dev.rows)]).statistic:.2f}")
        print(f"| {threshold} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
