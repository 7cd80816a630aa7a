"""What one training step sees. A batch is drawn from (seed, phase, step) alone: resuming repeats it."""

import random
import re
from dataclasses import dataclass, field

import numpy as np

from batches import MAX_TRAINING_TOKENS, Sampler
from corpus import Corpus
from damage import corrupt
from tokenizer import Chat

SEED = 7
# Of a long response the first and the last tokens are shown, at their true positions, which keeps
# its length visible and halves the cost of a step.
CROP = (96, 48)
# Whether a response belongs to its prompt shows in fewer of its tokens.
MATCH_CROP = (64, 16)
# The language-model phase shows the beginnings of texts: attention's cost grows with their square.
LANGUAGE_CROP = 256
GROUPS, GROUP_SIZE = 2, 6
COPIES, MATCHES, HUMAN_PAIRS = 6, 3, 3
# A damaged copy and its original are shown whole: mostly short ones.
SHORT_COPY, LONG_COPY, LONG_SHARE = 260, 800, 0.1


@dataclass
class Batch:
    """Sequences and who stands where in them; every list holds indices into `sequences`."""

    sequences: list = field(default_factory=list)
    positions: list = field(default_factory=list)  # of each sequence's tokens in the whole text
    crop: bool = False
    prompt_lengths: list = field(default_factory=list)
    natural: list = field(default_factory=list)  # whether the text is as somebody wrote it
    rows: dict = field(default_factory=dict)  # judged row of each sequence that is one, undamaged
    groups: list = field(default_factory=list)  # lists of sequences of one instruction and judge
    matches: list = field(default_factory=list)  # (response to the prompt, response to another one)
    damaged: list = field(default_factory=list)  # (damaged sequence, original sequence)
    seams: dict = field(default_factory=dict)  # of damaged and original: 1 where a token is out of place
    human: list = field(default_factory=list)  # both answers of the pairs

    def add(self, sequence, prompt_length, shown=None, natural=True) -> int:
        """`shown`: tokens of the response's head and tail that a cropped batch keeps; None: all."""
        positions = np.arange(len(sequence))
        if self.crop and shown is not None and len(sequence) > prompt_length + sum(shown):
            positions = np.concatenate((positions[: prompt_length + shown[0]], positions[-shown[1] :]))
        self.sequences.append(sequence[positions])
        self.positions.append(positions)
        self.prompt_lengths.append(prompt_length)
        self.natural.append(natural)
        return len(self.sequences) - 1


class Draws:
    """Draws the batches of both phases from the training split."""

    def __init__(self, corpus: Corpus, chat: Chat):
        self.corpus, self.chat = corpus, chat
        self.sampler = Sampler(corpus, "train")
        train = [i for i, pair in enumerate(corpus.human) if pair[3] == "train"]
        self.human = [i for i in train if len(corpus.human[i][0]) < MAX_TRAINING_TOKENS // 2]
        rows, lengths = self.sampler.rows, self.sampler.lengths
        self.short, self.long = (rows[lengths[rows] <= most] for most in (SHORT_COPY, LONG_COPY))

    def language(self, step: int, tokens: int) -> list:
        """Beginnings of similar length, about `tokens` together; every eighth time of conversations."""
        rng, corpus = np.random.default_rng([SEED, 1, step]), self.corpus
        if step % 8 == 7:
            picked = [corpus.human[self.human[i]] for i in rng.choice(len(self.human), tokens // 160)]
            whole = [corpus.sequence(p[0], p[1 + rng.integers(2)]) for p in picked]
            return [ids[-LANGUAGE_CROP:] for ids in whole]
        rows = self.sampler.rows
        lengths = np.minimum(self.sampler.lengths, LANGUAGE_CROP)
        anchor = lengths[rng.choice(rows)]
        near = rows[np.abs(lengths[rows] - anchor) <= max(8, anchor // 10)]
        count = min(len(near), max(1, tokens // int(anchor)))
        picked = rng.choice(near, count, replace=False)
        return [corpus.judged_sequence(int(row))[:LANGUAGE_CROP] for row in picked]

    def preference(self, step: int, crop: bool) -> Batch:
        rng, batch = np.random.default_rng([SEED, 2, step]), Batch(crop=crop)
        self._judged(batch, rng)
        for _ in range(MATCHES):
            a, b = (int(row) for row in rng.choice(self.sampler.rows, 2))
            for good, row in zip(self._match(batch, self._instruction(a), self._instruction(b)), (a, b)):
                batch.rows[good] = row
        self._match(batch, *(self._odd_prompt(rng) for _ in range(2)))
        self._damaged(batch, rng)
        self._human(batch, rng)
        return batch

    def _judged(self, batch, rng):
        sampler, corpus = self.sampler, self.corpus
        for i in rng.choice(len(sampler.keys), GROUPS, replace=False):
            known = sampler.by_group[sampler.keys[int(i)]]
            members = []
            for row in rng.choice(known, min(GROUP_SIZE, len(known)), replace=False):
                size = len(corpus.prompts[corpus.prompt[row]])
                members.append(batch.add(corpus.judged_sequence(int(row)), size, CROP))
                batch.rows[members[-1]] = int(row)
            batch.groups.append(members)

    def _instruction(self, row: int):
        return self.corpus.prompts[self.corpus.prompt[row]], self.corpus.response[row]

    def _odd_prompt(self, rng):
        """A conversation's answer, or an answer to one sentence of another answer: other prompts."""
        corpus = self.corpus
        if rng.random() < 0.5:
            pair = corpus.human[self.human[rng.integers(len(self.human))]]
            return pair[0], pair[1 + rng.integers(2)]
        group = self.sampler.by_group[self.sampler.keys[rng.integers(len(self.sampler.keys))]]
        source, row = (int(r) for r in rng.choice(group, 2))
        sentences = [s for s in re.split(r"(?<=[.!?])\s+|\n+", corpus.text[source]) if len(s) > 30]
        text = sentences[rng.integers(len(sentences))] if sentences else corpus.instructions[corpus.prompt[row]]
        prompt = self.chat.prompt([{"role": "user", "content": text[:300]}])
        return np.array(prompt, np.uint16), corpus.response[row]

    def _match(self, batch, first, second) -> list:
        """Both prompts with both responses, so that neither alone tells what belongs together.

        Returns the sequences of each with its own."""
        if np.array_equal(first[0], second[0]):
            return []
        for own, other in ((first, second), (second, first)):
            prompt = own[0]
            good = batch.add(self.corpus.sequence(prompt, own[1]), len(prompt), MATCH_CROP)
            bad = batch.add(self.corpus.sequence(prompt, other[1]), len(prompt), MATCH_CROP, natural=False)
            batch.matches.append((good, bad))
        return [good for good, _ in batch.matches[-2:]]

    def _damaged(self, batch, rng):
        corpus = self.corpus
        for _ in range(COPIES):
            row = int(rng.choice(self.long if rng.random() < LONG_SHARE else self.short))
            made = corrupt(corpus.text[row].strip(), random.Random(int(rng.integers(2**62))))
            if made is None:
                continue
            prompt = corpus.prompts[corpus.prompt[row]]
            encoded = self.chat.tokenizer.encode(made.text, add_special_tokens=False)
            original = batch.add(corpus.judged_sequence(row), len(prompt))
            batch.rows[original] = row
            bad = batch.add(corpus.sequence(prompt, encoded.ids), len(prompt), natural=False)
            batch.damaged.append((bad, original))
            batch.seams[original] = np.zeros(len(batch.sequences[original]), np.float32)
            seams = np.zeros(len(batch.sequences[bad]), np.float32)
            for at, (start, end) in enumerate(encoded.offsets):
                if any(start < last and first < end for first, last in made.spans):
                    seams[len(prompt) + at] = 1
            if not made.spans:
                seams[-1] = 1  # that the text is over is what is wrong with a cut end
            batch.seams[bad] = seams

    def _human(self, batch, rng):
        corpus = self.corpus
        for i in rng.choice(self.human, HUMAN_PAIRS, replace=False):
            prompt, *answers = corpus.human[i][:3]
            for ids in answers:
                batch.human.append(batch.add(corpus.sequence(prompt, ids), len(prompt), CROP))
