"""What make_parity.py makes a checkpoint from, and shapes and ropes as configs spell them.

A topic's models stand in a module of their own, `parity_<topic>.py`, with a list `MODELS` that
make_parity.py joins to its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from parity_conversations import HIDDEN_STATES_OF


def backbone_modules(loaded: torch.nn.Module) -> list[torch.nn.Module]:
    """Embedding, each layer, final norm, as most classes name them."""
    return [loaded.model.embed_tokens, *loaded.model.layers, loaded.model.norm]


def first_logit(loaded: torch.nn.Module, ids: torch.Tensor) -> dict:
    """The verdict of a sequence classifier with one label."""
    return {"score": loaded(ids).logits[0, 0].item()}


@dataclass
class Model:
    """One checkpoint: its transformers class, config and storage."""

    name: str
    family: str  # prefix of the transformers classes
    dtype: torch.dtype
    config: dict
    tokenizer: str = "llama3"
    max_shard_size: str = "1GB"
    seed: int = 0
    # Config changes that must change the scores: together, or each of several by itself.
    switches: dict | list[dict] = field(default_factory=dict)
    # Whether norms are stored as w of 1 + w, and embeddings scaled by sqrt(hidden).
    gemma: bool = False
    # Fills the backbone with random weights where the usual way won't do: (backbone, generator).
    fill: Callable[[torch.nn.Module, torch.Generator], None] | None = None
    # Whether spoiling any tensor must move a score; check_parity.py sees to it for the first families.
    every_tensor: bool = True
    # Conversations whose hidden states are recorded; fewer make a smaller folder.
    states_of: tuple[str, ...] = tuple(HIDDEN_STATES_OF)
    # A token that every conversation is made to end with.
    ending: int | None = None
    # For what transformers' classes don't do by themselves: a random model from (settings, generator),
    # the stored one in float32 from (folder, changes of the config), the modules whose results are the
    # hidden states, the verdict from (model, ids [1, T]).
    build: Callable[[dict, torch.Generator], torch.nn.Module] | None = None
    load: Callable[[Path, dict], torch.nn.Module] | None = None
    modules: Callable[[torch.nn.Module], list[torch.nn.Module]] = backbone_modules
    score: Callable[[torch.nn.Module, torch.Tensor], dict] = first_logit


def shape(hidden: int, inner: int, layers: int, heads: int, kv_heads: int, head_dim: int | None) -> dict:
    shape = {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
    }
    return shape if head_dim is None else shape | {"head_dim": head_dim}


def rope(theta: float, **scaling: object) -> dict:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta} | scaling}


DEFAULT_ROPE = rope(10000.0)
