"""Trains and exports the demo checkpoint: `python train.py --data DIR --out DIR [--state DIR]`.

Resumable: run it again and it goes on from the last state saved in `--state`. The layers are compiled,
which needs a C++ compiler; `TORCH_COMPILE_DISABLE=1` does without, at two thirds of the speed.
"""

import argparse
from pathlib import Path

from corpus import load_chat, load_corpus
from train_backbone import LANGUAGE_STEPS, PREFERENCE_STEPS, train_backbone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the three .jsonl.gz files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--state", type=Path, default=Path(".cache/demo-training"))
    parser.add_argument("--language-steps", type=int, default=LANGUAGE_STEPS)
    parser.add_argument("--preference-steps", type=int, default=PREFERENCE_STEPS)
    parser.add_argument("--backbone-only", action="store_true", help="stop before the heads")
    arguments = parser.parse_args()
    arguments.state.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(arguments.data, arguments.state)
    chat = load_chat(arguments.state)
    steps = arguments.language_steps, arguments.preference_steps
    trained = train_backbone(corpus, chat, arguments.state, *steps)
    if arguments.backbone_only:
        return
    from export import export_checkpoint

    export_checkpoint(corpus, trained, arguments.state, arguments.out)


if __name__ == "__main__":
    main()
