"""What a bag of tokens knows of harm: the teacher of the backbone's `harm`.

1,421 human pairs are too few for a transformer that starts from nothing: it learns them by heart
(right on 92 % of them, on 56 % of others). A logistic regression on the shares of tokens in the two
answers is regular enough to get 0.61 of held-out pairs right, and its score is a mean over tokens, which
can be asked of any text at any place. The backbone learns that mean, everywhere.
"""

from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from tokenizer import VOCABULARY

# By cross-validation on the training pairs; flat around it. Rarer tokens tell nothing.
INVERSE_STRENGTH, LEAST_TEXTS = 1.0, 3


def harm_weights(human: list, turn_end: int, state: Path) -> np.ndarray:
    """A weight for each token [vocabulary], from the training pairs alone; kept in the state folder.

    A text's score is the mean over its tokens, in units of the training answers' standard deviation
    and relative to their mean; a harmless text's is high.
    """
    path = state / "harm_weights.npy"
    if not path.exists():
        np.save(path, _fit([pair for pair in human if pair[3] == "train"], turn_end))
    return np.load(path)


def _fit(pairs: list, turn_end: int) -> np.ndarray:
    chosen, rejected = (_shares([pair[side] for pair in pairs], turn_end) for side in (1, 2))
    both = sparse.vstack([chosen, rejected]).tocsr()
    kept = np.flatnonzero(np.asarray((both > 0).sum(0)).ravel() >= LEAST_TEXTS)
    difference = (chosen - rejected)[:, kept]
    unit = np.sqrt(difference.multiply(difference).sum(1).mean())
    mirrored = sparse.vstack([difference, -difference]) / unit
    label = np.repeat([1.0, 0.0], len(pairs))
    model = LogisticRegression(C=INVERSE_STRENGTH, fit_intercept=False, max_iter=1000)
    weights = np.zeros(both.shape[1])
    weights[kept] = model.fit(mirrored, label).coef_.ravel()
    scores = both @ weights
    return ((weights - scores.mean()) / scores.std()).astype(np.float32)


def _shares(texts: list, turn_end: int) -> sparse.csr_matrix:
    """Share of each token in each text with its end, [texts, vocabulary]."""
    texts = [np.append(text, turn_end).astype(np.int64) for text in texts]
    lengths = np.array([len(text) for text in texts])
    rows, shares = np.repeat(np.arange(len(texts)), lengths), np.repeat(1 / lengths, lengths)
    return sparse.csr_matrix((shares, (rows, np.concatenate(texts))), shape=(len(texts), VOCABULARY))
