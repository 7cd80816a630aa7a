"""Relevance, built rather than learnt: a topic product of prompt and response in added dimensions.

The steps that a CPU allows did not teach the backbone to compare a response with its prompt. So the
trained backbone is widened by 96 dimensions, one key-value group of heads and 64 units per MLP that
leave the trained part as it is, and there compute Σ_k q_k · c_k: q is the mean over the prompt of a
topic vector per token, c the mean over the response. The vectors are learnt on bags of tokens. The
sum stands in one dimension of the hidden state, where ridge probing finds it.

    layer 0  a head that looks at the assistant's header: is this token in the response?
    layer 1  a head that looks at the prompt alone and one that looks at the response alone:
             the mean topic vector of each; the MLP multiplies the two
"""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bag import frequencies
from corpus import Corpus
from model import Backbone, load_backbone

TOPICS, ADDED, ADDED_UNITS = 30, 96, 64
TOPIC_SCALE, FLAG_SCALE, INSIDE_SCALE = 0.1, 0.3, 0.6
# The response head's own dimension of queries and keys, of RoPE's second slowest frequency.
RESPONSE_PAIR = 14
STEPS, BATCH, RATE = 300, 256, 0.02


def topic_vectors(corpus: Corpus, vocabulary: int) -> np.ndarray:
    """[vocabulary, TOPICS]: learnt so that a response's mean is nearest to its own prompt's mean.

    Contrastive cross-entropy over the other prompts of a batch; starts as a random projection of
    the inverse document frequencies, under which a product counts rare words in common.
    """
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    train = np.flatnonzero(corpus.split == "train")
    documents = np.zeros(vocabulary)
    for row in train[::10]:
        documents[np.unique(corpus.response[row])] += 1
    rarity = np.maximum(0, np.log((len(train) / 10 + 1) / (documents + 1)))
    start = torch.randn(vocabulary, TOPICS, generator=generator) / TOPICS**0.5
    vectors = nn.Parameter(start * torch.tensor(rarity, dtype=torch.float32)[:, None])
    scale = nn.Parameter(torch.tensor(30.0))
    optimizer = torch.optim.Adam([{"params": [vectors], "lr": RATE}, {"params": [scale], "lr": 0.3}])
    prompts = np.unique(corpus.prompt[train])
    rows_of = {int(p): train[corpus.prompt[train] == p] for p in prompts}
    for _ in range(STEPS):
        picked = rng.choice(prompts, min(BATCH, len(prompts)), replace=False)
        rows = [int(rng.choice(rows_of[int(p)])) for p in picked]
        questions = _bags([corpus.prompts[p][4:-5] for p in picked], vocabulary) @ vectors
        answers = _bags([corpus.response[row] for row in rows], vocabulary) @ vectors
        logits = scale * questions @ answers.T
        own = torch.arange(len(logits))
        loss = F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    result = vectors.detach().double().numpy()
    return result / np.sqrt((result**2).mean())


def _bags(texts: list, vocabulary: int) -> torch.Tensor:
    shares = frequencies(texts, vocabulary)
    parts = (torch.from_numpy(a.astype(np.int64)) for a in (shares.indptr, shares.indices))
    return torch.sparse_csr_tensor(*parts, torch.from_numpy(shares.data), shares.shape)


class Places:
    """Where what stands among the added dimensions of the residual stream."""

    def __init__(self, first: int):
        self.topic, self.prompt, self.response = (
            slice(first + i * TOPICS, first + (i + 1) * TOPICS) for i in range(3)
        )
        last = first + 3 * TOPICS
        self.constant, self.header, self.inside, self.result = range(last, last + 4)


@torch.no_grad()
def widen(trained: Backbone, vectors: np.ndarray, assistant: int, specials: list) -> Backbone:
    """The trained backbone with the comparison beside it; hidden states of the old part stay."""
    old = trained.config
    group = old.heads // old.kv_heads
    config = replace(
        old,
        hidden=old.hidden + ADDED,
        heads=old.heads + group,
        kv_heads=old.kv_heads + 1,
        intermediate=old.intermediate + ADDED_UNITS,
    )
    wide, at = Backbone(config), Places(old.hidden)
    _copy(trained, wide, (old.hidden / config.hidden) ** 0.5)
    embedding = wide.embed_tokens.weight
    embedding[:, at.topic] = TOPIC_SCALE * torch.tensor(vectors, dtype=torch.float32)
    embedding[specials, at.topic] = 0
    embedding[:, at.constant] = FLAG_SCALE
    embedding[assistant, at.header] = FLAG_SCALE
    first, second = wide.layers[:2]
    _look(first, 0, at.constant, at.header, 13.6, 1)
    _value(first, 0, at.header, at.inside, INSIDE_SCALE)
    _look(second, 0, at.constant, at.inside, 25.0, -1)
    _mean(second, 0, at.topic, at.prompt, 8.0)
    query, _ = _head(second, 1)
    second.self_attn.q_proj.weight[query + RESPONSE_PAIR, at.constant] = -25.0
    # A prompt's token stands at −constant, a response's at 0 whatever its norm: an even mean.
    row = embedding[assistant]
    inside = INSIDE_SCALE * FLAG_SCALE / row.square().mean().sqrt()
    _, key = _head(second, 1)
    keys = second.self_attn.k_proj.weight
    keys[key + RESPONSE_PAIR, at.constant] = 25.0
    keys[key + RESPONSE_PAIR, at.inside] = -25.0 * FLAG_SCALE / inside
    _mean(second, 1, at.topic, at.response, 8.0)
    _product(second, old.intermediate, at, 5.0)
    return wide.eval()


def widened(corpus: Corpus, best: Path, state: Path) -> Path:
    """Widens the backbone saved at `best`; returns the path of the wide one, made once."""
    path = state / f"{best.stem}-wide.pt"
    if not path.exists():
        trained = load_backbone(best)
        vectors = topic_vectors(corpus, trained.config.vocabulary)
        assistant = int(corpus.prompts[0][-3])
        special = [int(corpus.prompts[0][0]), corpus.turn_end, corpus.pad]
        specials = sorted({*special, int(corpus.prompts[0][1]), int(corpus.prompts[0][3]), assistant})
        wide = widen(trained, vectors, assistant, specials)
        torch.save({"backbone": wide.state_dict(), "config": asdict(wide.config)}, path)
    return path


def _copy(trained, wide, norm_scale):
    """Old weights to the same places, zero elsewhere; norms scaled for the longer mean square."""
    for (name, parameter), source in zip(wide.named_parameters(), trained.parameters()):
        parameter.fill_(1.0 if parameter.dim() == 1 else 0.0)
        view = parameter[tuple(slice(0, size) for size in source.shape)]
        view.copy_(source * norm_scale if "norm" in name else source)


def _head(layer, number):
    """Rows of the added head `number`'s query; the added group's key and value rows."""
    config = layer.self_attn.config
    group, width = config.heads // config.kv_heads, config.head_dim
    start = (config.heads - group + number) * width
    return start, (config.kv_heads - 1) * width


def _look(layer, number, asking, marked, strength, sign):
    """Logit sign · strength² · x[asking] · x[marked] / √width, at RoPE's slowest frequency."""
    query, key = _head(layer, number)
    slowest = layer.self_attn.config.head_dim // 2 - 1
    layer.self_attn.q_proj.weight[query + slowest, asking] = sign * strength
    layer.self_attn.k_proj.weight[key + slowest, marked] = strength


def _mean(layer, number, source, target, scale):
    """Topics read by the group's first values and written, scaled, by the head."""
    query, value = _head(layer, number)
    unit = torch.eye(TOPICS)
    layer.self_attn.v_proj.weight[value : value + TOPICS, source] = unit
    layer.self_attn.o_proj.weight[target, query : query + TOPICS] = scale * unit


def _value(layer, number, source, target, scale):
    query, value = _head(layer, number)
    layer.self_attn.v_proj.weight[value + TOPICS, source] = 1
    layer.self_attn.o_proj.weight[target, query + TOPICS] = scale


def _product(layer, first, at, scale):
    """silu(a)·b + silu(−a)·(−b) = a·b exactly: two units per topic."""
    unit = scale * torch.eye(TOPICS)
    for sign, start in ((1, first), (-1, first + TOPICS)):
        layer.mlp.gate_proj.weight[start : start + TOPICS, at.prompt] = sign * unit
        layer.mlp.up_proj.weight[start : start + TOPICS, at.response] = sign * unit
        layer.mlp.down_proj.weight[at.result, start : start + TOPICS] = 0.3
