"""Golden values of src/voting/sample_groups.ts: SciPy's single linkage on samples' similarities.

    python make_sample_groups.py     # rewrites sample_groups.json beside this script
"""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

rng = np.random.default_rng(2403)
WORDS = "it is four because two and two make not five I think so maybe no idea".split()


def overlap(a, b):
    a, b = (Counter(re.findall(r"\w+|[^\w\s]", text.lower())) for text in (a, b))
    keys = set(a) | set(b)
    most = sum(max(a[k], b[k]) for k in keys)
    return 1.0 if most == 0 else sum(min(a[k], b[k]) for k in keys) / most


def angle(a, b):
    cosine = np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), 0, 1)
    return 1 - np.arccos(cosine) / np.pi


def case(samples, similarity, alike):
    n = len(samples)
    matrix = np.array([[similarity(a, b) for b in samples] for a in samples])
    distance = 1 - matrix
    np.fill_diagonal(distance, 0)
    labels = fcluster(linkage(squareform(distance, checks=False), "single"), 1 - alike, "distance")
    first = list(dict.fromkeys(labels))
    groups = [first.index(label) for label in labels]
    sizes = [groups.count(g) for g in range(len(first))]
    largest = sizes.index(max(sizes)) if sizes.count(max(sizes)) == 1 else None
    return {
        "alike": alike,
        "similarity": matrix.tolist(),
        "groups": groups,
        "sizes": sizes,
        "largest": largest,
        "confidence": max(sizes) / n,
    }


cases = []
for n in (2, 5, 9, 16):
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(2, 7))) + "." for _ in range(n)]
    cases.append({"texts": texts, **case(texts, overlap, 0.43)})
for n in (3, 12):
    centres = rng.normal(size=(3, 6))
    vectors = [np.round(centres[rng.integers(3)] + 0.2 * rng.normal(size=6), 3) for _ in range(n)]
    cases.append({"vectors": [v.tolist() for v in vectors], **case(vectors, angle, 0.8)})

target = Path(__file__).with_name("sample_groups.json")
target.write_text(json.dumps(cases) + "\n")
