"""The backbone: a language-model phase, then a Bradley–Terry phase with auxiliary objectives.

Both phases save their whole state every SAVE_EVERY steps and go on from it. The learning rate is
held and falls to nothing over the last steps of a phase, so a phase may be made shorter or longer
while it runs: what was computed at the held rate stays good.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from batches import GATE_OFFSET, length_buckets, pad_batch, pad_positions
from corpus import Corpus
from data import JUDGES, verbosity
from draws import Batch, Draws
from embedding import svd_embedding
from evaluate import dev_figures
from model import Backbone, BackboneConfig
from muon import Muon
from tokenizer import Chat

SAVE_EVERY = 25
LANGUAGE_STEPS, LANGUAGE_TOKENS, LANGUAGE_SHARE = 1200, 4096, 0.4
PREFERENCE_STEPS, EVALUATE_EVERY = 3000, 500
# Long responses are cropped in this share of the steps and whole in the rest.
CROPPED_SHARE = 0.9
BUCKET_TOKENS = 3072
LEARNING_RATE, WEIGHT_DECAY, WARMUP, FALL = 1e-3, 0.05, 60, 0.47
# The judge's log odds run to ±12; heads learn them in units of this.
LOG_ODDS_UNIT = 6.0
PREFIXES = 6
# A single token's weight of harm spreads so much wider than a text's mean.
TOKEN_HARM_UNIT = 3.0


class TrainingHeads(nn.Module):
    """Linear heads that shape the backbone; none of them is shipped. Bias-free where ridge is."""

    def __init__(self, size: int, models: int):
        super().__init__()
        self.preference = nn.Linear(size, 1, bias=False)
        self.log_odds = nn.Linear(size, 2)  # one per judge
        self.probability = nn.Linear(size, 2)
        self.model_mean = nn.Linear(size, 2)
        self.model = nn.Linear(size, models)
        self.relevance = nn.Linear(size, 1)
        self.coherence = nn.Linear(size, 1)
        self.harm = nn.Linear(size, 1)  # the teacher's mean over the response so far
        self.token_harm = nn.Linear(size, 1)  # and its weight of the token itself
        self.seam = nn.Linear(size, 1)  # of every token: is it out of place here?
        self.surface = nn.Linear(size, 2, bias=False)  # verbosity, formatting
        self.human_prompt = nn.Linear(size, 1)  # at the gate's position
        self.language_scale = nn.Parameter(torch.tensor(0.1))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)


def model_means(corpus: Corpus) -> np.ndarray:
    """Mean log odds of each model under each judge on the training split, [models, 2], NaN if none."""
    means = np.full((len(corpus.models), 2), np.nan, np.float32)
    judge = np.array([JUDGES.index(name) for name in corpus.judge])
    for model in range(len(corpus.models)):
        for j in range(2):
            rows = (corpus.model == model) & (judge == j) & (corpus.split == "train")
            if rows.any():
                means[model, j] = corpus.log_odds[rows].mean()
    return means


def language_loss(hidden, ids, pad, backbone, heads, share, generator):
    """Next-token cross-entropy at a random share of the positions, with tied embeddings."""
    real = (ids[:, 1:] != pad) & (torch.rand(ids[:, 1:].shape, generator=generator) < share)
    states = hidden[:, :-1][real] * heads.language_scale
    with torch.autocast("cpu", torch.bfloat16):
        logits = states @ backbone.embed_tokens.weight.T
    return F.cross_entropy(logits.float(), ids[:, 1:][real])


def forward_batch(backbone: Backbone, batch: Batch, pad: int):
    """Runs sequences in buckets of like length; yields (indices, ids, hidden states)."""
    for bucket in length_buckets([len(s) for s in batch.sequences], BUCKET_TOKENS):
        ids = torch.from_numpy(pad_batch([batch.sequences[i] for i in bucket], pad))
        positions = torch.from_numpy(pad_positions([batch.positions[i] for i in bucket]))
        with torch.autocast("cpu", torch.bfloat16):
            hidden = backbone(ids, positions)
        yield bucket, ids, hidden.float()


class PreferenceLoss:
    """All losses of one Bradley–Terry step, summed by weight; keeps their values for the log."""

    def __init__(self, corpus: Corpus):
        self.corpus = corpus
        self.harm = torch.from_numpy(corpus.harm)
        self.means = torch.from_numpy(model_means(corpus))
        self.judge = np.array([JUDGES.index(name) for name in corpus.judge])

    def __call__(self, backbone, heads, batch: Batch, generator) -> tuple:
        states = self._states(backbone, heads, batch, generator)
        last, rows = states["last"], np.array(list(batch.rows.values()))
        judged = last[list(batch.rows)]
        prefix = states["prefix"][list(batch.rows)].flatten(0, 1)
        parts = {
            "bradley_terry": self._bradley_terry(heads.preference(last)[:, 0], batch),
            **self._judged(heads, judged, rows, 1.0),
            # The judged losses at random places inside the response: many more gradients.
            **{
                f"prefix_{name}": value
                for name, value in self._judged(heads, prefix, np.repeat(rows, PREFIXES), 0.4).items()
            },
            "surface": 8 * self._surface(heads, judged, rows),
            "relevance": self._separate(heads.relevance(last)[:, 0], batch.matches),
            "prefix_relevance": self._prefix_relevance(heads, states["prefix"], batch),
            "coherence": self._separate(heads.coherence(last)[:, 0], [(b, a) for a, b in batch.damaged]),
            "seam": 2 * states["seam"],
            "harm": states["harm"],
            "token_harm": 0.3 * states["token_harm"],
            "gate": 0.05 * self._gate(heads.human_prompt(states["gate"])[:, 0], batch),
            "language": 1.0 * states["language"],
        }
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}

    def _states(self, backbone, heads, batch, generator) -> dict:
        """Hidden states by sequence, [sequences, ..., hidden], and the losses that every token has."""
        order, picked, parts = [], [], {"language": [], "seam": [], "harm": [], "token_harm": []}
        for bucket, ids, hidden in forward_batch(backbone, batch, self.corpus.pad):
            ends = torch.tensor([len(batch.sequences[i]) - 1 for i in bucket])[:, None]
            starts = torch.tensor([batch.prompt_lengths[i] for i in bucket])[:, None]
            draw = (torch.rand(len(bucket), PREFIXES, generator=generator) * (ends - starts) + starts).long()
            # One gather: each indexing of `hidden` would have a gradient of its whole size.
            at = torch.cat((ends, starts - GATE_OFFSET, draw), 1) + torch.arange(len(bucket))[:, None] * ids.shape[1]
            states, tokens = hidden.flatten(0, 1)[at], ids.flatten()[at]
            order += bucket
            picked.append(states)
            place = torch.arange(ids.shape[1])
            inside = (place >= starts) & (place <= ends)
            parts["harm"].append(self._harm(heads.harm(hidden)[..., 0], ids, inside))
            parts["token_harm"].append(self._token_harm(heads, states[:, 2:], tokens[:, 2:]))
            parts["seam"].append(self._seam_tokens(heads, hidden, inside, batch, bucket))
            natural = torch.tensor([batch.natural[i] for i in bucket])[:, None]
            if natural.any():
                shown = ids.masked_fill(~natural, self.corpus.pad)
                loss = language_loss(hidden, shown, self.corpus.pad, backbone, heads, 0.2, generator)
                parts["language"].append(loss)
        states = torch.cat(picked)[torch.tensor(order).argsort()]
        return {
            "last": states[:, 0],
            "gate": states[:, 1],
            "prefix": states[:, 2:],
            "language": torch.stack(parts["language"]).mean(),
            "seam": self._seam(parts["seam"]),
            "harm": torch.cat(parts["harm"]).mean(),
            "token_harm": torch.cat(parts["token_harm"]).mean(),
        }

    def _seam_tokens(self, heads, hidden, inside, batch, bucket):
        """Scores and labels of the tokens of damaged texts and their originals."""
        label = torch.full(inside.shape, torch.nan)
        for at, i in enumerate(bucket):
            if i in batch.seams:
                label[at, : len(batch.seams[i])] = torch.from_numpy(batch.seams[i])
        known = inside & ~label.isnan()
        return heads.seam(hidden)[..., 0][known], label[known]

    def _seam(self, found):
        """Which tokens are out of place: mean loss over those that are plus mean over the others."""
        score, label = (torch.cat(side) for side in zip(*found))
        losses = F.binary_cross_entropy_with_logits(score, label, reduction="none")
        out = label.sum()
        rest = (1 - label).sum().clamp(min=20)
        return (losses * label).sum() / out.clamp(min=20) + (losses * (1 - label)).sum() / rest

    def _bradley_terry(self, score, batch):
        """−log σ of the margin under soft labels σ(Δ log odds / 2), over every pair of a group."""
        losses = []
        for group in batch.groups:
            odds = torch.from_numpy(self.corpus.log_odds[[batch.rows[i] for i in group]])
            i, j = torch.triu_indices(len(group), len(group), 1)
            label = torch.sigmoid((odds[i] - odds[j]) * 0.5)
            margin = score[group][i] - score[group][j]
            losses.append(F.binary_cross_entropy_with_logits(margin, label))
        return torch.stack(losses).mean()

    def _judged(self, heads, states, rows, weight):
        judge = torch.from_numpy(self.judge[rows])
        pick = lambda head: head(states).gather(1, judge[:, None])[:, 0]
        odds = torch.from_numpy(self.corpus.log_odds[rows]) / LOG_ODDS_UNIT
        model = torch.from_numpy(self.corpus.model[rows])
        mean = self.means[model, judge] / LOG_ODDS_UNIT
        probability = torch.from_numpy(self.corpus.probability[rows])
        return {
            "log_odds": weight * F.mse_loss(pick(heads.log_odds), odds),
            "model_mean": weight * F.mse_loss(pick(heads.model_mean), mean),
            "probability": weight * F.binary_cross_entropy_with_logits(pick(heads.probability), probability),
            "model": 0.4 * weight * F.cross_entropy(heads.model(states), model),
        }

    def _surface(self, heads, states, rows):
        labels = [[verbosity(len(self.corpus.response[r])), self.corpus.formatting[r]] for r in rows]
        return F.mse_loss(heads.surface(states), torch.tensor(labels, dtype=torch.float32))

    def _separate(self, score, pairs):
        """Good above bad, and each on its side of 0."""
        if not pairs:
            return score.sum() * 0
        good, bad = (score[list(side)] for side in zip(*pairs))
        return (F.softplus(-good).mean() + F.softplus(bad).mean()) / 2 + F.softplus(bad - good).mean()

    def _prefix_relevance(self, heads, prefix, batch):
        good, bad = (heads.relevance(prefix[list(side)]) for side in zip(*batch.matches))
        return (F.softplus(-good).mean() + F.softplus(bad).mean()) / 2

    def _harm(self, score, ids, inside):
        """By response: of the last state, and of every state with more of the text behind it."""
        count = inside.cumsum(1)
        so_far = (self.harm[ids] * inside).cumsum(1) / count.clamp(min=1)
        error = (score - so_far).square() * inside
        total = inside.sum(1)
        last = error.gather(1, count.argmax(1, keepdim=True))[:, 0]
        return last + (error * count).sum(1) / total.square()

    def _token_harm(self, heads, states, tokens):
        known = self.harm[tokens] / TOKEN_HARM_UNIT
        return F.smooth_l1_loss(heads.token_harm(states)[..., 0], known, reduction="none").mean(1)

    def _gate(self, score, batch):
        label = torch.zeros(len(score))
        label[batch.human] = 1.0
        return F.binary_cross_entropy_with_logits(score, label)


def optimizers(backbone: Backbone, heads: TrainingHeads) -> list:
    """Muon for the layers' matrices, AdamW for embeddings, norms and heads."""
    matrices = [p for n, p in backbone.named_parameters() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in backbone.named_parameters() if p.dim() != 2 or "embed" in n]
    muon = Muon(matrices, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    adam = torch.optim.AdamW(
        others + list(heads.parameters()), lr=LEARNING_RATE, weight_decay=0.0, betas=(0.9, 0.98)
    )
    return [muon, adam]


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, a held rate, and a linear fall over the last FALL of the steps."""
    warm = min(1.0, (step + 1) / WARMUP)
    return LEARNING_RATE * warm * min(1.0, (steps - step) / (FALL * steps))


class Training:
    """The model, its optimizers and the place both are saved."""

    def __init__(self, corpus: Corpus, chat: Chat, state: Path):
        torch.manual_seed(0)
        self.corpus, self.state = corpus, state
        self.backbone = Backbone(BackboneConfig())
        # Compiled, a preference step takes two thirds of the time on one core; evaluation runs as written.
        self.compiled = torch.compile(self.backbone, dynamic=True)
        self.heads = TrainingHeads(self.backbone.config.hidden, len(corpus.models))
        self.draws = Draws(corpus, chat)
        self.optimizers = optimizers(self.backbone, self.heads)
        self.step, self.phase, self.tokens = 0, "language", 0
        path = state / "backbone.pt"
        if path.exists():
            self._load(torch.load(path, weights_only=True))
        else:
            rows = self.draws.sampler.rows
            rows = rows[:: max(1, len(rows) // 9000)]
            sequences = [corpus.judged_sequence(int(row)) for row in rows]
            shape = self.backbone.config
            first = svd_embedding(sequences, shape.vocabulary, shape.hidden, 0)
            self.backbone.embed_tokens.weight.data.copy_(torch.from_numpy(first))

    def _load(self, saved):
        self.backbone.load_state_dict(saved["backbone"])
        self.heads.load_state_dict(saved["heads"])
        for optimizer, values in zip(self.optimizers, saved["optimizers"]):
            optimizer.load_state_dict(values)
        self.step, self.phase, self.tokens = saved["step"], saved["phase"], saved["tokens"]

    def save(self):
        values = {
            "backbone": self.backbone.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "phase": self.phase,
            "tokens": self.tokens,
        }
        part = self.state / "backbone.pt.part"
        torch.save(values, part)
        part.rename(self.state / "backbone.pt")

    def log(self, **figures):
        line = json.dumps({"phase": self.phase, "step": self.step, "tokens": self.tokens, **figures})
        print(line, flush=True)
        with open(self.state / "log.jsonl", "a") as out:
            out.write(line + "\n")

    def update(self, loss, steps):
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(self.step, steps)
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [*self.backbone.parameters(), *self.heads.parameters()]
        norm = nn.utils.clip_grad_norm_(parameters, 2.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        return float(norm)

    def language_phase(self, steps: int):
        started, losses, seen = time.time(), [], 0
        while self.step < steps:
            generator = torch.Generator().manual_seed(self.step)
            sequences = self.draws.language(self.step, LANGUAGE_TOKENS)
            ids = torch.from_numpy(pad_batch(sequences, self.corpus.pad))
            with torch.autocast("cpu", torch.bfloat16):
                hidden = self.compiled(ids, torch.arange(ids.shape[1]).expand(ids.shape)).float()
            loss = language_loss(
                hidden, ids, self.corpus.pad, self.backbone, self.heads, LANGUAGE_SHARE, generator
            )
            self.update(loss, steps)
            losses.append(float(loss.detach()))
            seen += sum(map(len, sequences))
            self.tokens += sum(len(s) for s in sequences)
            if self.step % SAVE_EVERY == 0:
                rate = seen / (time.time() - started)
                self.log(loss=round(np.mean(losses[-SAVE_EVERY:]), 4), tokens_per_s=round(rate))
                self.save()
        self.phase, self.step = "preference", 0
        self.optimizers = optimizers(self.backbone, self.heads)
        self.save()

    def preference_phase(self, steps: int):
        compute, started, seen, history = PreferenceLoss(self.corpus), time.time(), 0, []
        while self.step < steps:
            generator = torch.Generator().manual_seed(1_000_000 + self.step)
            batch = self.draws.preference(self.step, crop=self.step < CROPPED_SHARE * steps)
            loss, parts = compute(self.compiled, self.heads, batch, generator)
            parts["norm"] = self.update(loss, steps)
            history.append(parts)
            seen += sum(map(len, batch.sequences))
            self.tokens += sum(map(len, batch.sequences))
            if self.step % SAVE_EVERY == 0 or self.step == steps:
                recent = history[-SAVE_EVERY:]
                means = {name: round(float(np.mean([p[name] for p in recent])), 4) for name in parts}
                self.log(**means, tokens_per_s=round(seen / (time.time() - started)))
                self.save()
            if self.step % EVALUATE_EVERY == 0 or self.step == steps:
                self._evaluate()

    def _evaluate(self):
        with torch.inference_mode():
            figures = dev_figures(self.backbone, self.heads, self.corpus)
        self.log(dev=figures)


def train_backbone(
    corpus: Corpus, chat: Chat, state: Path, language_steps: int, preference_steps: int
) -> Path:
    """Trains or resumes; returns the path of the last state.

    The last one, with the learning rate at nothing, and not the best one on dev: the dev split has too
    few pairs to tell states apart.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    training = Training(corpus, chat, state)
    if training.phase == "language":
        training.language_phase(language_steps)
    training.preference_phase(preference_steps)
    return state / "backbone.pt"
