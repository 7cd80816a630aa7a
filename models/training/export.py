"""Writes the checkpoint in Hugging Face layout: the backbone in BF16, ArmoRM's heads in F32."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from corpus import Corpus
from features import OBJECTIVES, Features, extract, load_rounded
from fit_heads import (
    GATE_HIDDEN,
    GATE_LAYERS,
    MAX_CORRELATION,
    TEMPERATURE,
    fit_gate,
    fit_ridge,
    fit_transform,
    fit_voters,
)
from tokenizer import BEGIN, MAX_TOKENS, PAD, TURN_END


def export_checkpoint(corpus: Corpus, trained: Path, state: Path, out: Path, threshold=MAX_CORRELATION) -> dict:
    """Fits the heads on the backbone saved at `trained` and writes everything; returns the dev figures."""
    backbone = load_rounded(trained)
    train, dev = (cached_features(backbone, corpus, split, trained, state) for split in ("train", "dev"))
    weights, ridge = fit_ridge(train, dev)
    reference = train.last[train.pairs["quality"].ravel()] @ weights.T
    transform, penalties = fit_transform(reference, threshold)
    gate, gating = fit_gate(train, dev, weights, transform)
    voters = fit_voters(train, dev)
    heads = {
        "regression_layer.weight": torch.tensor(weights),
        "reward_transform_matrix": torch.tensor(transform),
        **{f"gating.{name}": value for name, value in gate.state_dict().items()},
    }
    config = {
        "architectures": ["LlamaForRewardModelWithGating"],
        "gating_hidden_dim": GATE_HIDDEN,
        "gating_n_hidden": GATE_LAYERS,
        "gating_temperature": TEMPERATURE,
        "num_objectives": len(OBJECTIVES),
        "objective_names": list(OBJECTIVES),
    }
    save_checkpoint(corpus, backbone, heads, config, state, out)
    save_voters(voters, out)
    figures = {
        "ridge": ridge,
        "penalties": dict(zip(OBJECTIVES, penalties.tolist())),
        "threshold": threshold,
        "gating": gating,
        "voters_dev_accuracy": voters.accuracy,
    }
    (state / "heads.json").write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def cached_features(backbone, corpus: Corpus, split: str, trained: Path, state: Path) -> Features:
    """Features are costly; they are kept beside the state they were made from."""
    path = state / f"features-{trained.stem}-{split}.pt"
    if not path.exists() or path.stat().st_mtime < trained.stat().st_mtime:
        torch.save(vars(extract(backbone, corpus, split)), path)
    # The file is this program's own, written above.
    return Features(**torch.load(path, weights_only=False))


def save_checkpoint(corpus: Corpus, backbone, heads: dict, config: dict, state: Path, out: Path) -> None:
    """Writes weights, configuration and tokenizer; `heads` and `config` are what the kind of head adds."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{n}": p.data.bfloat16().contiguous() for n, p in backbone.named_parameters()}
    tensors |= {name: value.float().contiguous() for name, value in heads.items()}
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    config = dict(sorted({**_backbone_config(corpus, backbone), **config}.items()))
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(state / name, out / name)


def _backbone_config(corpus: Corpus, backbone) -> dict:
    shape = backbone.config
    vocabulary = special_ids(corpus)
    return {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": vocabulary[BEGIN],
        "eos_token_id": vocabulary[TURN_END],
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.intermediate,
        "max_position_embeddings": MAX_TOKENS,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "pad_token_id": vocabulary[PAD],
        "pretraining_tp": 1,
        "rms_norm_eps": shape.rms_norm_eps,
        "rope_scaling": None,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": shape.vocabulary,
    }


def special_ids(corpus: Corpus) -> dict:
    begin = int(corpus.prompts[0][0])
    return {BEGIN: begin, TURN_END: corpus.turn_end, PAD: corpus.pad}


def save_voters(voters, out: Path) -> None:
    metadata = {
        "format": "pt",
        "reads": "final-norm hidden state of the last token",
        "trained": "Bradley-Terry on frozen features, one bootstrap sample of prompts and one order each",
        "dev_accuracy": json.dumps(voters.accuracy),
    }
    tensors = {"voters.weight": torch.from_numpy(voters.weight.astype(np.float32)).contiguous()}
    save_file(tensors, out / "voters.safetensors", metadata)
