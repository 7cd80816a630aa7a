"""ArmoRM written out: the reference for the `armo` head.

The class has the tensors and config keys of ArmoRM-Llama3-8B-v0.1, with which the model's authors
published it (paper: "Interpretable Preferences via Multi-Objective Reward Modeling and
Mixture-of-Experts", arXiv:2406.12845). Its forward pass is this project's own writing of it:

    X        last hidden states, after the final norm                   [T, H]
    rewards  r = W · X[last token]                                      [n]
    gating   w = softmax(MLP(X[g]) / temperature) · logit_scale         [n]
             g = start of the last end-of-turn + assistant header
    score    Σ_j w_j · (r · M)_j  =  Σ_i r_i · (M · w)_i,  coefficients = M · w
"""

import torch
from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaModel, LlamaPreTrainedModel

VERBOSITY = 4  # row of helpsteer-verbosity, the objective that the transform takes out of the others


class GatingNetwork(nn.Module):
    """Linear and ReLU `gating_n_hidden` times, then Linear; names as in the published checkpoint."""

    def __init__(self, config: LlamaConfig):
        super().__init__()
        sizes = [config.hidden_size] + [config.gating_hidden_dim] * config.gating_n_hidden
        self.temperature = config.gating_temperature
        self.logit_scale = nn.Parameter(torch.ones(1))
        self.layers = nn.ModuleList(
            nn.Linear(size_in, size_out) for size_in, size_out in zip(sizes, sizes[1:] + [config.num_objectives])
        )

    def forward(self, prompt: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[:-1]:
            prompt = torch.relu(layer(prompt))
        return torch.softmax(self.layers[-1](prompt) / self.temperature, dim=-1) * self.logit_scale


class LlamaForRewardModelWithGating(LlamaPreTrainedModel):
    """A Llama backbone with ArmoRM's heads."""

    def __init__(self, config: LlamaConfig):
        super().__init__(config)
        self.model = LlamaModel(config)
        self.regression_layer = nn.Linear(config.hidden_size, config.num_objectives, bias=False)
        self.reward_transform_matrix = nn.Parameter(torch.eye(config.num_objectives), requires_grad=False)
        self.gating = GatingNetwork(config)
        self.post_init()

    def forward(self, input_ids: torch.Tensor, gate_position: int) -> dict[str, torch.Tensor]:
        """Scores one conversation: input_ids [1, T] without padding."""
        hidden_states = self.model(input_ids).last_hidden_state[0]
        rewards = self.regression_layer(hidden_states[-1])
        gating = self.gating(hidden_states[gate_position])
        coefficients = self.reward_transform_matrix @ gating
        score = (gating * (rewards @ self.reward_transform_matrix)).sum()
        return {"rewards": rewards, "gating": gating, "coefficients": coefficients, "score": score}


def find_gate_position(ids: list[int], pattern: list[int]) -> int:
    """Index of the first token of the last occurrence of `pattern`."""
    for start in range(len(ids) - len(pattern), -1, -1):
        if ids[start : start + len(pattern)] == pattern:
            return start
    raise ValueError(f"no gating pattern {pattern} in {ids}")


def fill_heads(model: LlamaForRewardModelWithGating, generator: torch.Generator) -> None:
    """Random heads in f32 whose gate is neither uniform nor one-hot at temperature 10."""

    def normal(shape: torch.Size, std: float) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * std

    objectives, hidden = model.regression_layer.weight.shape
    with torch.no_grad():
        model.regression_layer.weight.copy_(normal((objectives, hidden), 0.6 * hidden**-0.5))
        transform = torch.eye(objectives)
        transform[VERBOSITY] -= torch.rand(objectives, generator=generator)
        transform[VERBOSITY, VERBOSITY] = 1.0
        model.reward_transform_matrix.copy_(transform)
        layers = list(model.gating.layers)
        for index, layer in enumerate(layers):
            gain = 1.6 if index < len(layers) - 1 else 12.0
            layer.weight.copy_(normal(layer.weight.shape, gain * layer.in_features**-0.5))
            layer.bias.copy_(normal(layer.bias.shape, 0.3))
        model.gating.logit_scale.fill_(1.375)
