"""Scores of parity checkpoints under configs that are easily read as something else.

Each case changes some keys of a parity checkpoint's config.json; transformers reads the changed
config and scores two recorded conversations, each alone, in float32 with eager attention. `null`
takes a key away. Run from anywhere: python make_settings.py  (torch, transformers 5.24)
"""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification

PARITY = Path(__file__).parent.parent / "parity"
END_OF_TURN = 349
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 64,
}

CASES = [
    ("dynamic rope that records an original length", "llama_dynamic_rope", "last",
     {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0,
                          "original_max_position_embeddings": 16}}),
    ("rope_scaling beside rope_parameters", "llama", "last",
     {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    ("rope_scaling beside rope_parameters and rope_theta", "llama", "last",
     {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 1000.0}),
    ("an empty rope_scaling beside rope_parameters", "llama", "last", {"rope_scaling": {}}),
    ("llama3 rope without an original length", "llama_llama3_rope", "last",
     {"rope_parameters": {**{k: v for k, v in LLAMA3.items() if not k.startswith("original")},
                          "rope_theta": 10000.0}}),
    ("llama3 rope with another original length outside", "llama_llama3_rope", "last",
     {"rope_parameters": {**LLAMA3, "rope_theta": 10000.0}, "original_max_position_embeddings": 32}),
    ("a pad token that ends the turn", "llama", "last-not-pad", {"pad_token_id": END_OF_TURN}),
    ("a pad token that is never there", "llama", "last-not-pad", {"pad_token_id": 350}),
    ("no pad token", "llama", "last-not-pad", {"pad_token_id": None}),
]


def score(model: str, changes: dict) -> dict:
    folder = PARITY / model
    config = json.loads((folder / "config.json").read_text()) | changes
    with tempfile.TemporaryDirectory() as changed:
        for file in folder.glob("*.safetensors"):
            (Path(changed) / file.name).symlink_to(file.resolve())
        (Path(changed) / "config.json").write_text(json.dumps(config))
        loaded = AutoModelForSequenceClassification.from_pretrained(
            changed, config=AutoConfig.from_pretrained(changed), dtype=torch.float32,
            attn_implementation="eager")
    recorded = json.loads((folder / "golden.json").read_text())["conversations"]
    scores = {}
    for conversation in recorded:
        if conversation["name"] not in ("sum_right", "system"):
            continue
        with torch.no_grad():
            logits = loaded(input_ids=torch.tensor([conversation["ids"]])).logits
        scores[conversation["name"]] = logits[0, 0].item()
    return scores


def main() -> None:
    cases = [
        {"name": name, "model": model, "pooling": pooling, "changes": changes,
         "scores": score(model, changes)}
        for name, model, pooling, changes in CASES
    ]
    made_with = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    text = json.dumps({"made_with": made_with, "cases": cases}, indent=2)
    (Path(__file__).parent / "settings.json").write_text(text + "\n")


main()
