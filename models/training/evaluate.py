"""Figures on a split, from sequences and a function that scores states; used while training."""

import numpy as np
import torch

from batches import Sampler, length_buckets, pad_batch
from data import JUDGES

GAP = 0.5
EVALUATION_TOKENS = 2048


def pooled_states(backbone, sequences: list, gates: list, pad: int) -> tuple:
    """Hidden states [n, hidden] at the last token and at the gate's position, float32."""
    last = np.zeros((len(sequences), backbone.config.hidden), np.float32)
    gate = np.zeros_like(last)
    with torch.inference_mode():
        for bucket in length_buckets([len(s) for s in sequences], EVALUATION_TOKENS):
            hidden = backbone(torch.from_numpy(pad_batch([sequences[i] for i in bucket], pad)))
            for at, i in enumerate(bucket):
                last[i] = hidden[at, len(sequences[i]) - 1].float().numpy()
                gate[i] = hidden[at, gates[i]].float().numpy()
    return last, gate


def gap_pairs(prompt, judge, probability):
    """Index pairs (better, worse) of one instruction and judge whose probabilities differ by GAP."""
    better, worse = [], []
    for key in sorted(set(zip(prompt, judge))):
        rows = np.flatnonzero((prompt == key[0]) & (judge == key[1]))
        i, j = np.nonzero(probability[rows][:, None] - probability[rows][None] >= GAP)
        better.append(rows[i])
        worse.append(rows[j])
    return np.concatenate(better), np.concatenate(worse)


def accuracy(score, better, worse) -> float:
    """Share of pairs ordered right; a tie counts half."""
    difference = score[better] - score[worse]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def judged_figures(corpus, rows, score) -> dict:
    """Accuracy per judge, of length and of the score, on all pairs and on the shorter-better ones."""
    figures = {}
    judge = np.array([JUDGES.index(corpus.judge[r]) for r in rows])
    length = np.array([len(corpus.text[r]) for r in rows], np.float64)
    for j, name in enumerate(("turbo", "gpt4")):
        at = np.flatnonzero(judge == j)
        part = rows[at]
        better, worse = gap_pairs(corpus.prompt[part], judge[at], corpus.probability[part])
        shorter = length[at][better] < length[at][worse]
        figures[name] = round(accuracy(score[at], better, worse), 4)
        figures[f"{name}_longer"] = round(accuracy(length[at], better, worse), 4)
        figures[f"{name}_shorter_better"] = round(
            accuracy(score[at], better[shorter], worse[shorter]), 4
        )
    return figures


def dev_figures(backbone, heads, corpus, per_group: int = 6) -> dict:
    rng = np.random.default_rng(3)
    sampler = Sampler(corpus, "dev")
    rows = np.concatenate(
        [rng.permutation(sampler.by_group[key])[:per_group] for key in sampler.keys]
    )
    prompts = corpus.prompts
    sequences = [corpus.judged_sequence(int(r)) for r in rows]
    swapped = rows[: len(rows) // 4]
    others = [int(p) for p in rng.permutation(corpus.prompt[swapped])]
    sequences += [corpus.judged_sequence(int(r), p) for r, p in zip(swapped, others)]
    copies = [sampler.copies[r] for r in sampler.rows.tolist() if r in sampler.copies][:150]
    sequences += [corpus.judged_sequence(c[0]) for c in copies]
    sequences += [corpus.sequence(prompts[corpus.prompt[c[0]]], c[1]) for c in copies]
    for pair in sampler.human:
        sequences += [corpus.sequence(pair[0], pair[1]), corpus.sequence(pair[0], pair[2])]
    with torch.autocast("cpu", torch.bfloat16):
        last, _ = pooled_states(backbone, sequences, [0] * len(sequences), corpus.pad)
    last = torch.from_numpy(last)
    n, s, c = len(rows), len(swapped), len(copies)
    figures = judged_figures(corpus, rows, heads.preference(last)[:n, 0].numpy())
    win = heads.probability(last)[:n].mean(1).numpy()
    figures |= {f"p_{k}": v for k, v in judged_figures(corpus, rows, win).items() if "longer" not in k}
    relevance, coherence = heads.relevance(last)[:, 0], heads.coherence(last)[:, 0]
    right = relevance[:s] > relevance[n : n + s]
    changed = torch.tensor([int(corpus.prompt[r]) != p for r, p in zip(swapped, others)])
    figures["relevance"] = float(right[changed].float().mean())
    at = n + s
    figures["coherence"] = float((coherence[at : at + c] > coherence[at + c : at + 2 * c]).float().mean())
    harmless = heads.harm(last)[at + 2 * c :, 0]
    figures["harmlessness"] = float((harmless[0::2] > harmless[1::2]).float().mean())
    guess = heads.model(last[:n]).argmax(1).numpy()
    figures["model"] = float((guess == corpus.model[rows]).mean())
    return {name: round(value, 4) for name, value in figures.items()}
