"""The features that the demo checkpoint's heads were fitted on, as a folder that `assay fit` reads.

    python bench/fit_demo_features.py --data DIR --state DIR --features best-wide --out ROWS

Training keeps the hidden states of its sample (models/training/export.py); this writes the same numbers,
labels and pairs as `fit`, train and dev together, and who wrote each response as `fit.jsonl`. Rows of
one's own go through `assay fit features` instead: see fit_demo_rows.py.
"""

import argparse
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "training"))

from corpus import Corpus, load_corpus  # noqa: E402
from features import OBJECTIVES, Features  # noqa: E402


def kind_of(features: Features, sequence: int, worse: dict) -> str:
    if sequence < len(features.rows):
        return "quality"
    return worse.get(sequence, "other")


def rows_of(features: Features, split: str, number: int) -> list:
    """One line for each sequence; all of a split are candidates of one row, so that any may be paired."""
    worse, beats = {}, {}
    for kind, pairs in features.pairs.items():
        for better, other in pairs.tolist():
            worse[other] = kind
            if kind == "harmlessness":
                worse[better] = kind
            beats.setdefault(better, []).append(other)
    return [
        {
            "row": number,
            "id": f"{split}-{kind_of(features, i, worse)}-{i}",
            "side": i,
            "last": i,
            "gate": i,
            "prompt": f"{zlib.crc32(features.gate[i].tobytes()):08x}",
            "split": "train" if split == "train" else "validation",
            "ratings": {n: float(v) for n, v in zip(OBJECTIVES, features.labels[i]) if not np.isnan(v)},
            "beats": beats.get(i, []),
            "label_smoothing": None,
            "margin": None,
        }
        for i in range(len(features.last))
    ]


def writers(corpus: Corpus, features: Features) -> list:
    known = [corpus.models[corpus.model[row]] for row in features.rows]
    return known + [None] * (len(features.last) - len(known))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--features", required=True, help="stem of the features' backbone")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    folder, corpus = arguments.out / "fit", load_corpus(arguments.data, arguments.state)
    folder.mkdir(parents=True, exist_ok=True)
    models, hidden = [], 0
    for number, split in enumerate(("train", "dev")):
        path = arguments.state / f"features-{arguments.features}-{split}.pt"
        # The file is the training's own.
        features = Features(**torch.load(path, weights_only=False))
        rows = rows_of(features, split, number)
        name = f"features-{number + 1:05}"
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        save_file({"last": features.last, "gate": features.gate}, folder / f"{name}.safetensors")
        models.append({"models": writers(corpus, features)})
        hidden = features.last.shape[1]
        print(f"{split}: {len(rows)} responses, {sum(len(p) for p in features.pairs.values())} pairs")
    manifest = {"version": 1, "model": "models/demo", "hidden_size": hidden, "gates": True, "rows_per_shard": 1}
    (folder / "features.json").write_text(json.dumps(manifest) + "\n")
    (arguments.out / "fit.jsonl").write_text("".join(json.dumps(row) + "\n" for row in models))


if __name__ == "__main__":
    main()
