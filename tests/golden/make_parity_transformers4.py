"""Writes the parity checkpoints' configs in the spelling of transformers 4, and scores again with it.

Run after make_parity.py, in an environment of its own; made with Python 3.11.7, torch 2.15.0,
transformers 4.51.3, tokenizers 0.21.4:

    python tests/golden/make_parity_transformers4.py

Most published reward models were saved by transformers 4: `rope_theta` + `rope_scaling` and
`torch_dtype` where 5 has `rope_parameters` and `dtype`; no `layer_types`; the chat template and
the special tokens inside tokenizer_config.json. Per checkpoint this adds `config.transformers4.json`,
and for linear and dynamic rope `config.rope_scaling_type.json`, with the key `type` alone, as before 4.43.
`armo` becomes a folder of transformers 4 altogether, as ArmoRM is: there the other spelling moves to
`config.transformers5.json`. Then transformers 4 loads what was written and must score as recorded.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

from parity_armo import LlamaForRewardModelWithGating, find_gate_position

PARITY = Path(__file__).parent / "parity"
LIMIT = 1e-6  # two versions of one implementation, both in float32 on the same machine
NOT_IN_4 = ("dtype", "rope_parameters", "layer_types", "transformers_version", "id2label", "label2id")
IGNORED_WINDOW = 16  # Qwen2's sliding_window means nothing while use_sliding_window is false


def config_4(config: dict) -> transformers.PretrainedConfig:
    """The config object of transformers 4 for a config.json of transformers 5."""
    settings = {key: value for key, value in config.items() if key not in NOT_IN_4}
    rope = dict(config["rope_parameters"])
    settings["rope_theta"] = rope.pop("rope_theta")
    settings["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    settings["torch_dtype"] = config["dtype"]
    if config["model_type"].startswith("qwen"):
        settings["sliding_window"] = IGNORED_WINDOW
    if "num_objectives" not in config:
        settings["num_labels"] = 1
    return transformers.CONFIG_MAPPING[settings.pop("model_type")](**settings)


def write_config(config: transformers.PretrainedConfig, path: Path) -> None:
    """As save_pretrained writes it, under another name."""
    config.to_json_file(path, use_diff=True)


def write_configs(folder: Path) -> None:
    five = folder / "config.transformers5.json"
    source = five if five.exists() else folder / "config.json"
    config = json.loads(source.read_text())
    four = config_4(config)
    if "num_objectives" in config:
        source.replace(five)
        write_config(four, folder / "config.json")
        write_tokenizer(folder)
        return
    write_config(four, folder / "config.transformers4.json")
    scaling = four.rope_scaling
    if scaling is not None and scaling["rope_type"] in ("linear", "dynamic"):
        written = json.loads((folder / "config.transformers4.json").read_text())
        written["rope_scaling"] = {"factor": scaling["factor"], "type": scaling["rope_type"]}
        text = json.dumps(written, indent=2, sort_keys=True) + "\n"
        (folder / "config.rope_scaling_type.json").write_text(text)


def write_tokenizer(folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json and special_tokens_map.json, without chat_template.jinja."""
    config = json.loads((folder / "tokenizer_config.json").read_text())
    template = folder / "chat_template.jinja"
    text = template.read_text() if template.exists() else config["chat_template"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token=config["bos_token"],
        eos_token=config["eos_token"],
        pad_token=config["pad_token"],
        clean_up_tokenization_spaces=True,
        model_input_names=["input_ids", "attention_mask"],
        chat_template=text,
    )
    tokenizer.save_pretrained(folder)
    template.unlink(missing_ok=True)


def load(folder: Path, config: Path) -> transformers.PreTrainedModel:
    options = {
        "config": transformers.AutoConfig.from_pretrained(config),
        "torch_dtype": torch.float32,
        "attn_implementation": "eager",
    }
    if not getattr(options["config"], "use_sliding_window", True):
        options["config"].sliding_window = None  # 4.51's eager mask does not look at the switch; 5 does
    if hasattr(options["config"], "num_objectives"):
        return LlamaForRewardModelWithGating.from_pretrained(folder, **options).eval()
    return AutoModelForSequenceClassification.from_pretrained(folder, **options).eval()


def check(folder: Path, config: Path) -> float:
    """Largest difference of a score from the recorded one, relative to max(1, |score|)."""
    golden = json.loads((folder / "golden.json").read_text())
    loaded = load(folder, config)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    if (folder / "chat_template.jinja").exists():
        tokenizer.chat_template = (folder / "chat_template.jinja").read_text()  # 4.51 does not look there
    differences = []
    for row in golden["conversations"]:
        assert tokenizer.apply_chat_template(row["messages"]) == row["ids"], row["name"]
        loaded.model.rotary_emb = type(loaded.model.rotary_emb)(config=loaded.config)
        with torch.no_grad():
            ids = torch.tensor([row["ids"]])
            if golden["gating_pattern"] is None:
                score = loaded(ids).logits[0, 0].item()
            else:
                score = loaded(ids, find_gate_position(row["ids"], golden["gating_pattern"]))["score"].item()
        differences.append(abs(score - row["score"]) / max(1, abs(row["score"])))
    return max(differences)


def main() -> None:
    assert transformers.__version__.startswith("4."), transformers.__version__
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for folder in sorted(path for path in PARITY.iterdir() if path.is_dir()):
        if sys.argv[1:] and folder.name not in sys.argv[1:]:
            continue
        write_configs(folder)
        for config in sorted(folder.glob("config*.json")):
            if "rope_parameters" in json.loads(config.read_text()):
                continue  # the spelling of transformers 5
            difference = check(folder, config)
            print(f"{folder.name:20} {config.name:30} {difference:.1e}")
            assert difference <= LIMIT, f"{folder.name} {config.name}: {difference}"


if __name__ == "__main__":
    main()
