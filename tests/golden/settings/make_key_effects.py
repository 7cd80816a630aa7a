"""What each key of a config class does to a score, for one tiny checkpoint of each family.

For every key that transformers' config class has (its fields, the names that it maps to them, and the
keys that version 4 wrote), some other values: transformers reads the changed config and scores one
recorded conversation in float32 with eager attention. Written to key_effects/<model_type>.json:
`defaults` are the class's own, `changes` rows of changed keys and score; the score is null where
transformers refuses, or would make weights up. The test holds Assay to it: the same score, or a refusal.

A family is found by its folder in parity/. A key whose other values can't be told by its type has
them in VALUES; what means something together, in TOGETHER. Run from anywhere, with names of folders to
make those alone: python make_key_effects.py [FOLDER ...]  (torch, transformers 5.24)
"""

import copy
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification, CONFIG_MAPPING

sys.path.append(str(Path(__file__).parent.parent))
import parity_decoders  # noqa: E402,F401  registers a class that transformers lacks, for Granite

PARITY = Path(__file__).parent.parent / "parity"
OUTPUT = Path(__file__).parent / "key_effects"

# Keys that transformers 4 wrote beside those that 5 has.
ROPE = ["rope_theta", "rope_scaling", "partial_rotary_factor"]
OLD_KEYS = {
    "gemma2": ["cache_implementation", "hidden_act"],
    "gemma3_text": ["cache_implementation", "hidden_act", "rope_local_base_freq", "sliding_window_pattern"],
    "cohere2": ["cache_implementation", "sliding_window_pattern"],
    "gpt_neox": ["rotary_pct", "rotary_emb_base"],
    "bert": ["position_embedding_type"],
    "roberta": ["position_embedding_type"],
    "xlm-roberta": ["position_embedding_type"],
    "deberta-v2": ["position_buckets", "share_att_key", "norm_rel_ebd", "conv_kernel_size", "conv_act",
                   "conv_groups", "embedding_size", "attention_head_size", "pooler_hidden_size"],
    "deberta": ["attention_head_size", "embedding_size", "pooler_hidden_size"],
    "modernbert": ["global_rope_theta", "global_attn_every_n_layers", "local_rope_theta",
                   "reference_compile", "repad_logits_with_grad"],
}

ACTIVATIONS = ["relu", "gelu", "silu", "gelu_pytorch_tanh", "tanh"]
LINEAR = {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0}

# Other values where they can't be made of the one that is there, by key; null stands for none.
VALUES = {
    "architectures": [["SomethingElse"]],
    "return_dict": [],  # what a call gives back; transformers' own classes fail without it
    "problem_type": ["regression", "multi_label_classification"],
    "id2label": [{"0": "bad", "1": "good"}],
    "label2id": [{"score": 0}],
    "dtype": ["float16"],
    "transformers_version": ["4.30.0"],
    "rope_theta": [500.0],
    "rope_scaling": [LINEAR],
    "partial_rotary_factor": [0.5],
    "sliding_window": [8, 64, None],
    "head_dim": [8],
    "pad_token_id": [None, 7],
    "bos_token_id": [None, 7],
    "eos_token_id": [None, 7, [7, 8]],
    "sep_token_id": [None, 7],
    "cls_token_id": [None, 7],
    "tie_word_embeddings": [True, False],
    "attn_logit_softcapping": [None, 1.0],
    "final_logit_softcapping": [None, 1.0],
    "clip_qkv": [0.5],
    "classifier_dropout": [0.5],
    "cache_implementation": ["hybrid"],
    "rope_local_base_freq": [500.0],
    "sliding_window_pattern": [2, 3],
    "rotary_pct": [0.5],
    "rotary_emb_base": [500.0],
    "position_buckets": [-1, 8],
    "share_att_key": [True, False],
    "norm_rel_ebd": ["none", "layer_norm"],
    "conv_kernel_size": [0, 3],
    "conv_act": ["gelu"],
    "conv_groups": [2],
    "embedding_size": [8],
    "attention_head_size": [8],
    "pooler_hidden_size": [8],
    "global_rope_theta": [500.0],
    "local_rope_theta": [500.0],
    "global_attn_every_n_layers": [2],
    "reference_compile": [False],
    "repad_logits_with_grad": [True],
    "hidden_act": ["relu", "gelu", "silu", "gelu_pytorch_tanh"],
    "classifier_pooling": ["mean", "cls"],
    "position_embedding_type": ["relative_key"],
    "pos_att_type": [[], ["c2p"], ["p2c"], ["p2c", "c2p"]],
    "mlp_only_layers": [[0]],
    "original_max_position_embeddings": [16],
    "max_relative_positions": [-1, 8],
    "type_vocab_size": [3],
    "logit_scale": [0.5],
    "local_attention": [16, 64],
    "layer_types": [],
    "rope_parameters": [],
    "chunk_size_feed_forward": [1],  # others refuse texts of lengths that they do not divide
    "use_bidirectional_attention": [True],
    "hidden_activation": ["gelu", "silu", "relu"],
    "summary_type": ["last"],
}


# Keys that mean something together with others: what to change at once.
TOGETHER = {
    "rope_theta": [{"rope_parameters": None, "rope_theta": 500.0}],
    "rope_scaling": [{"rope_parameters": None, "rope_theta": 500.0, "rope_scaling": LINEAR | {"rope_theta": 50.0}}],
    "partial_rotary_factor": [{"rope_parameters": None, "partial_rotary_factor": 0.5}],
    "rotary_pct": [{"rope_parameters": None, "rotary_pct": 0.5}],
    "rotary_emb_base": [{"rope_parameters": None, "rotary_emb_base": 500.0}],
    "rope_local_base_freq": [{"rope_parameters": None, "rope_local_base_freq": 500.0, "rope_theta": 5000.0}],
    "global_rope_theta": [{"rope_parameters": None, "global_rope_theta": 500.0}],
    "local_rope_theta": [{"rope_parameters": None, "local_rope_theta": 500.0}],
    "sliding_window_pattern": [{"layer_types": None, "sliding_window_pattern": 2}],
    "global_attn_every_n_layers": [{"layer_types": None, "global_attn_every_n_layers": 2}],
    "use_sliding_window": [
        {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1, "layer_types": None},
        {"use_sliding_window": False, "sliding_window": 16, "max_window_layers": 1, "layer_types": None},
    ],
    "sliding_window": [{"sliding_window": None, "layer_types": None}],
    "id2label": [{"id2label": None, "num_labels": 1}, {"id2label": None, "num_labels": 2}],
}


def others(key: str, value: object, config: dict) -> list:
    """Other values than the one that counts now."""
    if key == "layer_types":
        return layer_types(config)
    if key == "rope_parameters":
        return rope_parameters(value)
    if key.endswith(("eps", "epsilon")):
        return [0.1]
    if key in VALUES:
        return [other for other in VALUES[key] if other != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value * 2, value // 2] if value > 1 else [value + 1]
    if isinstance(value, float):
        return [value * 1.5] if value else [0.25]
    if key.endswith(("_act", "_activation", "hidden_act")):
        return [other for other in ACTIVATIONS if other != value]
    raise SystemExit(f"VALUES has no other value of {key}, which is {value!r}: add one")


def layer_types(config: dict) -> list:
    count = config["num_hidden_layers"]
    two = ("full_attention", "sliding_attention")
    alternating = [[two[(layer + first) % 2] for layer in range(count)] for first in (0, 1)]
    return [*alternating, [two[0]] * count, [two[1]] * count, [two[0]] * (count - 1)]


def rope_parameters(value: object) -> list:
    if not isinstance(value, dict):
        return [LINEAR]
    if any(isinstance(inner, dict) for inner in value.values()):  # by type of layer
        return [
            {**value, name: {**inner, "rope_theta": 500.0}} for name, inner in value.items() if isinstance(inner, dict)
        ]
    return [{**value, "rope_theta": 500.0}, {**LINEAR, **{k: v for k, v in value.items() if k.startswith("partial")}}]


def score(folder: Path, config: dict, inputs: dict) -> float | None:
    """The score under another config; None where transformers refuses or would make weights up."""
    with tempfile.TemporaryDirectory() as changed:
        for file in folder.glob("*.safetensors*"):
            if not file.name.startswith("golden"):
                (Path(changed) / file.name).symlink_to(file.resolve())
        (Path(changed) / "config.json").write_text(json.dumps(config))
        try:
            model, told = AutoModelForSequenceClassification.from_pretrained(
                changed, config=AutoConfig.from_pretrained(changed), dtype=torch.float32,
                attn_implementation="eager", output_loading_info=True)
            if told["missing_keys"] or told["mismatched_keys"] or told.get("error_msgs"):
                return None
            with torch.no_grad():
                logits = model.eval()(**inputs)[0]
        except Exception:
            return None
    return logits[0, 0].item() if logits.shape == (1, 1) else None


def default_of(field: dataclasses.Field) -> object:
    """What the class takes where a config says nothing, before it makes more of it."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def inputs_of(conversation: dict) -> dict:
    """What the recorded conversation is to the model: its tokens, and the segments of a pair."""
    names = {"ids": "input_ids", "token_type_ids": "token_type_ids", "segments": "token_type_ids"}
    return {name: torch.tensor([conversation[key]]) for key, name in names.items() if key in conversation}


def make(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config_class = CONFIG_MAPPING[config["model_type"]]
    recorded = json.loads((folder / "golden.json").read_text())["conversations"]
    conversation = next(one for one in recorded if one["name"] == "system")
    inputs = inputs_of(conversation)
    defaults = {field.name: default_of(field) for field in dataclasses.fields(config_class)}
    usual = config_class().to_dict() | {key: value for key, value in defaults.items() if value is not None}
    old = (ROPE if "rope_parameters" in defaults else []) + OLD_KEYS.get(config["model_type"], [])
    keys = list(dict.fromkeys([*defaults, *config_class.attribute_map, *old]))
    base = score(folder, config, inputs)
    assert base is not None and abs(base - conversation["score"]) < 1e-4, (folder.name, base, conversation["score"])
    rows, still = [], []
    for key in keys:
        now = config.get(key, usual.get(config_class.attribute_map.get(key, key)))
        begin = len(rows)
        together = [] if key == "sliding_window" and "layer_types" not in defaults else TOGETHER.get(key, [])
        for changes in [{key: value} for value in others(key, now, config)] + together:
            changed = score(folder, copy.deepcopy(config) | changes, inputs)
            rows.append([changes, changed if changed is None else round(changed, 7)])
        if all(changed is not None and abs(changed - base) < 2e-4 for _, changed in rows[begin:]):
            still.append(key)
    print(f"{folder.name}: {len(rows)} changes of {len(keys)} keys; these move nothing: {' '.join(still)}")
    made_with = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    told = {"made_with": made_with, "model": folder.name, "conversation": "system", "score": base}
    lines = ",\n".join(json.dumps(row) for row in rows)
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{config['model_type']}.json").write_text(
        json.dumps(told)[:-1] + f',\n"defaults": {json.dumps(defaults)},\n"changes": [\n{lines}\n]}}\n')


def families() -> list[Path]:
    """A folder for each family: the first with the class that transformers has for one label."""
    found = {}
    for folder in sorted(path for path in PARITY.iterdir() if path.is_dir()):
        config = json.loads((folder / "config.json").read_text())
        if config["architectures"][0].endswith("ForSequenceClassification") and config["model_type"] in CONFIG_MAPPING:
            if "auto_map" not in config:
                found.setdefault(config["model_type"], folder)
    return list(found.values())


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for folder in families():
        if not sys.argv[1:] or folder.name in sys.argv[1:]:
            make(folder)


main()
