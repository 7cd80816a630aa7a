"""The tokenised corpus: made once, kept in the state folder, read by every later step."""

import pickle
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from damage import corrupt
from data import SPLIT_SEED, formatting, log_odds, read_human_pairs, read_judged
from teacher import harm_weights
from tokenizer import Chat, sample_texts, save_tokenizer, train_tokenizer

TOKENIZER_TEXTS = 16000
CORRUPTED = {"train": 14000, "dev": 800, "test": 2000}


@dataclass
class Corpus:
    """Rows by index; `split` holds "train", "dev" or "test"; token ids are uint16 arrays."""

    prompts: list = field(default_factory=list)  # token ids up to and with the assistant's header
    instructions: list = field(default_factory=list)
    # judged rows
    prompt: np.ndarray = None  # index into prompts
    response: list = field(default_factory=list)
    text: list = field(default_factory=list)
    judge: list = field(default_factory=list)
    model: np.ndarray = None  # index into models
    models: list = field(default_factory=list)
    log_odds: np.ndarray = None
    probability: np.ndarray = None
    formatting: np.ndarray = None
    split: np.ndarray = None
    # (judged row, damaged ids, kind of damage, damaged text)
    corrupted: list = field(default_factory=list)
    # (prompt ids, chosen ids, rejected ids, split, pair)
    human: list = field(default_factory=list)
    harm: np.ndarray = None  # of each token: the teacher's weight

    turn_end: int = 0
    pad: int = 0

    def sequence(self, prompt_ids, response_ids) -> np.ndarray:
        return np.concatenate((prompt_ids, response_ids, [self.turn_end])).astype(np.int64)

    def judged_sequence(self, row: int, prompt: int | None = None) -> np.ndarray:
        prompt = self.prompt[row] if prompt is None else prompt
        return self.sequence(self.prompts[prompt], self.response[row])


def load_corpus(data: Path, state: Path) -> Corpus:
    path = state / "corpus.pickle"
    if not path.exists():
        corpus = build_corpus(data, state)
        path.with_suffix(".part").write_bytes(pickle.dumps(corpus, protocol=5))
        path.with_suffix(".part").rename(path)
    # The file is this program's own, written above.
    corpus = pickle.loads(path.read_bytes())
    corpus.harm = harm_weights(corpus.human, corpus.turn_end, state)
    return corpus


def load_chat(state: Path) -> Chat:
    """The chat template with the tokenizer that `load_corpus` left in the state folder."""
    return Chat(Tokenizer.from_file(str(state / "tokenizer.json")))


def build_corpus(data: Path, state: Path) -> Corpus:
    judged, human = read_judged(data), read_human_pairs(data)
    chat = Chat(make_tokenizer(judged, human, state))
    corpus = Corpus()
    corpus.turn_end, corpus.pad = chat.turn_end, chat.pad
    corpus.instructions = sorted({row.instruction for row in judged})
    corpus.prompts = [
        np.array(chat.prompt([{"role": "user", "content": text}]), np.uint16)
        for text in corpus.instructions
    ]
    number = {text: i for i, text in enumerate(corpus.instructions)}
    corpus.prompt = np.array([number[row.instruction] for row in judged])
    corpus.text = [row.response for row in judged]
    corpus.response = [np.array(ids, np.uint16) for ids in chat.content(corpus.text)]
    corpus.judge = [row.judge for row in judged]
    corpus.models = sorted({row.model for row in judged})
    index = {name: i for i, name in enumerate(corpus.models)}
    corpus.model = np.array([index[row.model] for row in judged])
    corpus.log_odds = np.array([log_odds(row) for row in judged], np.float32)
    corpus.probability = np.array([row.probability for row in judged], np.float32)
    corpus.formatting = np.array([formatting(row.response) for row in judged], np.float32)
    corpus.split = np.array([row.split for row in judged])
    corpus.corrupted = corrupted_copies(corpus, chat)
    corpus.human = [
        (
            np.array(chat.prompt(pair.prompt), np.uint16),
            *(np.array(ids, np.uint16) for ids in chat.content([pair.chosen, pair.rejected])),
            pair.split,
            pair,
        )
        for pair in human
    ]
    return corpus


def make_tokenizer(judged, human, state: Path) -> Tokenizer:
    if not (state / "tokenizer.json").exists():
        responses = [row.response for row in judged if row.split == "train"]
        texts = sorted({row.instruction for row in judged if row.split == "train"})
        texts += sample_texts(responses, TOKENIZER_TEXTS, SPLIT_SEED)
        for pair in human:
            if pair.split == "train":
                texts += [m["content"] for m in pair.prompt] + [pair.chosen, pair.rejected]
        save_tokenizer(train_tokenizer(texts), state)
    return Tokenizer.from_file(str(state / "tokenizer.json"))


def corrupted_copies(corpus: Corpus, chat: Chat) -> list:
    rng = random.Random(SPLIT_SEED + 1)
    copies = []
    for split, count in CORRUPTED.items():
        rows = [int(row) for row in np.flatnonzero(corpus.split == split)]
        rng.shuffle(rows)
        made = []
        for row in rows:
            damaged = corrupt(corpus.text[row], rng)
            if damaged is not None:
                made.append((row, damaged.text, damaged.kind))
            if len(made) == count:
                break
        ids = chat.content([text for _, text, _ in made])
        copies += [(row, np.array(i, np.uint16), kind, text) for (row, text, kind), i in zip(made, ids)]
    return copies
