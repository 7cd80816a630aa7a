"""Heads of published reward models, written out from their specification: the references of
make_parity_heads.py.

Each module has the names of the published tensors. `forward` is given the final hidden states of one
conversation, [T, H], and the start of the last assistant header; it returns the score, its standard
deviation where the head tells one, and the parts that explain it, as Assay names them.

Sources: the authors' papers (QRM arXiv 2409.10164, URM arXiv 2410.00847, Safe RLHF arXiv 2310.12773) and
the classes that RewardBench publishes to run these models; the writing is this project's own.
"""

import torch
from torch import nn

EPSILON = 1e-8


def _normal(module: nn.Module, generator: torch.Generator, gain: float = 1.0) -> None:
    """Random weights, biases and norms that matter."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            std = gain * weight.shape[-1] ** -0.5 if weight.dim() > 1 else 0.5
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)


class Plain(nn.Module):
    """One linear map by a name, or several with a ReLU between two, read at the last token."""

    def __init__(self, hidden: int, name: str, sizes: list[int], bias: bool, label: int = 0, as_list: bool = True):
        super().__init__()
        layers = []
        for size in sizes:
            layers += [nn.Linear(hidden, size, bias=bias), nn.ReLU()]
            hidden = size
        head = nn.Sequential(*layers[:-1]) if len(sizes) > 1 or not as_list else layers[0]
        *parents, own = name.split(".")
        module: nn.Module = self
        for parent in parents:
            module.add_module(parent, nn.Module())
            module = getattr(module, parent)
        module.add_module(own, head)
        self._head, self._label = [head], label  # in a list, so that it is not registered twice

    def fill(self, generator: torch.Generator) -> None:
        _normal(self, generator, 2.0)

    def forward(self, states: torch.Tensor, header: int) -> dict:
        logits = self._head[0](states[-1])
        parts = {} if len(logits) == 1 else {"parts": {"labels": logits.tolist()}}
        return {"score": logits[self._label].item()} | parts


class Beaver(nn.Module):
    """A linear map and a normaliser: (x - mean) / std for rewards, x / std for costs, which count negated."""

    def __init__(self, hidden: int, config: dict):
        super().__init__()
        self.score_head = nn.Linear(hidden, 1, bias=False)
        self.normalizer = nn.Module()
        self.normalizer.register_buffer("mean", torch.tensor(config["mean"]))
        self.normalizer.register_buffer("var", torch.tensor(config["var"]))
        self.normalizer.register_buffer("count", torch.tensor([640]))
        self._type = config["score_type"]

    def fill(self, generator: torch.Generator) -> None:
        _normal(self, generator, 2.0)

    def forward(self, states: torch.Tensor, header: int) -> dict:
        score = self.score_head(states[-1])
        std = self.normalizer.var.sqrt() + EPSILON
        if self._type == "reward":
            return {"score": ((score - self.normalizer.mean) / std).item()}
        cost = (score / std).item()
        return {"score": -cost, "parts": {"labels": [cost]}}


class Gate(nn.Module):
    """Linear without bias, ReLU, BatchNorm, and after it a Dropout but for the last, then Linear."""

    def __init__(self, hidden: int, width: int, objectives: int, temperature: float, dropout: bool):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.ones(1))
        layers: list[nn.Module] = []
        for layer in range(3):
            layers += [nn.Linear(hidden if layer == 0 else width, width, bias=False), nn.ReLU(), nn.BatchNorm1d(width)]
            if dropout and layer < 2:
                layers.append(nn.Dropout(0.2))
        self.layers = nn.ModuleList([*layers, nn.Linear(width, objectives)])
        self._temperature = temperature

    def forward(self, prompt: torch.Tensor) -> torch.Tensor:
        prompt = prompt[None]
        for layer in self.layers:
            prompt = layer(prompt)
        return (torch.softmax(prompt / self._temperature, dim=-1) * self.logit_scale)[0]


class Quantile(nn.Module):
    """QRM: quantiles of each objective; with a transform matrix as for Llama, without as for Gemma."""

    def __init__(self, hidden: int, config: dict, transforms: bool):
        super().__init__()
        objectives, quantiles = config["num_objectives"], config["num_quantiles"]
        self.regression_layer = nn.Linear(hidden, objectives * quantiles, bias=False)
        self.gating = Gate(
            hidden, config["gating_hidden_dim"], objectives, config["gating_temperature"], dropout=not transforms
        )
        if transforms:
            self.reward_transform_matrix = nn.Parameter(torch.eye(objectives))
        self._shape = (objectives, quantiles)

    def fill(self, generator: torch.Generator) -> None:
        _normal(self, generator)
        with torch.no_grad():
            for layer in self.gating.layers:
                if isinstance(layer, nn.BatchNorm1d):
                    size = layer.weight.shape
                    layer.running_mean.copy_(torch.randn(size, generator=generator) * 0.3 + 0.4)
                    layer.running_var.copy_(torch.rand(size, generator=generator) + 0.2)
                    layer.num_batches_tracked.fill_(100)
            self.regression_layer.weight.mul_(6.0)
            self.gating.layers[-1].weight.mul_(6.0)
            self.gating.logit_scale.fill_(1.375)
            if hasattr(self, "reward_transform_matrix"):
                objectives = self._shape[0]
                transform = torch.eye(objectives)
                transform[4] -= torch.rand(objectives, generator=generator)
                self.reward_transform_matrix.copy_(transform)

    def forward(self, states: torch.Tensor, header: int) -> dict:
        each = self.regression_layer(states[-1]).view(self._shape)
        rewards = each.mean(dim=1)
        gating = self.gating(states[header])
        if hasattr(self, "reward_transform_matrix"):
            coefficients = self.reward_transform_matrix @ gating
            score = (gating * (rewards @ self.reward_transform_matrix)).sum()
        else:
            coefficients = gating
            score = (gating * rewards).sum()
        quantiles = coefficients @ each
        parts = {"rewards": rewards, "coefficients": coefficients, "gating": gating, "quantiles": quantiles}
        return {
            "score": score.item(),
            "score_std": (quantiles - score).square().mean().sqrt().item(),
            "parts": {name: part.tolist() for name, part in parts.items()},
        }


class Urm(nn.Module):
    """URM: means and logarithms of spreads in turn, weights of a network with SELU."""

    def __init__(self, hidden: int, objectives: int):
        super().__init__()
        self.score = nn.Linear(hidden, 2 * objectives, bias=False)
        self.weights = nn.Module()
        self.weights.fc = nn.Sequential(
            nn.Linear(hidden, hidden), nn.SELU(), nn.Linear(hidden, hidden), nn.SELU(), nn.Linear(hidden, objectives)
        )

    def fill(self, generator: torch.Generator) -> None:
        _normal(self, generator)

    def forward(self, states: torch.Tensor, header: int) -> dict:
        rewards, logs = self.score(states[-1]).view(-1, 2).T
        coefficients = self.weights.fc(states[-1])
        return _of_moments(rewards, logs.exp(), coefficients)


class Ldl(nn.Module):
    """LDL-Reward: for each objective a distribution over ten ratings from 0 to 1, and a weight."""

    def __init__(self, hidden: int, inner: int, objectives: int):
        super().__init__()
        self.regression_layer = nn.Module()
        self.regression_layer.network = nn.Sequential(
            nn.Linear(hidden, inner), nn.LeakyReLU(), nn.Linear(inner, inner), nn.LeakyReLU(),
            nn.Linear(inner, 10 * objectives),
        )  # fmt: skip
        self.gating_layer = nn.Module()
        self.gating_layer.network = nn.Sequential(
            nn.Linear(hidden, inner), nn.LeakyReLU(), nn.Dropout(0.0),
            nn.Linear(inner, inner), nn.LeakyReLU(), nn.Dropout(0.0),
            nn.Linear(inner, objectives),
        )  # fmt: skip

    def fill(self, generator: torch.Generator) -> None:
        _normal(self, generator, 2.0)

    def forward(self, states: torch.Tensor, header: int) -> dict:
        shares = torch.softmax(self.regression_layer.network(states[-1]).view(-1, 10), dim=-1)
        ratings = torch.linspace(0, 1, 10)
        rewards = shares @ ratings
        spread = (shares * (ratings - rewards[:, None]).square()).sum(dim=1).sqrt()
        coefficients = self.gating_layer.network(states[-1])
        score = ((coefficients @ shares) * ratings).sum()  # as its class sums: first over objectives
        told = _of_moments(rewards, spread, coefficients)
        assert abs(told["score"] - score.item()) < 1e-5
        return told


def _of_moments(rewards: torch.Tensor, spread: torch.Tensor, coefficients: torch.Tensor) -> dict:
    parts = {"rewards": rewards, "coefficients": coefficients, "spread": spread}
    return {
        "score": (rewards * coefficients).sum().item(),
        "score_std": (coefficients * spread).square().sum().sqrt().item(),
        "parts": {name: part.tolist() for name, part in parts.items()},
    }
