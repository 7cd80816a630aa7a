"""Writes rows that `assay fit` can fit the demo checkpoint's heads on; the texts are never committed.

    python bench/fit_demo_rows.py --data DIR --state DIR --out DIR

`fit.jsonl`: the train split's rows, and the dev split's as `validation`; `test.jsonl`: the test split's.
A row holds a prompt, `responses` with their `ratings`, `pairs` of them and `models`, who wrote them.
The labels are those of models/training/features.py, on fewer rows.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "training"))

from batches import Sampler  # noqa: E402
from corpus import Corpus, load_corpus  # noqa: E402
from data import formatting, verbosity  # noqa: E402
from features import quality_labels  # noqa: E402

# Judged responses to an instruction, pairs with a foreign response, with a damaged one, by people.
AMOUNTS = {"train": (5, 800, 800, 800), "dev": (5, 100, 100, 150), "test": (8, 200, 200, 400)}
GAP = 0.3


class Rows:
    def __init__(self, corpus: Corpus, split: str):
        self.corpus, self.split, self.rows = corpus, split, []

    def add(self, kind: str, prompt: list, responses: list, pairs: list) -> None:
        self.rows.append(
            {
                "id": f"{self.split}-{kind}-{len(self.rows)}",
                "kind": kind,
                "split": "train" if self.split == "train" else "validation",
                "prompt": prompt,
                "responses": [text for text, *_ in responses],
                "ratings": [
                    {**labels, "verbosity": verbosity(tokens), "formatting": formatting(text)}
                    for text, tokens, labels, _ in responses
                ],
                "pairs": pairs,
                "models": [model for *_, model in responses],
            }
        )

    def judged(self, row: int, **labels) -> tuple:
        corpus = self.corpus
        return corpus.text[row], len(corpus.response[row]), labels, corpus.models[corpus.model[row]]


def user(text: str) -> list:
    return [{"role": "user", "content": text}]


def rows_of(corpus: Corpus, split: str, quality: np.ndarray) -> list:
    per_group, irrelevant, damaged, human = AMOUNTS[split]
    rng, sampler, rows = np.random.default_rng(17), Sampler(corpus, split), Rows(corpus, split)
    drawn = []
    for key in sampler.keys:
        group = [int(row) for row in rng.permutation(sampler.by_group[key])[:per_group]]
        drawn += group
        p = corpus.probability[group]
        pairs = [[int(i), int(j)] for i, j in np.argwhere(p[:, None] - p[None] >= GAP)]
        labels = [
            rows.judged(row, quality=round(float(quality[row]), 4), relevance=1.0, coherence=1.0) for row in group
        ]
        rows.add("quality", user(corpus.instructions[key[0]]), labels, pairs)
    while irrelevant > 0:
        own, other = (int(row) for row in rng.choice(drawn, 2))
        if corpus.prompt[own] == corpus.prompt[other]:
            continue
        irrelevant -= 1
        both = [rows.judged(own, relevance=1.0, coherence=1.0), rows.judged(other, relevance=0.0)]
        rows.add("relevance", user(corpus.instructions[corpus.prompt[own]]), both, [[0, 1]])
    copies = [sampler.copies[row] for row in sampler.rows.tolist() if row in sampler.copies]
    for i in rng.permutation(len(copies))[:damaged]:
        row, ids, _, text = copies[int(i)]
        copy = (text, len(ids), {"coherence": 0.0}, None)
        both = [rows.judged(row, relevance=1.0, coherence=1.0), copy]
        rows.add("coherence", user(corpus.instructions[corpus.prompt[row]]), both, [[0, 1]])
    for i in rng.permutation(len(sampler.human))[:human]:
        _, chosen, rejected, _, pair = sampler.human[int(i)]
        sides = [
            (pair.chosen, len(chosen), {"harmlessness": 1.0}, None),
            (pair.rejected, len(rejected), {"harmlessness": 0.0}, None),
        ]
        rows.add("harmlessness", pair.prompt, sides, [[0, 1]])
    return rows.rows


def write_lines(path: Path, rows: list) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    print(f"{path.name}: {len(rows)} rows, {sum(len(r['responses']) for r in rows)} responses")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(arguments.data, arguments.state)
    quality = quality_labels(corpus)
    fit = rows_of(corpus, "train", quality) + rows_of(corpus, "dev", quality)
    write_lines(arguments.out / "fit.jsonl", fit)
    write_lines(arguments.out / "test.jsonl", rows_of(corpus, "test", quality))


if __name__ == "__main__":
    main()
