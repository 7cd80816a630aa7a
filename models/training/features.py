"""Frozen features: what the rounded backbone says of sampled rows, with their labels and pairs."""

import math
from dataclasses import dataclass

import numpy as np

from batches import GATE_OFFSET, Sampler
from corpus import Corpus
from data import JUDGES, formatting, verbosity
from evaluate import pooled_states
from model import Backbone, load_backbone

OBJECTIVES = ("quality", "harmlessness", "relevance", "coherence", "verbosity", "formatting")
QUALITY, HARMLESSNESS, RELEVANCE, COHERENCE, VERBOSITY, FORMATTING = range(6)
# Of every instruction and judge so many rows; then so many irrelevant responses, damaged copies and
# human pairs; none longer than MAX_TOKENS: the forward passes are what costs.
AMOUNTS = {"train": (8, 2000, 2500, 1421), "dev": (16, 400, 400, 149)}
MAX_TOKENS = 700
GAP = 0.3


@dataclass
class Features:
    """What is known of n sequences."""

    last: np.ndarray  # [n, hidden], of the last token
    gate: np.ndarray  # [n, hidden], where the gate reads
    labels: np.ndarray  # [n, objectives], NaN where missing
    pairs: dict  # kind -> int array [pairs, 2], better first
    rows: np.ndarray  # judged rows of the first len(rows) sequences
    human: np.ndarray  # which sequences are of human harmlessness prompts


def quality_labels(corpus: Corpus) -> np.ndarray:
    """The judges' probabilities on one scale in [0, 1].

    Two judges compared with two baselines. Within a judge a response's label is the share of that
    judge's training rows it beats by the judge's log odds; ties share their mean rank. The models
    that both judged then say where the two scales lie against each other: each judge's ranks are
    shifted by half the difference of those models' means.
    """
    judge = np.array([JUDGES.index(name) for name in corpus.judge])
    train, label = corpus.split == "train", np.zeros(len(judge))
    for j in range(2):
        known = np.sort(corpus.log_odds[(judge == j) & train])
        odds = corpus.log_odds[judge == j]
        rank = np.searchsorted(known, odds, "left") + np.searchsorted(known, odds, "right")
        label[judge == j] = rank / (2 * len(known))
    both = set(corpus.model[judge == 0]) & set(corpus.model[judge == 1])
    shared = np.isin(corpus.model, sorted(both)) & train
    shift = label[shared & (judge == 0)].mean() - label[shared & (judge == 1)].mean()
    label += np.where(judge == 0, -shift, shift) / 2
    return np.clip(label, 0.0, 1.0).astype(np.float32)


def extract(backbone: Backbone, corpus: Corpus, split: str) -> Features:
    """Runs the backbone over a sample of one split."""
    per_group, irrelevant, damaged, human = AMOUNTS[split]
    rng, build = np.random.default_rng(11), _Builder(corpus)
    sampler = Sampler(corpus, split, MAX_TOKENS)
    quality = quality_labels(corpus)
    for key in sampler.keys:
        group = rng.permutation(sampler.by_group[key])[:per_group]
        at = [build.judged(int(row), quality[row]) for row in group]
        odds = corpus.probability[group]
        for i, j in np.argwhere(odds[:, None] - odds[None] >= GAP):
            build.pairs["quality"].append((at[i], at[j]))
    rows = np.array(build.rows)
    prompts = np.unique(corpus.prompt[rows])
    for i in rng.choice(len(rows), min(irrelevant, len(rows)), replace=False):
        prompt = int(rng.choice(prompts))
        if prompt != corpus.prompt[rows[i]]:
            build.irrelevant(int(i), prompt)
    copies = [sampler.copies[row] for row in sampler.rows.tolist() if row in sampler.copies]
    for i in rng.permutation(len(copies))[:damaged]:
        build.damaged(copies[int(i)])
    for i in rng.permutation(len(sampler.human))[:human]:
        build.human(sampler.human[int(i)])
    last, gate = pooled_states(backbone, build.sequences, build.gates, corpus.pad)
    pairs = {kind: np.array(found) for kind, found in build.pairs.items()}
    of_human = np.zeros(len(last), bool)
    of_human[pairs["harmlessness"].ravel()] = True
    return Features(last, gate, np.array(build.labels, np.float32), pairs, rows, of_human)


class _Builder:
    """Collects sequences, gate positions, labels and pairs side by side."""

    def __init__(self, corpus):
        self.corpus = corpus
        self.sequences, self.gates, self.labels, self.rows = [], [], [], []
        self.pairs = {"quality": [], "harmlessness": [], "relevance": [], "coherence": []}

    def add(self, prompt, response, text, **labels) -> int:
        self.sequences.append(self.corpus.sequence(prompt, response))
        self.gates.append(len(prompt) - GATE_OFFSET)
        row = [labels.get(name, np.nan) for name in OBJECTIVES]
        row[VERBOSITY], row[FORMATTING] = verbosity(len(response)), formatting(text)
        self.labels.append(row)
        return len(self.sequences) - 1

    def judged(self, row, quality) -> int:
        self.rows.append(row)
        return self._of_row(row, quality=quality, relevance=1.0, coherence=1.0)

    def _of_row(self, row, prompt=None, **labels) -> int:
        corpus = self.corpus
        ids = corpus.prompts[corpus.prompt[row] if prompt is None else prompt]
        return self.add(ids, corpus.response[row], corpus.text[row], **labels)

    def irrelevant(self, at, prompt):
        """The response of sequence `at` to another prompt, paired with a response of that prompt."""
        of_prompt = np.flatnonzero(self.corpus.prompt[self.rows] == prompt)
        better = int(of_prompt[at % len(of_prompt)])
        worse = self._of_row(self.rows[at], prompt, relevance=0.0)
        self.pairs["relevance"].append((better, worse))

    def damaged(self, copy):
        row, ids, _, text = copy
        original = self._of_row(row, relevance=1.0, coherence=1.0)
        prompt = self.corpus.prompts[self.corpus.prompt[row]]
        self.pairs["coherence"].append((original, self.add(prompt, ids, text, coherence=0.0)))

    def human(self, pair):
        prompt, chosen, rejected, _, texts = pair
        better, worse = (
            self.add(prompt, ids, text, harmlessness=self.harmlessness(label, ids))
            for label, ids, text in ((1.0, chosen, texts.chosen), (0.0, rejected, texts.rejected))
        )
        self.pairs["harmlessness"].append((better, worse))


    def harmlessness(self, label: float, ids) -> float:
        """Half the label, half the teacher's score (standard normal on such texts) as a share.

        A label tells of one pair only, and a linear model on so few learns little else than noise.
        """
        teacher = float(self.corpus.harm[np.append(ids, self.corpus.turn_end)].mean())
        return (label + 0.5 * (1 + math.erf(teacher / math.sqrt(2)))) / 2


def load_rounded(path) -> Backbone:
    """The saved backbone with weights rounded to bfloat16, as it is shipped, in float32 arithmetic."""
    backbone = load_backbone(path)
    for parameter in backbone.parameters():
        parameter.data = parameter.data.bfloat16().float()
    return backbone
