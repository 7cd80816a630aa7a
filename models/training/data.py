"""The data: reading, splitting and labels.

Everything random here is seeded by `SPLIT_SEED`; two runs see the same rows in the same order.
"""

import gzip
import json
import math
import random
import re
from dataclasses import dataclass
from pathlib import Path

SPLIT_SEED = 20240911
DEV_SHARE, TEST_SHARE = 0.08, 0.12
HH_DEV_SHARE, HH_TEST_SHARE = 0.08, 0.17

JUDGES = ("weighted_alpaca_eval_gpt4_turbo", "alpaca_eval_gpt4")
# A judged probability is saturated at both ends; log odds beyond this tell nothing more.
LOG_ODDS_LIMIT = 12.0
# The gpt4 judge answers 0 or 1: its certainty is not known, so it is given moderate log odds.
BINARY_LOG_ODDS = 3.0

# Verbosity 1 is a response of this many tokens.
VERBOSITY_FULL_TOKENS = 1024

HEADER = re.compile(r"^\s{0,3}#{1,6}\s", re.MULTILINE)
LIST_ITEM = re.compile(r"^\s*[-+*] |\d+\.\s", re.MULTILINE)
BOLD = re.compile(r"\*\*.+?\*\*|__.+?__")


@dataclass
class Judged:
    """One response of a model to an instruction, and the judge's probability for it."""

    instruction: str
    response: str
    model: str
    judge: str
    probability: float
    split: str


@dataclass
class HumanPair:
    """Two answers to a conversation; a person found `chosen` the less harmful one."""

    prompt: list
    chosen: str
    rejected: str
    split: str


def read_lines(path: Path) -> list:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def split_of_keys(keys, dev_share: float, test_share: float) -> dict:
    """Assigns every key to train, dev or test; depends on the set of keys and the seed alone."""
    ordered = sorted(set(keys))
    random.Random(SPLIT_SEED).shuffle(ordered)
    dev, test = round(len(ordered) * dev_share), round(len(ordered) * test_share)
    names = ["dev"] * dev + ["test"] * test + ["train"] * (len(ordered) - dev - test)
    return dict(zip(ordered, names))


def read_judged(folder: Path) -> list[Judged]:
    rows = read_lines(folder / "alpaca_eval_gpt4_judgements.jsonl.gz")
    splits = split_of_keys((row["instruction"] for row in rows), DEV_SHARE, TEST_SHARE)
    return [
        Judged(
            row["instruction"],
            row["response"],
            row["model"],
            row["judge"],
            float(row["p_beats_baseline"]),
            splits[row["instruction"]],
        )
        for row in rows
    ]


def read_human_pairs(folder: Path) -> list[HumanPair]:
    """Splits by the conversation's first message, so that no conversation stands on both sides."""
    rows = read_lines(folder / "hh_harmless_base.jsonl.gz")
    first = [row["prompt"][0]["content"] for row in rows]
    splits = split_of_keys(first, HH_DEV_SHARE, HH_TEST_SHARE)
    return [
        HumanPair(row["prompt"], row["chosen"], row["rejected"], splits[key])
        for row, key in zip(rows, first)
    ]


def log_odds(judged: Judged) -> float:
    """The judge's probability as clipped log odds, the scale on which differences are pairs."""
    if judged.judge == "alpaca_eval_gpt4":
        return BINARY_LOG_ODDS * (2 * judged.probability - 1)
    p = min(max(judged.probability, 1e-9), 1 - 1e-9)
    return max(-LOG_ODDS_LIMIT, min(LOG_ODDS_LIMIT, math.log(p / (1 - p))))


def verbosity(tokens: int) -> float:
    """Log token length of the response, 0 for an empty one, 1 at VERBOSITY_FULL_TOKENS."""
    return min(1.0, math.log1p(tokens) / math.log1p(VERBOSITY_FULL_TOKENS))


def formatting(text: str) -> float:
    """Markdown density: headers, list items and bold spans per line, squashed into [0, 1)."""
    marks = len(HEADER.findall(text)) + len(LIST_ITEM.findall(text)) + len(BOLD.findall(text))
    lines = sum(1 for line in text.split("\n") if line.strip())
    return math.tanh(marks / max(lines, 3))
