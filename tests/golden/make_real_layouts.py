"""Writes the layouts of three published reward models: config.json and every tensor's name, dtype and
shape, without weights. A test builds safetensors headers from them.

    python tests/golden/make_real_layouts.py

Made with Python 3.11.7, torch 2.15.0, transformers 5.23.0. Names and shapes come from the architecture
itself, built on PyTorch's meta device, not from a list typed by hand; dtypes, sizes and the number of
shards are as published. Which tensor lies in which shard is what transformers does when it saves 5 GB
shards: nearly, but not certainly, the published division. The configs have the published values in the
spelling of transformers 4, with which these models were saved; keys that carry no arithmetic (auto_map,
_name_or_path, labels) are there because such files have them.
"""

import json
from pathlib import Path

import torch
import transformers

from parity_armo import LlamaForRewardModelWithGating

OUTPUT = Path(__file__).parent
SHARD_BYTES = 5_000_000_000
BYTES = {"F32": 4, "BF16": 2}

LLAMA3_8B = {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 14336,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "pad_token_id": 128256,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "use_cache": True,
    "vocab_size": 128257,
}
ONE_LABEL = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}

ARMORM = LLAMA3_8B | {
    "_name_or_path": "ArmoRM-Llama3-8B-v0.1",
    "architectures": ["LlamaForRewardModelWithGating"],
    "auto_map": {"AutoModelForSequenceClassification": "modeling_custom.LlamaForRewardModelWithGating"},
    "eos_token_id": 128001,
    "gating_hidden_dim": 1024,
    "gating_n_hidden": 3,
    "gating_temperature": 10,
    "max_position_embeddings": 8192,
    "num_objectives": 19,
    "rope_scaling": None,
    "torch_dtype": "float32",
    "transformers_version": "4.41.1",
}
SKYWORK_LLAMA = LLAMA3_8B | ONE_LABEL | {
    "_name_or_path": "Skywork-Reward-Llama-3.1-8B",
    "architectures": ["LlamaForSequenceClassification"],
    "eos_token_id": 128009,
    "head_dim": 128,
    "max_position_embeddings": 131072,
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "torch_dtype": "bfloat16",
    "transformers_version": "4.44.2",
}
SKYWORK_QWEN3 = ONE_LABEL | {
    "architectures": ["Qwen3ForSequenceClassification"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "eos_token_id": 151645,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "max_position_embeddings": 40960,
    "max_window_layers": 28,
    "model_type": "qwen3",
    "num_attention_heads": 16,
    "num_hidden_layers": 28,
    "num_key_value_heads": 8,
    "pad_token_id": 151643,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.51.3",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
LAYOUTS = {  # folder: (config, number of shards as published)
    "armorm_llama3_8b": (ARMORM, 4),
    "skywork_reward_llama31_8b": (SKYWORK_LLAMA, 4),
    "skywork_reward_qwen3_0_6b": (SKYWORK_QWEN3, 1),
}


def tensors_of(config: dict) -> dict[str, tuple[str, list[int]]]:
    """Name to (dtype, shape) in the order of the state dict: BF16, but F32 for ArmoRM's heads."""
    settings = transformers.CONFIG_MAPPING[config["model_type"]].from_dict(config)
    architecture = config["architectures"][0]
    model_class = (
        LlamaForRewardModelWithGating if "num_objectives" in config else getattr(transformers, architecture)
    )
    with torch.device("meta"):
        state = model_class(settings).state_dict()
    dtypes = {name: "BF16" if name.startswith(("model.", "score.")) else "F32" for name in state}
    return {name: (dtypes[name], list(tensor.shape)) for name, tensor in state.items()}


def size_of(tensor: tuple[str, list[int]]) -> int:
    size = BYTES[tensor[0]]
    for dimension in tensor[1]:
        size *= dimension
    return size


def split(tensors: dict[str, tuple[str, list[int]]]) -> list[list[str]]:
    """Names by shard, filled in order to at most SHARD_BYTES each."""
    shards: list[list[str]] = [[]]
    filled = 0
    for name, tensor in tensors.items():
        if filled + size_of(tensor) > SHARD_BYTES and shards[-1]:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size_of(tensor)
    return shards


def layout_text(tensors: dict[str, tuple[str, list[int]]], shards: list[list[str]]) -> str:
    """JSON, one tensor a line; within a file wide dtypes first, then by name, as safetensors writes."""
    count = len(shards)
    files = []
    for number, names in enumerate(shards, 1):
        file = "model.safetensors" if count == 1 else f"model-{number:05}-of-{count:05}.safetensors"
        ordered = sorted(names, key=lambda name: (-BYTES[tensors[name][0]], name))
        rows = ",\n".join(json.dumps([name, *tensors[name]], separators=(",", ":")) for name in ordered)
        files.append(f"{json.dumps(file)}: [\n{rows}\n]")
    head = {
        "about": "files: file name to [tensor name, dtype, shape] in the order of their bytes, no gaps",
        "total_size": sum(size_of(tensor) for tensor in tensors.values()),
    }
    return json.dumps(head)[:-1] + ', "files": {\n' + ",\n".join(files) + "\n}}\n"


def main() -> None:
    for folder, (config, published_shards) in LAYOUTS.items():
        tensors = tensors_of(config)
        shards = split(tensors)
        assert len(shards) == published_shards, f"{folder}: {len(shards)} shards"
        path = OUTPUT / folder
        path.mkdir(exist_ok=True)
        (path / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        (path / "tensors.json").write_text(layout_text(tensors, shards))
        size = sum(size_of(tensor) for tensor in tensors.values())
        print(f"{folder:28} {len(tensors)} tensors, {len(shards)} files, {size} bytes")


if __name__ == "__main__":
    main()
