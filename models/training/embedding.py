"""The first embedding: a truncated SVD of the tokens' positive pointwise mutual information.

It costs a minute and spares the language-model phase the learning of which words are alike.
"""

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

WINDOW = 6
RMS = 0.5


def svd_embedding(sequences: list, vocabulary: int, size: int, seed: int) -> np.ndarray:
    """Returns [vocabulary, size] in float32, every seen token's row scaled to RMS."""
    counts = sparse.csr_matrix((vocabulary, vocabulary), dtype=np.float64)
    stream = np.concatenate(sequences).astype(np.int64)
    for distance in range(1, WINDOW + 1):
        pairs = (np.full(len(stream) - distance, 1.0 / distance), (stream[:-distance], stream[distance:]))
        counts = counts + sparse.coo_matrix(pairs, shape=counts.shape).tocsr()
    counts = (counts + counts.T).tocoo()
    total = counts.data.sum()
    # Context counts to the power 0.75, as word2vec and GloVe smooth them.
    row = np.bincount(counts.row, counts.data, vocabulary)
    column = np.bincount(counts.col, counts.data, vocabulary) ** 0.75
    column *= total / column.sum()
    pmi = np.log(counts.data * total / (row[counts.row] * column[counts.col]))
    keep = pmi > 0
    matrix = sparse.csr_matrix(
        (pmi[keep], (counts.row[keep], counts.col[keep])), shape=counts.shape
    )
    left, values, _ = randomized_svd(matrix, size, n_iter=3, random_state=seed)
    vectors = left * np.sqrt(values)
    norm = np.sqrt((vectors**2).mean(axis=1, keepdims=True))
    random = np.random.default_rng(seed).normal(0, RMS, vectors.shape)
    return np.where(norm > 1e-6, vectors / np.maximum(norm, 1e-6) * RMS, random).astype(np.float32)
