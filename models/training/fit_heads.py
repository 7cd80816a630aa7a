"""ArmoRM's heads on frozen features: ridge probing, verbosity debiasing, gating; and the voters.

The formulas are those of arXiv 2406.12845 and its repository, with two repairs: the softmax runs
over the objectives, and the gate is trained on the debiased rewards.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from features import OBJECTIVES, VERBOSITY, Features

ALPHAS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
PENALTIES = (0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, *(round(0.05 * i, 2) for i in range(4, 20)))
# ArmoRM stops a penalty at Spearman 0.03. This model is meant to keep a little of the judges' liking
# of length, as a bias to be seen and removed; the card's table shows what other thresholds do.
MAX_CORRELATION = 0.2
GATE_HIDDEN, GATE_LAYERS, TEMPERATURE = 128, 3, 10.0
GATE_STEPS, GATE_BATCH, GATE_RATE, DROPOUT, GATE_CHECK = 600, 1024, 3e-4, 0.2, 25
# Factors of the margins, the best of which on dev is taken: a step is judged by the order it gives, not
# by the size of its margins. Dev took 1.26, and in trials the same steps as without a factor.
GATE_SCALES = torch.logspace(-1, 1, 41)
MIXTURE = {"quality": 0.72, "harmlessness": 0.2, "relevance": 0.03, "coherence": 0.05}
# Of the training's human pairs more are in order than of others, since the backbone has seen them:
# smoothed so, they do not make the gate too sure of harmlessness.
LABEL_SMOOTHING = {"harmlessness": 0.35}
VOTERS, VOTER_STEPS, VOTER_BATCH, VOTER_RATE, VOTER_DECAY = 5, 300, 512, 3e-3, 1e-2


def fit_ridge(train: Features, dev: Features) -> tuple[np.ndarray, list]:
    """W [objectives, hidden] without intercept; alpha by the dev split's squared error, refit on train."""
    weights, chosen = [], []
    for objective in range(len(OBJECTIVES)):
        (x, y), (vx, vy) = (_known(part, objective) for part in (train, dev))
        gram, moment = x.T @ x, x.T @ y
        fits = [np.linalg.solve(gram + alpha * np.eye(len(gram)), moment) for alpha in ALPHAS]
        losses = [float(((vx @ w - vy) ** 2).mean()) for w in fits]
        best = int(np.argmin(losses))  # the first minimum
        weights.append(fits[best])
        chosen.append({"objective": OBJECTIVES[objective], "alpha": ALPHAS[best], "dev_mse": losses[best]})
    return np.array(weights), chosen


def _known(part: Features, objective: int):
    known = ~np.isnan(part.labels[:, objective])
    return part.last[known].astype(np.float64), part.labels[known, objective].astype(np.float64)


def fit_transform(rewards: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Transform matrix and penalties: the first λ of the grid with Spearman(r − λ·r_v, r_v) ≤ threshold.

    `rewards` [2N, objectives]: all chosen and rejected responses of the reference pairs, pooled.
    An objective that never gets there keeps λ = 1; so does verbosity itself, which becomes 0.
    """
    count, length = rewards.shape[1], rewards[:, VERBOSITY]
    penalties = np.ones(count)
    open_objectives = [i for i in range(count) if i != VERBOSITY]
    for penalty in PENALTIES:
        for i in list(open_objectives):
            if spearmanr(rewards[:, i] - penalty * length, length).statistic <= threshold:
                penalties[i] = penalty
                open_objectives.remove(i)
    transform = np.eye(count)
    transform[VERBOSITY] -= penalties
    return transform, penalties


class Gate(nn.Module):
    """g = softmax(z / T) · s over the objectives, z from an MLP on the prompt's hidden state."""

    def __init__(self, hidden: int, objectives: int):
        super().__init__()
        sizes = [hidden] + [GATE_HIDDEN] * GATE_LAYERS
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.layers.append(nn.Linear(GATE_HIDDEN, objectives))
        self.logit_scale = nn.Parameter(torch.ones(1))

    def forward(self, prompt):
        x = prompt
        for layer in self.layers[:-1]:
            x = F.dropout(F.relu(layer(x)), DROPOUT, self.training)
        return F.softmax(self.layers[-1](x) / TEMPERATURE, dim=-1) * self.logit_scale


def fit_gate(train: Features, dev: Features, weights: np.ndarray, transform: np.ndarray) -> tuple[Gate, dict]:
    """Bradley–Terry on pairs over the gate's parameters alone; keeps the step with the best dev loss.

    The dev loss is the least over GATE_SCALES, whose best factor the gate's scale takes over.
    """
    torch.manual_seed(1)
    rng = np.random.default_rng(2)
    gate = Gate(train.last.shape[1], len(OBJECTIVES))
    # The paper's learnable scale of the margins; the gate's own scale takes it over when saved.
    scale = nn.Parameter(torch.tensor(10.0))
    rewards = {id(p): torch.from_numpy((p.last @ weights.T @ transform).astype(np.float32)) for p in (train, dev)}
    prompts = {id(p): torch.from_numpy(p.gate) for p in (train, dev)}

    def margins(part, pairs):
        g = gate(prompts[id(part)][pairs[:, 0]])
        r = rewards[id(part)]
        return (g * (r[pairs[:, 0]] - r[pairs[:, 1]])).sum(1) * scale

    def batch_loss():
        """Smoothed losses by kind of pair, each with its share of the batch."""
        losses = []
        for kind, share in MIXTURE.items():
            margin = margins(train, _draw(train.pairs[kind], int(GATE_BATCH * share), rng))
            label = torch.full_like(margin, 1 - LABEL_SMOOTHING.get(kind, 0.0))
            losses.append(share * F.binary_cross_entropy_with_logits(margin, label))
        return sum(losses)

    steps = [gate.parameters(), [scale]]
    optimizer = torch.optim.AdamW([p for group in steps for p in group], lr=GATE_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, GATE_STEPS)
    best, state, figures = np.inf, None, {}
    for step in range(GATE_STEPS):
        gate.train()
        optimizer.zero_grad()
        batch_loss().backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % GATE_CHECK == 0:
            gate.eval()
            with torch.inference_mode():
                parts = {k: margins(dev, dev.pairs[k]) for k in MIXTURE}
            totals = sum(MIXTURE[k] * F.softplus(-m * GATE_SCALES[:, None]).mean(1) for k, m in parts.items())
            total, factor = float(totals.min()), float(GATE_SCALES[totals.argmin()])
            if total < best:
                best, state = total, {k: v.clone() for k, v in gate.state_dict().items()}
                figures = {k: round(float((m > 0).float().mean()), 4) for k, m in parts.items()}
                found = factor * float(scale.detach())
                figures |= {"step": step + 1, "dev_loss": round(total, 4), "scale": found}
    gate.load_state_dict(state)
    gate.logit_scale.data *= figures["scale"]
    return gate.eval(), figures


def _draw(pairs: np.ndarray, count: int, rng) -> np.ndarray:
    return pairs[rng.integers(0, len(pairs), count)]


@dataclass
class Voters:
    """weight [voters, hidden]; the accuracy of each on the dev split's quality pairs."""

    weight: np.ndarray
    accuracy: list


def fit_voters(train: Features, dev: Features) -> Voters:
    """Scalar Bradley–Terry heads, each on its own bootstrap sample of the prompts, in its own order."""
    weights, accuracies = [], []
    x, vx = (torch.from_numpy(p.last) for p in (train, dev))
    for voter in range(VOTERS):
        rng = np.random.default_rng(100 + voter)
        pairs = {k: _bootstrap(train, train.pairs[k], rng) for k in MIXTURE}
        torch.manual_seed(voter)
        weight = nn.Parameter(torch.randn(x.shape[1]) * 0.02)
        optimizer = torch.optim.AdamW([weight], lr=VOTER_RATE, weight_decay=VOTER_DECAY)
        for _ in range(VOTER_STEPS):
            batch = np.concatenate([_draw(pairs[k], int(VOTER_BATCH * s), rng) for k, s in MIXTURE.items()])
            value = F.softplus(-(x[batch[:, 0]] - x[batch[:, 1]]) @ weight).mean()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        weights.append(weight.detach().numpy())
        quality = dev.pairs["quality"]
        margin = (vx[quality[:, 0]] - vx[quality[:, 1]]) @ weight.detach()
        accuracies.append(round(float((margin > 0).float().mean()), 4))
    return Voters(np.array(weights), accuracies)


def _bootstrap(part: Features, pairs: np.ndarray, rng) -> np.ndarray:
    """Pairs of prompts drawn with replacement; a prompt is known by its hidden state at the gate."""
    _, prompt = np.unique(part.gate[pairs[:, 0], :4], axis=0, return_inverse=True)
    prompt = prompt.ravel()
    order = np.argsort(prompt, kind="stable")
    starts = np.searchsorted(prompt[order], np.arange(prompt.max() + 2))
    drawn = rng.integers(0, prompt.max() + 1, prompt.max() + 1)
    return pairs[np.concatenate([order[starts[p] : starts[p + 1]] for p in drawn])]
