"""What a bag of tokens already knows, written into the backbone before the Bradley–Terry phase.

CPU minutes are short, and a ridge regression on token frequencies learns in one of them which
words, marks and openings the judges liked, over all responses. Its weights per token become a few
directions of the embedding, and one head of the first layer starts as a plain mean over them.
A head of a later layer starts by looking for tokens alike, which is what relevance needs.
"""

import numpy as np
import torch
from scipy import sparse

from corpus import Corpus
from data import JUDGES
from model import Backbone

TOKENS, RIDGE, EVERY = 3000, 30.0, 2
MODEL_DIRECTIONS = 8
MEAN_LAYER, MATCH_LAYER = 0, 2
# Sizes of the written directions, relative to one dimension of the embedding, and of their mean.
TOKEN_SCALE, MEAN_SCALE, MATCH_LOGIT = 2.0, 6.0, 6.0


def frequencies(responses: list, vocabulary: int) -> sparse.csr_matrix:
    """Share of each token in each response, [responses, vocabulary]."""
    lengths = np.array([len(ids) for ids in responses])
    rows, columns = np.repeat(np.arange(len(responses)), lengths), np.concatenate(responses)
    shares = np.repeat(1 / np.maximum(lengths, 8), lengths).astype(np.float32)
    shape = (len(responses), vocabulary)
    return sparse.csr_matrix((shares, (rows, columns.astype(np.int64))), shape=shape)


def centred(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Values minus the mean of their group."""
    count = np.bincount(group)
    means = np.stack([np.bincount(group, column) for column in values.T], 1) / np.maximum(count, 1)[:, None]
    return values - means[group]


def bag_weights(corpus: Corpus, vocabulary: int) -> np.ndarray:
    """Weights per token [vocabulary, directions]: log odds under both judges, models, harm.

    Targets are centred within an instruction and judge, so the weights tell responses apart, not
    instructions; log length stands beside the tokens in the regression and takes its own share.
    """
    rows = np.flatnonzero(corpus.split == "train")[::EVERY]
    judge = np.array([JUDGES.index(corpus.judge[row]) for row in rows])
    odds = corpus.log_odds[rows] / np.where(judge == 0, 6.0, 3.0)
    models = np.eye(len(corpus.models))[corpus.model[rows]]
    targets = np.column_stack((odds, odds * (judge == 0), odds * (judge == 1), models))
    targets = centred(targets, corpus.prompt[rows] * 2 + judge)
    responses = [corpus.response[row] for row in rows]
    shares = frequencies(responses, vocabulary)
    keep = np.argsort(-np.asarray((shares > 0).sum(0)).ravel(), kind="stable")[:TOKENS]
    fitted, gram = _ridge(shares[:, keep], np.log1p([len(r) for r in responses]), targets)
    _, _, right = np.linalg.svd(fitted[:, 3:].T @ gram @ fitted[:, 3:])
    weights = np.zeros((vocabulary, 3 + MODEL_DIRECTIONS + 1))
    weights[keep, :-1] = np.column_stack((fitted[:, :3], fitted[:, 3:] @ right[:MODEL_DIRECTIONS].T))
    weights[:, -1] = _harm_weights(corpus, vocabulary)
    # Mean 0 and variance 1 over the tokens of the texts.
    counts = np.asarray(shares.sum(0)).ravel()
    mean = counts @ weights / counts.sum()
    spread = np.sqrt(counts @ (weights - mean) ** 2 / counts.sum())
    return np.clip((weights - mean) / np.maximum(spread, 1e-9), -4, 4)


def _ridge(shares, length, targets):
    scale = 1 / np.sqrt(np.sqrt(np.asarray(shares.multiply(shares).mean(0)).ravel()) + 1e-6)
    x = (shares @ sparse.diags(scale)).tocsr().astype(np.float32)
    extra = np.stack([np.ones(len(length)), length, length**2 / 5], 1)
    gram = np.asarray((x.T @ x).todense(), np.float64)
    cross = x.T @ extra
    whole = np.block([[gram, cross], [cross.T, extra.T @ extra]])
    penalty = [RIDGE * np.diag(gram).mean() / 30] * len(gram) + [1e-3] * 3
    moment = np.concatenate([x.T @ targets, extra.T @ targets])
    fitted = np.linalg.solve(whole + np.diag(penalty), moment)[: len(gram)]
    return fitted * scale[:, None], gram / np.outer(scale, scale)


def _harm_weights(corpus: Corpus, vocabulary: int) -> np.ndarray:
    """Log ratio of a token's smoothed share in the chosen and in the rejected answers, shrunk."""
    counts = np.zeros((2, vocabulary))
    for _, chosen, rejected, split, _ in corpus.human:
        if split == "train":
            for side, ids in enumerate((chosen, rejected)):
                counts[side] += np.bincount(np.unique(ids), minlength=vocabulary)
    return np.log((counts[0] + 8) / (counts[1] + 8))


@torch.no_grad()
def install(backbone: Backbone, weights: np.ndarray) -> None:
    """Writes the directions into the embedding and the two heads' starting points."""
    embedding = backbone.embed_tokens.weight
    count, width = weights.shape[1], backbone.config.head_dim
    rms = embedding.square().mean().sqrt()
    # Directions that the embedding uses least: some carry the weights, others take their mean.
    _, _, directions = torch.linalg.svd(embedding - embedding.mean(0), full_matrices=False)
    carriers, takers = directions[-count:], directions[-2 * count : -count]
    embedding -= embedding @ carriers.T @ carriers
    embedding += TOKEN_SCALE * rms * torch.tensor(weights, dtype=torch.float32) @ carriers
    layer = backbone.layers[MEAN_LAYER]
    attention, norm = layer.self_attn, layer.input_layernorm.weight
    attention.q_proj.weight[:width] = 0  # the first head looks everywhere alike
    attention.v_proj.weight[:count] = carriers / norm
    group = backbone.config.heads // backbone.config.kv_heads
    for head in range(group):
        attention.o_proj.weight[:, head * width : head * width + count] = 0
    attention.o_proj.weight[:, :width] = 0
    attention.o_proj.weight[:, :count] = MEAN_SCALE * takers.T
    _install_match(backbone, directions)


def _install_match(backbone: Backbone, directions: torch.Tensor) -> None:
    """Queries equal to keys on the embedding's main directions, at RoPE's slow frequencies."""
    config, layer = backbone.config, backbone.layers[MATCH_LAYER]
    width, group = config.head_dim, config.heads // config.kv_heads
    quarter = width // 4
    slow = torch.cat((torch.arange(quarter, 2 * quarter), torch.arange(3 * quarter, width)))
    read = directions[1 : 1 + len(slow)] / layer.input_layernorm.weight
    size = (MATCH_LOGIT * width**0.5 / len(slow)) ** 0.5
    attention = layer.self_attn
    attention.k_proj.weight[-width:] = 0
    attention.k_proj.weight[-width:][slow] = size * read
    for head, sharpness in zip(range(config.heads - group, config.heads), (1.0, 0.5, 0.0)):
        attention.q_proj.weight[head * width : (head + 1) * width] = 0
        attention.q_proj.weight[head * width : (head + 1) * width][slow] = sharpness * size * read
        attention.o_proj.weight[:, head * width : (head + 1) * width] *= 0.1
