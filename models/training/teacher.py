"""What a bag of words knows of harm: the teacher of the `harmlessness` head.

1,421 human pairs are too few for a transformer that starts from nothing: it learns them by heart. A
logistic regression on word and character n-grams of the two answers is regular enough to get about
0.63 of held-out pairs right, and it scores any text. The backbone learns its scores, on the pairs'
answers, on earlier turns of their conversations and on answers to instructions, beside the labels.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from corpus import Corpus
from tokenizer import Chat

WORD = r"[\w']+|[?!.]"
# Inverse strengths by cross-validation on the training pairs; flat around them.
WORDS, CHARACTERS = 0.03, 1.0
# Answers to instructions are scored up to this many tokens; longer ones are not of this kind of text.
MAX_TOKENS = 300


@dataclass
class HarmTeacher:
    """Scores in units of the training texts' standard deviation."""

    pairs: np.ndarray  # [human pairs, 2]: of chosen and rejected
    judged: np.ndarray  # [judged rows], NaN where not scored
    turns: list  # (prompt ids, response ids, score): earlier answers of the training conversations


def _members():
    words = CountVectorizer(binary=True, min_df=3, ngram_range=(1, 2), token_pattern=WORD)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True)
    return [(words, WORDS), (characters, CHARACTERS)]


def _fit(pairs):
    """A function from texts to scores: the mean of both regressions on the pairs' differences."""
    chosen, rejected = ([getattr(p, side) for p in pairs] for side in ("chosen", "rejected"))
    fitted = []
    for vectorizer, strength in _members():
        vectorizer.fit(chosen + rejected)
        difference = vectorizer.transform(chosen) - vectorizer.transform(rejected)
        both = sparse.vstack([difference, -difference])
        label = np.repeat([1.0, 0.0], len(pairs))
        model = LogisticRegression(C=strength, fit_intercept=False, max_iter=1000).fit(both, label)
        weight = model.coef_.ravel()
        scores = vectorizer.transform(chosen + rejected) @ weight
        fitted.append((vectorizer, weight / scores.std(), scores.mean() / scores.std()))
    return lambda texts: np.mean([v.transform(texts) @ w - m for v, w, m in fitted], 0)


def harm_teacher(corpus: Corpus, state: Path) -> HarmTeacher:
    """Fits on the training pairs alone; scores are kept in the state folder."""
    from tokenizers import Tokenizer

    human = [pair for *_, pair in corpus.human]
    train = [pair for pair in human if pair.split == "train"]
    path = state / "teacher.npz"
    turns = [
        (pair.prompt[:at], pair.prompt[at]["content"])
        for pair in train
        for at in range(1, len(pair.prompt))
        if pair.prompt[at]["role"] == "assistant" and pair.prompt[at]["content"].strip()
    ]
    if not path.exists():
        score = _fit(train)
        short = np.array([len(ids) <= MAX_TOKENS for ids in corpus.response])
        short &= corpus.split == "train"
        judged = np.full(len(short), np.nan, np.float32)
        judged[short] = score([corpus.text[row] for row in np.flatnonzero(short)])
        pairs = np.stack([score([getattr(p, side) for p in human]) for side in ("chosen", "rejected")], 1)
        np.savez(path, pairs=pairs, judged=judged, turns=score([text for _, text in turns]))
    saved = np.load(path)
    chat = Chat(Tokenizer.from_file(str(state / "tokenizer.json")))
    responses = chat.content([text for _, text in turns])
    prompts = [np.array(chat.prompt(messages), np.uint16) for messages, _ in turns]
    responses = [np.array(ids, np.uint16) for ids in responses]
    return HarmTeacher(saved["pairs"], saved["judged"], list(zip(prompts, responses, saved["turns"])))
