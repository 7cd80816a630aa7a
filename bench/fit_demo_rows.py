"""Writes the rows that bench/fit_demo.ts and bench/fit_losses.ts fit heads on; texts are never committed.

    python bench/fit_demo_rows.py --data DIR --state DIR --out DIR [--share 0.5] [--states STEM]

`heads.jsonl`: the very conversations, labels and pairs that models/training fits the demo's heads on,
of the train split (of each kind the given share, all by default) and, as `validation`, of the dev
split; `source` tells the kind of its pairs. With `--states` also `states`, a folder as `assay fit
features` makes it of these rows, of the hidden states that the training kept as `features-STEM-*.pt`.
`settings.json`: what the gate's training there depends on. `losses_train.jsonl`, `losses_test.jsonl`: judged responses to the train and the test split's
instructions, as candidates with their `pairs`, and `models`, who wrote them.
Everything that is a choice of the training's is imported from it.
"""

import argparse
import json
import sys
import zlib
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from safetensors.numpy import save_file
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "training"))

import features as training_features  # noqa: E402
import fit_heads  # noqa: E402
from batches import Sampler  # noqa: E402
from corpus import Corpus, load_corpus  # noqa: E402
from features import GAP, OBJECTIVES, Features  # noqa: E402
from tokenizer import HEADER_END, HEADER_START, TURN_END  # noqa: E402

# Of the pairs for losses: instructions of the split, responses to each and each judge's, and how long
# prompt and response may be together: the forward passes are what costs.
LOSSES = {"train": (200, 12), "test": (84, 10)}
MAX_TOKENS = 256
SEED = 29
# The one number of fit_heads.fit_gate that has no name there.
MARGIN_SCALE = 10.0


class Decoder:
    """Token ids back into messages; the byte-level tokenizer loses nothing."""

    def __init__(self, state: Path):
        self.tokenizer = Tokenizer.from_file(str(state / "tokenizer.json"))
        self.ids = [self.tokenizer.token_to_id(name) for name in (HEADER_START, HEADER_END, TURN_END)]

    def messages(self, sequence: np.ndarray) -> list:
        start, end, turn = self.ids
        messages, ids = [], sequence.tolist()
        while start in ids:
            begin, middle, last = ids.index(start), ids.index(end), ids.index(turn)
            role, text = self.text(ids[begin + 1 : middle]), self.text(ids[middle + 1 : last])
            messages.append({"role": role, "content": text.removeprefix("\n\n")})
            ids = ids[last + 1 :]
        return messages

    def text(self, ids: list) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=False)


def sampled(corpus: Corpus, split: str) -> tuple[Features, list]:
    """What the training takes of a split, without the forward passes: labels, pairs, token ids."""
    seen = []

    def record(_backbone, sequences, *_):
        seen.extend(sequences)
        nothing = np.zeros((len(sequences), 1), np.float32)
        return nothing, nothing

    with patch.object(training_features, "pooled_states", record):
        return training_features.extract(None, corpus, split), seen


def heads_rows(corpus: Corpus, split: str, decoder: Decoder) -> list:
    """A row for each set of responses that pairs of one kind join, and for each response in no pair."""
    features, sequences = sampled(corpus, split)
    conversations = [decoder.messages(sequence) for sequence in sequences]
    rated, rows = set(), []

    def ratings(i: int) -> dict:
        # Of a response in several rows the labels stand in one, or they would count twice.
        if i in rated:
            return {}
        rated.add(i)
        return {name: float(v) for name, v in zip(OBJECTIVES, features.labels[i]) if not np.isnan(v)}

    def add(kind: str | None, members: list, pairs: list) -> None:
        place = {i: at for at, i in enumerate(members)}
        smoothing = fit_heads.LABEL_SMOOTHING.get(kind) if split == "train" else None
        rows.append(
            {
                "id": f"{split}-{kind}-{len(rows)}",
                "source": kind,
                "label_smoothing": smoothing,
                "split": "train" if split == "train" else "validation",
                "prompt": conversations[members[0]][:-1],
                "responses": [conversations[i][-1]["content"] for i in members],
                "ratings": [ratings(i) for i in members],
                "pairs": [[place[i], place[j]] for i, j in pairs],
                "members": members,
            }
        )

    for kind, pairs in features.pairs.items():
        edges = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(sequences),) * 2)
        label = connected_components(edges, directed=False)[1]
        joined = {}
        for i, j in pairs.tolist():
            joined.setdefault(int(label[i]), []).append((i, j))
        for some in joined.values():
            add(kind, sorted({i for pair in some for i in pair}), some)
    for i in range(len(sequences)):
        if i not in rated:
            add(None, [i], [])
    return rows


def write_states(rows: list, state: Path, stem: str, out: Path) -> None:
    """The training's hidden states of the rows' responses, in the files of `assay fit features`."""
    out.mkdir(parents=True, exist_ok=True)
    hidden = 0
    for shard, split in enumerate(("train", "dev")):
        # The file is the training's own.
        kept = Features(**torch.load(state / f"features-{stem}-{split}.pt", weights_only=False))
        lines, places = [], []
        for number, row in enumerate(rows):
            if (row["split"] == "train") != (split == "train"):
                continue
            prompt = f"{zlib.crc32(json.dumps(row['prompt']).encode()):08x}"
            for side, ratings in enumerate(row["ratings"]):
                at = {"row": number, "id": row["id"], "side": side, "last": len(places), "gate": len(places)}
                beats = [other for better, other in row["pairs"] if better == side]
                known = {"prompt": prompt, "source": row["source"], "split": row["split"], "ratings": ratings}
                lines.append({**at, **known, "beats": beats, "label_smoothing": row.get("label_smoothing"), "margin": None})
                places.append(row["members"][side])
        name = f"features-{shard + 1:05}"
        (out / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        tensors = {"last": kept.last[places], "gate": kept.gate[places]}
        save_file(tensors, out / f"{name}.safetensors")
        hidden = kept.last.shape[1]
    manifest = {"version": 1, "model": "models/demo", "hidden_size": hidden, "gates": True, "rows_per_shard": 1}
    (out / "features.json").write_text(json.dumps(manifest) + "\n")


def share_of(rows: list, share: float) -> list:
    """So much of the rows of each kind, evenly from first to last."""
    count, kept = Counter(), []
    for row in rows:
        kind = row["source"]
        count[kind] += 1
        if int(count[kind] * share) > int((count[kind] - 1) * share):
            kept.append(row)
    return kept


def settings() -> dict:
    return {
        "mixture": fit_heads.MIXTURE,
        "threshold": fit_heads.MAX_CORRELATION,
        "steps": fit_heads.GATE_STEPS,
        "batch": fit_heads.GATE_BATCH,
        "rate": fit_heads.GATE_RATE,
        "dropout": fit_heads.DROPOUT,
        "margin_scale": MARGIN_SCALE,
    }


def losses_rows(corpus: Corpus, split: str) -> list:
    instructions, responses = LOSSES[split]
    rng, sampler = np.random.default_rng(SEED), Sampler(corpus, split, MAX_TOKENS)
    prompts = rng.permutation(sorted({key[0] for key in sampler.keys}))[:instructions]
    rows = []
    for key in sampler.keys:
        if key[0] not in prompts:
            continue
        group = [int(row) for row in rng.permutation(sampler.by_group[key])[:responses]]
        p = corpus.probability[group]
        rows.append(
            {
                "id": f"{split}-{len(rows)}",
                "split": "train" if split == "train" else "validation",
                "prompt": corpus.instructions[key[0]],
                "responses": [corpus.text[row] for row in group],
                "pairs": [[int(i), int(j)] for i, j in np.argwhere(p[:, None] - p[None] >= GAP)],
                "models": [corpus.models[corpus.model[row]] for row in group],
            }
        )
    return rows


def write_lines(path: Path, rows: list) -> None:
    lines = [{name: value for name, value in row.items() if name != "members"} for row in rows]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    responses, pairs = (sum(len(row[name]) for row in rows) for name in ("responses", "pairs"))
    print(f"{path.name}: {len(rows)} rows, {responses} responses, {pairs} pairs", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--states", help="stem of the backbone's file in the state folder")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(arguments.data, arguments.state)
    decoder = Decoder(arguments.state)
    heads = share_of(heads_rows(corpus, "train", decoder), arguments.share)
    heads += heads_rows(corpus, "dev", decoder)
    write_lines(arguments.out / "heads.jsonl", heads)
    if arguments.states is not None:
        write_states(heads, arguments.state, arguments.states, arguments.out / "states")
    (arguments.out / "settings.json").write_text(json.dumps(settings(), indent=2) + "\n")
    for split in ("train", "test"):
        write_lines(arguments.out / f"losses_{split}.jsonl", losses_rows(corpus, split))


if __name__ == "__main__":
    main()
