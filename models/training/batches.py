"""What one training step sees. A batch is drawn from (seed, phase, step) alone: resuming repeats it."""

from dataclasses import dataclass, field

import numpy as np

from corpus import Corpus

SEED = 7
MAX_TRAINING_TOKENS = 1024
# Of a long response the first and the last tokens are shown, at their true positions, which keeps
# its length visible and halves the cost of a step.
HEAD_TOKENS, TAIL_TOKENS = 96, 48
# Whether a response belongs to its prompt shows in fewer of its tokens.
MATCH_TOKENS = (40, 12)
# Damaged copies that training shows are short ones; those that are measured are of any length.
MAX_COPY_TOKENS = (MAX_TRAINING_TOKENS - 200, 400)
GROUPS, GROUP_SIZE, HUMAN_PAIRS, MATCH_PAIRS = 2, 6, 3, 4


@dataclass
class Batch:
    """Sequences and who stands where in them; every list holds indices into `sequences`."""

    sequences: list = field(default_factory=list)
    positions: list = field(default_factory=list)  # of each sequence's tokens in the whole text
    crop: bool = False
    rows: list = field(default_factory=list)  # judged row of each of the first len(rows) sequences
    groups: list = field(default_factory=list)  # lists of sequences of one instruction and judge
    prompt_lengths: list = field(default_factory=list)
    matches: list = field(default_factory=list)  # (response to the prompt, response to another one)
    damaged: list = field(default_factory=list)  # (damaged sequence, original sequence)
    human: list = field(default_factory=list)  # (chosen, rejected)

    def add(self, sequence, prompt_length, shown=(HEAD_TOKENS, TAIL_TOKENS)) -> int:
        """`shown`: tokens of the response's head and tail that a cropped batch keeps; None: all."""
        positions = np.arange(len(sequence))
        if self.crop and shown is not None and len(sequence) > prompt_length + sum(shown):
            positions = np.concatenate((positions[: prompt_length + shown[0]], positions[-shown[1] :]))
        self.sequences.append(sequence[positions])
        self.positions.append(positions)
        self.prompt_lengths.append(prompt_length)
        return len(self.sequences) - 1


class Sampler:
    """Draws batches of one split."""

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
        self.copies = {}
        for copy in corpus.corrupted:
            if len(copy[1]) < MAX_COPY_TOKENS[split == "train"]:
                self.copies[copy[0]] = copy
        self.with_copy = {
            key: [row for row in rows if row in self.copies] for key, rows in self.by_group.items()
        }
        self.human = [
            pair
            for pair in corpus.human
            if pair[3] == split and len(pair[0]) + max(len(pair[1]), len(pair[2])) < max_tokens
        ]

    def language(self, step: int, tokens: int) -> list:
        """Sequences of similar length, about `tokens` together, for the language-model phase."""
        rng = np.random.default_rng([SEED, 1, step])
        anchor = self.lengths[rng.choice(self.rows)]
        near = self.rows[np.abs(self.lengths[self.rows] - anchor) <= max(8, anchor // 10)]
        count = min(len(near), max(1, tokens // int(anchor)))
        picked = rng.choice(near, count, replace=False)
        return [self.corpus.judged_sequence(int(row)) for row in picked]

    def preference(self, step: int, crop: bool) -> Batch:
        rng, corpus, batch = np.random.default_rng([SEED, 2, step]), self.corpus, Batch(crop=crop)
        picked = rng.choice(len(self.keys), GROUPS, replace=False)
        keys = [self.keys[int(i)] for i in picked]
        copied = []
        for key in keys:
            rows = self._group_rows(key, rng)
            members = []
            for row in rows:
                size = len(corpus.prompts[corpus.prompt[row]])
                # A damaged copy and its original are compared whole.
                shown = None if row == rows[0] and row in self.copies else (HEAD_TOKENS, TAIL_TOKENS)
                members.append(batch.add(corpus.judged_sequence(row), size, shown))
                batch.rows.append(row)
            batch.groups.append(members)
            if rows[0] in self.copies:
                copied.append((rows[0], members[0]))
        for good, other in rng.choice(self.rows, (MATCH_PAIRS, 2)):
            prompt = int(corpus.prompt[good])
            if prompt != corpus.prompt[other]:
                size = len(corpus.prompts[prompt])
                pair = [
                    batch.add(corpus.judged_sequence(int(row), prompt), size, MATCH_TOKENS)
                    for row in (good, other)
                ]
                batch.matches.append(tuple(pair))
        for row, original in copied:
            prompt = corpus.prompts[corpus.prompt[row]]
            damaged = batch.add(corpus.sequence(prompt, self.copies[row][1]), len(prompt), None)
            batch.damaged.append((damaged, original))
        for i in rng.choice(len(self.human), HUMAN_PAIRS, replace=False):
            prompt, chosen, rejected, *_ = self.human[int(i)]
            pair = [batch.add(corpus.sequence(prompt, r), len(prompt)) for r in (chosen, rejected)]
            batch.human.append(tuple(pair))
        return batch

    def _group_rows(self, key, rng) -> list:
        """Rows of one instruction and judge; the first has a damaged copy where there is one."""
        known = self.by_group[key]
        rows = [int(r) for r in rng.choice(known, min(GROUP_SIZE, len(known)), replace=False)]
        if self.with_copy[key]:
            first = int(rng.choice(self.with_copy[key]))
            rows = [first] + [row for row in rows if row != first][: GROUP_SIZE - 1]
        return rows


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
