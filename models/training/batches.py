"""The rows of one split, and sequences laid out for a forward pass."""

import numpy as np

from corpus import Corpus

MAX_TRAINING_TOKENS = 1024
# The gate reads the token that ends the last turn, so far before the response's first one.
GATE_OFFSET = 5
MAX_COPY_TOKENS = MAX_TRAINING_TOKENS - 200


class Sampler:
    """What one split holds, without the sequences over `max_tokens`."""

    def __init__(self, corpus: Corpus, split: str, max_tokens: int = MAX_TRAINING_TOKENS):
        self.corpus = corpus
        lengths = np.array([len(ids) for ids in corpus.response])
        lengths += np.array([len(corpus.prompts[p]) + 1 for p in corpus.prompt])
        keep = (corpus.split == split) & (lengths <= max_tokens)
        self.rows = np.flatnonzero(keep)
        self.lengths = lengths
        self.by_group = {}
        for row in self.rows:
            self.by_group.setdefault((int(corpus.prompt[row]), corpus.judge[row]), []).append(int(row))
        self.keys = sorted(self.by_group)
        self.copies = {copy[0]: copy for copy in corpus.corrupted if len(copy[1]) < MAX_COPY_TOKENS}
        self.human = [
            pair
            for pair in corpus.human
            if pair[3] == split and len(pair[0]) + max(len(pair[1]), len(pair[2])) < max_tokens
        ]


def pad_batch(sequences: list, pad: int) -> np.ndarray:
    ids = np.full((len(sequences), max(map(len, sequences))), pad, np.int64)
    for i, sequence in enumerate(sequences):
        ids[i, : len(sequence)] = sequence
    return ids


def pad_positions(positions: list) -> np.ndarray:
    """Positions as `pad_batch` lays ids out; padding stands at position 0, seen by no real token."""
    return pad_batch(positions, 0)


def length_buckets(lengths: list, tokens: int) -> list:
    """Indices sorted by length and cut so that a bucket holds about `tokens` padded tokens."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    buckets, current = [], []
    for i in order:
        if current and (len(current) + 1) * lengths[i] > tokens:
            buckets.append(current)
            current = []
        current.append(i)
    return buckets + [current] if current else buckets
