"""Damaged copies of texts, the negatives of `coherence`: four kinds, each telling what it damaged."""

import random
import re
from dataclasses import dataclass

SHUFFLED_SENTENCES, SHUFFLED_WORDS = "shuffled sentences", "shuffled words"
REPEATED_SPAN, CUT_END = "repeated span", "cut end"
KINDS = (SHUFFLED_SENTENCES, SHUFFLED_WORDS, REPEATED_SPAN, CUT_END)
# Where a sentence follows one that it did not follow before, this much of it is out of place.
SEAM_CHARACTERS = 16


@dataclass
class Damaged:
    """A damaged text, the kind of damage, and the ranges of characters that show it.

    A cut end shows nowhere but in the text's being over, so its `spans` are empty.
    """

    text: str
    kind: str
    spans: list


def corrupt(text: str, rng: random.Random) -> Damaged | None:
    """A damaged copy of a text; None where the text is too short for any damage."""
    words = text.split(" ")
    if len(words) < 8:
        return None
    kinds = list(KINDS)
    rng.shuffle(kinds)
    for kind in kinds:
        made = DAMAGE[kind](text, words, rng)
        if made is not None and made[0].strip() != text.strip():
            damaged, spans = made
            lead = len(damaged) - len(damaged.lstrip())
            return Damaged(damaged.strip(), kind, [(a - lead, b - lead) for a, b in spans])
    return None


def _shuffle_sentences(text, _words, rng):
    sentences = re.split(r"(?<=[.!?])\s+|\n+", text)
    if len(sentences) < 4:
        return None
    order = list(range(len(sentences)))
    rng.shuffle(order)
    spans, at = [], 0
    for before, index in zip([-1, *order], order):
        if index != before + 1:
            spans.append((at, at + min(SEAM_CHARACTERS, len(sentences[index]))))
        at += len(sentences[index]) + 1
    return " ".join(sentences[i] for i in order), spans


def _shuffle_words(_text, words, rng):
    shuffled = list(words)
    span = max(8, len(words) // rng.choice((1, 2, 3)))
    start = rng.randrange(max(1, len(words) - span + 1))
    part = shuffled[start : start + span]
    rng.shuffle(part)
    shuffled[start : start + span] = part
    first = len(" ".join(words[:start]))
    return " ".join(shuffled), [(first, first + len(" ".join(part)) + 1)]


def _repeat_span(_text, words, rng):
    span = rng.randint(3, max(4, min(30, len(words) // 3)))
    start = rng.randrange(len(words) - span + 1)
    times = rng.randint(2, 4)
    repeated = words[start : start + span] * times
    first = len(" ".join(words[: start + span]))
    text = " ".join(words[: start + span] + repeated + words[start + span :])
    return text, [(first, first + len(" ".join(repeated)) + 1)]


def _cut_end(_text, words, rng):
    keep = rng.randint(len(words) // 3, len(words) - 2)
    cut = " ".join(words[:keep]).rstrip()
    cut = cut.rstrip(".!?:;,")
    return (cut, []) if cut else None


DAMAGE = {
    SHUFFLED_SENTENCES: _shuffle_sentences,
    SHUFFLED_WORDS: _shuffle_words,
    REPEATED_SPAN: _repeat_span,
    CUT_END: _cut_end,
}
