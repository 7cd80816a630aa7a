"""What make_encoder_parity.py makes a checkpoint from."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import transformers


def bert_modules(loaded: transformers.PreTrainedModel) -> list[torch.nn.Module]:
    """Whose outputs are the hidden states: the embeddings, each layer, the final norm where there is one."""
    backbone = loaded.base_model
    return [backbone.embeddings, *backbone.encoder.layer]


@dataclass
class Encoder:
    """One checkpoint: its transformers class, config, tokenizer and storage."""

    name: str
    family: str  # prefix of the transformers classes
    dtype: torch.dtype
    config: dict
    tokenizer: str  # a folder of text/pairs
    seed: int
    # Whether the model is given token types.
    token_types: bool = False
    # Config changes, each of which must change the scores.
    switches: list[dict] = field(default_factory=list)
    # Parts of names of tensors that move no score: a key's bias adds the same to all that a query sees.
    needless: tuple[str, ...] = ("key.bias",)
    modules: Callable[[transformers.PreTrainedModel], list[torch.nn.Module]] = bert_modules
