"""Writes the test split's rows for `assay score` and `evaluate_demo.ts`; the texts are never committed.

    python models/training/evaluation_rows.py --data DIR --model models/demo --out DIR [--figures]

`pairs.jsonl`: `prompt`, `chosen`, `rejected`, `subset`, `id`, `shorter_better`, `chosen_tokens`,
`rejected_tokens` (of the response alone). `conversations.jsonl`: 200 conversations with PyTorch's
verdicts. `reference.json`, with `--figures`: PyTorch's figures on the same pairs.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from batches import Sampler
from corpus import Corpus, load_corpus
from data import JUDGES
from tokenizer import MAX_TOKENS

SEED = 23
PER_GROUP, IRRELEVANT, DAMAGED, PARITY = 10, 400, 400, 200
GAP = 0.5
SUBSETS = {JUDGES[0]: "quality-gpt4-turbo", JUDGES[1]: "quality-gpt4"}


def user(text: str) -> list:
    return [{"role": "user", "content": text}]


def row(subset, number, prompt, chosen, rejected, tokens, **more) -> dict:
    shorter = tokens[0] < tokens[1]
    return {
        "id": f"{subset}-{number}",
        "subset": subset,
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "shorter_better": shorter,
        "chosen_tokens": tokens[0],
        "rejected_tokens": tokens[1],
        **more,
    }


def quality_rows(corpus: Corpus, sampler: Sampler, rng) -> tuple[list, list]:
    """All pairs with a gap of at least GAP among PER_GROUP responses of each instruction and judge."""
    rows, pool = [], []
    for key in sampler.keys:
        group = [int(r) for r in rng.permutation(sampler.by_group[key])[:PER_GROUP]]
        pool += group
        p = corpus.probability[group]
        for i, j in np.argwhere(p[:, None] - p[None] >= GAP):
            a, b = group[i], group[j]
            rows.append(
                row(
                    SUBSETS[key[1]],
                    len(rows),
                    user(corpus.instructions[key[0]]),
                    corpus.text[a],
                    corpus.text[b],
                    (len(corpus.response[a]), len(corpus.response[b])),
                    gap=round(float(p[i] - p[j]), 4),
                )
            )
    return rows, pool


def relevance_rows(corpus: Corpus, pool: list, rng) -> list:
    """A response of the instruction against a response of the pool to another instruction."""
    rows = []
    while len(rows) < IRRELEVANT:
        a, b = (int(r) for r in rng.choice(pool, 2))
        if corpus.prompt[a] != corpus.prompt[b]:
            prompt = user(corpus.instructions[corpus.prompt[a]])
            tokens = (len(corpus.response[a]), len(corpus.response[b]))
            rows.append(row("relevance", len(rows), prompt, corpus.text[a], corpus.text[b], tokens))
    return rows


def coherence_rows(corpus: Corpus, sampler: Sampler, rng) -> list:
    copies = [sampler.copies[r] for r in sampler.rows.tolist() if r in sampler.copies]
    rows = []
    for i in rng.permutation(len(copies))[:DAMAGED]:
        original, ids, kind, text = copies[int(i)]
        prompt = user(corpus.instructions[corpus.prompt[original]])
        tokens = (len(corpus.response[original]), len(ids))
        rows.append(
            row("coherence", len(rows), prompt, corpus.text[original], text, tokens, damage=kind)
        )
    return rows


def harmlessness_rows(sampler: Sampler) -> list:
    return [
        row("harmlessness", i, pair.prompt, pair.chosen, pair.rejected, (len(chosen), len(rejected)))
        for i, (_, chosen, rejected, _, pair) in enumerate(sampler.human)
    ]


def conversation(prompt: list, response: str) -> list:
    return [*prompt, {"role": "assistant", "content": response}]


def figures(rows: list, verdicts: dict, names: list) -> dict:
    """Accuracy of the score, of each objective's reward and of length, per subset."""
    result = {}
    for subset in sorted({r["subset"] for r in rows}):
        part = [r for r in rows if r["subset"] == subset]
        margins = np.array([pair_margins(r, verdicts) for r in part])
        shorter = np.array([r["shorter_better"] for r in part])
        right = (margins > 0) + 0.5 * (margins == 0)
        result[subset] = {
            "pairs": len(part),
            **{n: round(float(a), 4) for n, a in zip(["longer", "score", *names], right.mean(0))},
            "score_where_shorter_better": round(float(right[shorter, 1].mean()), 4),
        }
    seen = {}
    for r in rows:
        for side in ("chosen", "rejected"):
            seen[key(r, side)] = r[f"{side}_tokens"]
    length = np.log1p([seen[k] for k in seen])
    reward = [verdicts[k]["rewards"][names.index("verbosity")] for k in seen]
    result["verbosity_spearman"] = round(float(spearmanr(length, reward).statistic), 4)
    return result


def key(r: dict, side: str) -> str:
    return json.dumps(conversation(r["prompt"], r[side]))


def pair_margins(r: dict, verdicts: dict) -> list:
    a, b = verdicts[key(r, "chosen")], verdicts[key(r, "rejected")]
    rewards = [x - y for x, y in zip(a["rewards"], b["rewards"])]
    return [len(r["chosen"]) - len(r["rejected"]), a["score"] - b["score"], *rewards]


def write_lines(path: Path, rows: list) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))


def evaluation_rows(corpus: Corpus) -> list:
    """Every subset's rows; the same ones whenever they are asked for."""
    sampler, rng = Sampler(corpus, "test", MAX_TOKENS), np.random.default_rng(SEED)
    rows, pool = quality_rows(corpus, sampler, rng)
    rows += relevance_rows(corpus, pool, rng) + coherence_rows(corpus, sampler, rng)
    return rows + harmlessness_rows(sampler)


def write_reference(rows: list, folder: Path, out: Path, whole: bool) -> None:
    """PyTorch's verdicts of PARITY conversations and, if `whole`, its figures on all pairs."""
    from reference import ReferenceModel

    model = ReferenceModel(folder)
    keys = sorted({key(r, side) for r in rows for side in ("chosen", "rejected")})
    picked = [keys[int(i)] for i in np.random.default_rng(SEED).permutation(len(keys))[:PARITY]]
    scored = keys if whole else picked
    verdicts = dict(zip(scored, model.score([json.loads(k) for k in scored])))
    conversations = [
        {"id": f"parity-{i}", "messages": json.loads(k), "pytorch": verdicts[k]}
        for i, k in enumerate(picked)
    ]
    write_lines(out / "conversations.jsonl", conversations)
    if whole:
        names = json.loads((folder / "config.json").read_text())["objective_names"]
        result = json.dumps(figures(rows, verdicts, names), indent=2)
        (out / "reference.json").write_text(result + "\n")
        print(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="checkpoint for PyTorch's verdicts; none without")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path(".cache/demo-training"))
    parser.add_argument("--figures", action="store_true", help="PyTorch's figures on all pairs too")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    rows = evaluation_rows(load_corpus(arguments.data, arguments.state))
    write_lines(arguments.out / "pairs.jsonl", rows)
    if arguments.model is not None:
        write_reference(rows, arguments.model, arguments.out, arguments.figures)


if __name__ == "__main__":
    main()
