"""A hundred steps of PyTorch for every loss: python tests/golden/fitting/make_training.py

All in float64, with the batches, dropout masks and meta prompts that the generator of `chance.py`
draws in the order in which Assay draws them.
"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

from chance import Chance

torch.set_default_dtype(torch.float64)
STEPS, BATCH, SEED = 100, 6, 11


def numbers(seed: int, *shape: int, scale: float = 1.0) -> torch.Tensor:
    """Multiples of 1/1024, which every float format holds exactly."""
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale
    return (values * 1024).round() / 1024


def softplus_loss(delta, smoothing, margin):
    ahead = delta - margin
    return ((1 - smoothing) * F.softplus(-ahead) + smoothing * F.softplus(ahead)).mean()


def train(parameters: list, rate: float, decay: float, loss_of_step) -> list:
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of_step(optimizer)
        losses.append(float(loss.detach()))
        optimizer.step()
        schedule.step()
    return losses


def plain(value: torch.Tensor) -> list:
    return value.detach().flatten().tolist()


def data() -> dict:
    rows, size, pairs = 20, 5, 14
    chance = Chance(3)
    return {
        "dimension": size,
        "features": numbers(1, rows, size),
        "pairs": torch.tensor([[chance.draw(rows, 1)[0], chance.draw(rows, 1)[0]] for _ in range(pairs)]),
        "smoothing": numbers(2, pairs).abs().clamp(max=0.4),
        "margin": numbers(4, pairs),
    }


def batch_of(d: dict, chance: Chance, terms: bool):
    drawn = chance.draw(len(d["pairs"]), BATCH)
    chosen, rejected = d["features"][d["pairs"][drawn, 0]], d["features"][d["pairs"][drawn, 1]]
    zero = torch.zeros(BATCH)
    return (
        chosen,
        rejected,
        d["smoothing"][drawn] if terms else zero,
        d["margin"][drawn] if terms else zero,
    )


def linear(d: dict, terms: bool) -> dict:
    chance, w = Chance(SEED), torch.zeros(d["dimension"], requires_grad=True)

    def step(_):
        chosen, rejected, smoothing, margin = batch_of(d, chance, terms)
        loss = softplus_loss((chosen - rejected) @ w, smoothing, margin)
        loss.backward()
        return loss

    return {"losses": train([w], 0.05, 0.1, step), "weight": plain(w)}


def meta(d: dict) -> dict:
    chance, own = Chance(SEED), Chance(SEED + 7)
    w = torch.zeros(d["dimension"], requires_grad=True)
    w.data = numbers(21, d["dimension"])
    prompts, per_step, ascent = [[0, 1, 2], [3, 4], [5, 6, 7, 8], [9]], 2, 0.3
    start = plain(w)

    def difference(weight):
        total = 0.0
        for _ in range(per_step):
            rows = prompts[own.draw(len(prompts), 1)[0]]
            r, k = d["features"][rows] @ weight, len(rows)
            i, j = torch.triu_indices(k, k, 1)
            total = total + 2 / k**2 * torch.sigmoid((r[i] - r[j]).abs()).sum()
        return total / per_step

    def step(_):
        chosen, rejected, smoothing, margin = batch_of(d, chance, True)
        (up,) = torch.autograd.grad(difference(w), w)
        away = (w + ascent * up).detach().requires_grad_()
        loss = softplus_loss((chosen - rejected) @ away, smoothing, margin)
        (w.grad,) = torch.autograd.grad(loss, away)
        return loss

    losses = train([w], 0.05, 0.1, step)
    options = {"promptsPerStep": per_step, "ascentRate": ascent, "seed": SEED + 7}
    return {"prompts": prompts, "options": options, "start": start, "losses": losses, "weight": plain(w)}


def sinkhorn(scores, epsilon=0.05, rounds=3):
    q = torch.exp((scores - scores.max()) / epsilon).T
    q = q / q.sum()
    k, b = q.shape
    for _ in range(rounds):
        q = q / q.sum(1, keepdim=True) / k
        q = q / q.sum(0, keepdim=True) / b
    return (q * b).T


def contrast(kind, s, t, prototypes):
    if kind == "simcse":
        similarity = F.normalize(s, dim=1) @ F.normalize(t, dim=1).T / 0.05
        return F.cross_entropy(similarity, torch.arange(len(s)))
    c = F.normalize(prototypes, dim=1)
    scores = [F.normalize(view, dim=1) @ c.T for view in (s, t)]
    codes = [sinkhorn(score.detach()) for score in scores]
    return sum(
        -(code * F.log_softmax(score / 0.1, dim=1)).sum(1).mean() for score, code in zip(scores, reversed(codes))
    )


def contrastive(d: dict, kind: str, items: str, beta: float) -> dict:
    chance, own, size, width, rate = Chance(SEED), Chance(SEED + 3), d["dimension"], 4, 0.25
    projection, w = numbers(31, width, size).requires_grad_(), numbers(32, width).requires_grad_()
    prototypes = numbers(33, 3, width).requires_grad_()
    start = {"projection": plain(projection), "head": plain(w)}
    if kind == "swav":
        start["prototypes"] = plain(prototypes)

    def view(rows):
        return rows * torch.tensor(own.mask(rows.numel(), rate)).view_as(rows)

    def step(_):
        chosen, rejected, smoothing, margin = batch_of(d, chance, True)
        rows = torch.cat((chosen, rejected))
        states = [z @ projection.T for z in (rows, view(rows), view(rows))]
        preference = sum(softplus_loss((z[:BATCH] - z[BATCH:]) @ w, smoothing, margin) for z in states) / 3
        views = states[1:]
        if items == "difference":
            views = [torch.cat((z[:BATCH] - z[BATCH:], z[BATCH:] - z[:BATCH])) for z in views]
        loss = preference + beta * contrast(kind, *views, prototypes)
        loss.backward()
        return loss

    learnt = [w, projection] + ([prototypes] if kind == "swav" else [])
    losses = train(learnt, 0.02, 0.1, step)
    options = {"kind": kind, "items": items, "weight": beta, "dropout": rate, "seed": SEED + 3, "start": start}
    return {"options": options, "losses": losses, "weight": plain(projection.T @ w)}


def gating(d: dict, dropout: float) -> dict:
    objectives, hidden, temperature, size, prompts = 3, 8, 2.0, d["dimension"], 7
    shapes = [(hidden, size), (hidden, hidden), (objectives, hidden)]
    layers = [(numbers(40 + i, *s, scale=0.6), numbers(50 + i, s[0], scale=0.3)) for i, s in enumerate(shapes)]
    start = [{"weight": plain(weight), "bias": plain(bias)} for weight, bias in layers]
    learnt = [p.requires_grad_() for layer in layers for p in layer]
    scale, margin_scale = (torch.tensor([x], requires_grad=True) for x in (1.0, 5.0))
    of_pair = torch.tensor(Chance(9).draw(prompts, len(d["pairs"])))
    states, differences = numbers(61, prompts, size), numbers(62, len(d["pairs"]), objectives)
    chance, own = Chance(SEED), Chance(SEED + 1)

    def step(_):
        drawn = chance.draw(len(of_pair), BATCH)
        x = states[of_pair[drawn]]
        for weight, bias in layers[:-1]:
            x = F.relu(x @ weight.T + bias)
            if dropout > 0:
                x = x * torch.tensor(own.mask(x.numel(), dropout)).view_as(x)
        weight, bias = layers[-1]
        g = F.softmax((x @ weight.T + bias) / temperature, dim=1) * scale
        delta = (g * differences[drawn]).sum(1) * margin_scale
        loss = softplus_loss(delta, d["smoothing"][drawn], d["margin"][drawn])
        loss.backward()
        return loss

    losses = train([*learnt, scale, margin_scale], 0.01, 0.05, step)
    return {
        "temperature": temperature,
        "dropout": dropout,
        "promptOfPair": of_pair.tolist(),
        "prompts": plain(states),
        "differences": plain(differences),
        "start": start,
        "losses": losses,
        "layers": [{"weight": plain(weight), "bias": plain(bias)} for weight, bias in layers],
        "logitScale": float(scale * margin_scale),
        "marginScale": float(margin_scale),
    }


d = data()
golden = {
    "dimension": d["dimension"],
    "features": plain(d["features"]),
    "pairs": d["pairs"].flatten().tolist(),
    "labelSmoothing": plain(d["smoothing"]),
    "margin": plain(d["margin"]),
    "training": {"steps": STEPS, "batchSize": BATCH, "seed": SEED},
    "plain": linear(d, False),
    "terms": linear(d, True),
    "meta": meta(d),
    "contrastive": [
        contrastive(d, kind, items, beta)
        for kind, items, beta in (
            ("simcse", "pairs", 1.0),
            ("simcse", "difference", 1.0),
            ("swav", "pairs", 0.1),
            ("swav", "difference", 0.5),
        )
    ],
    "gating": [gating(d, 0.0), gating(d, 0.2)],
}
print(torch.__version__)
Path(__file__).with_name("training.json").write_text(json.dumps(golden) + "\n")
