"""Two smaller whole reward models, for ensembles of checkpoints:

    python train_voters.py --data DIR --out DIR [--state DIR] [--voter 1]

Each has weights and an order of its own and sees a bootstrap of the training instructions. They are
trained as the demo's backbone is, and their score is the Bradley–Terry head's. The state folder is
the demo's: the tokenizer is shared. Resumable; `--voter` trains one of them alone.
"""

import argparse
from pathlib import Path

import torch

from corpus import Corpus, load_chat, load_corpus
from export import save_checkpoint
from features import load_rounded
from model import BackboneConfig
from train_backbone import Plan, train_backbone

VOTERS = (1, 2)
CONFIG = BackboneConfig(hidden=128, intermediate=384, layers=4, heads=4, kv_heads=2)
LANGUAGE_STEPS, PREFERENCE_STEPS = 800, 1200


def export_voter(corpus: Corpus, trained: Path, state: Path, out: Path) -> None:
    head = torch.load(trained, weights_only=True)["heads"]["preference.weight"]
    config = {
        "architectures": ["LlamaForSequenceClassification"],
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
    }
    backbone = load_rounded(trained, CONFIG)
    save_checkpoint(corpus, backbone, {"score.weight": head}, config, state, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the three .jsonl.gz files")
    parser.add_argument("--out", type=Path, required=True, help="folder of the folders voter-1 and voter-2")
    parser.add_argument("--state", type=Path, default=Path(".cache/demo-training"))
    parser.add_argument("--voter", type=int, choices=VOTERS)
    parser.add_argument("--language-steps", type=int, default=LANGUAGE_STEPS)
    parser.add_argument("--preference-steps", type=int, default=PREFERENCE_STEPS)
    arguments = parser.parse_args()
    arguments.state.mkdir(parents=True, exist_ok=True)
    corpus, chat = load_corpus(arguments.data, arguments.state), load_chat(arguments.state)
    for voter in VOTERS if arguments.voter is None else [arguments.voter]:
        state = arguments.state / f"voter-{voter}"
        state.mkdir(exist_ok=True)
        plan = Plan(arguments.language_steps, arguments.preference_steps, CONFIG, seed=voter)
        trained = train_backbone(corpus, chat, state, plan)
        export_voter(corpus, trained, arguments.state, arguments.out / f"voter-{voter}")


if __name__ == "__main__":
    main()
