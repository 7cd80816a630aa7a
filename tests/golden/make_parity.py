"""Makes the parity checkpoints in tests/golden/parity/: tiny random reward models, saved as
transformers saves them, with what the reference implementation computes for ten conversations.

Made with Python 3.11.7, torch 2.15.0 (CPU, one thread), transformers 5.23.0, tokenizers 0.23.3,
safetensors 0.8.0, numpy 2.4.6:

    python tests/golden/make_parity.py
    python tests/golden/make_parity_transformers4.py   # in an environment with transformers 4.51.3
    python tests/golden/check_parity.py                # plain numpy, against what was written

Each takes names of folders (`make_parity.py gemma2`), to leave the others as they are: other machines
round otherwise.

Weights and tokenizer depend on nothing but the seeds below. The recorded numbers are the reference
run in float32, with eager attention, on the weights as stored (rounded to bf16 or f16 where the
checkpoint is), one conversation at a time, no padding. README.md says what each file holds.
"""

import json
import platform
import shutil
import sys
from pathlib import Path

import numpy
import safetensors
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

import parity_decoders
import parity_internlm2
import parity_moe
import parity_neox
import parity_sizes
import parity_states
from parity_armo import LlamaForRewardModelWithGating, fill_heads, find_gate_position
from parity_conversations import CONVERSATIONS
from parity_model import DEFAULT_ROPE, Model, rope, shape
from parity_tokenizer import build_tokenizer, gating_pattern, save_tokenizer

OUTPUT = Path(__file__).parent / "parity"
ABOUT = {
    "architecture": "class of the reference implementation",
    "dtype": "dtype of the backbone's stored weights; heads of ArmoRM are F32",
    "gating_pattern": "token ids whose last occurrence is ArmoRM's gate position; null for a scalar head",
    "made_with": "versions that made this file",
    "conversations": "in the order scored; per conversation: name; messages; text = rendered chat "
    "template; ids = token ids of the whole conversation, one BOS where the template has one; score; "
    "armo only: gate_position, rewards, gating, coefficients",
    "hidden_states": "names of the conversations with hidden states in golden.safetensors, which holds "
    "per name `<name>.positions` I32 [P], token positions, and `<name>.hidden_states` F32 "
    "[layers + 2, P, hidden]: the embedding, the residual stream after each layer, after the final norm",
}


LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,  # so that short texts reach all three bands of wavelengths
}

MODELS = [
    Model(
        "llama",
        "Llama",
        torch.bfloat16,
        shape(64, 112, 2, 4, 2, 16) | rope(500000.0) | {"max_position_embeddings": 8192, "rms_norm_eps": 1e-5},
        seed=101,
        switches={"rms_norm_eps": 0.5, **DEFAULT_ROPE},
    ),
    Model(
        "llama_f16",
        "Llama",
        torch.float16,
        shape(48, 80, 2, 2, 1, 24) | rope(10000.0) | {"max_position_embeddings": 2048},
        seed=102,
        switches=rope(500000.0),
    ),
    Model(
        "llama_llama3_rope",
        "Llama",
        torch.float32,
        shape(48, 72, 2, 2, 1, 32)
        | rope(10000.0, **LLAMA3_ROPE)
        | {"max_position_embeddings": 512, "tie_word_embeddings": True, "rms_norm_eps": 1e-5},
        seed=103,
        switches=DEFAULT_ROPE,
    ),
    Model(
        "llama_linear_rope",
        "Llama",
        torch.float32,
        shape(48, 64, 2, 3, 3, 16)
        | rope(10000.0, rope_type="linear", factor=4.0)
        | {"max_position_embeddings": 1024},
        seed=104,
        switches=DEFAULT_ROPE,
    ),
    Model(
        "llama_dynamic_rope",
        "Llama",
        torch.bfloat16,
        shape(48, 80, 2, 2, 2, 24)
        | rope(10000.0, rope_type="dynamic", factor=2.0)
        | {"max_position_embeddings": 64},
        seed=105,
        switches=DEFAULT_ROPE,
    ),
    Model(
        "mistral",
        "Mistral",
        torch.bfloat16,
        shape(72, 120, 3, 3, 1, 24)
        | rope(10000.0)
        | {"max_position_embeddings": 4096, "sliding_window": 32, "rms_norm_eps": 1e-5},
        seed=106,
        switches={"sliding_window": 33},
    ),
    Model(
        "qwen2",
        "Qwen2",
        torch.float32,
        shape(48, 80, 2, 3, 1, None)
        | rope(1000000.0)
        | {"max_position_embeddings": 4096, "vocab_size": 349, "sliding_window": 16, "max_window_layers": 1},
        tokenizer="chatml",
        seed=107,
        switches=DEFAULT_ROPE,
    ),
    Model(
        "qwen3",
        "Qwen3",
        torch.bfloat16,
        shape(64, 80, 3, 2, 1, 64)
        | rope(1000000.0)
        | {"max_position_embeddings": 4096, "vocab_size": 349, "tie_word_embeddings": True},
        tokenizer="chatml",
        seed=108,
        switches=DEFAULT_ROPE,
    ),
    Model(
        "gemma2",
        "Gemma2",
        torch.float32,
        shape(56, 88, 3, 4, 2, 24)
        | rope(10000.0)
        | {"max_position_embeddings": 8192, "sliding_window": 16, "query_pre_attn_scalar": 32}
        | {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0},
        tokenizer="gemma",
        seed=110,
        switches=[
            {"sliding_window": 17},
            {"layer_types": ["full_attention"] * 3},
            {"query_pre_attn_scalar": 24},
            {"attn_logit_softcapping": 2.5},
            {"hidden_activation": "silu"},
            {"rms_norm_eps": 0.01},
        ],
    ),
    Model(
        "gemma2_bf16",
        "Gemma2",
        torch.bfloat16,
        shape(72, 96, 2, 3, 1, 40)
        | rope(10000.0)
        | {"max_position_embeddings": 8192, "sliding_window": 32, "query_pre_attn_scalar": 24}
        | {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 4.0, "attention_bias": True},
        seed=111,
        switches=[{"sliding_window": 33}, {"attn_logit_softcapping": None}],
    ),
    Model(
        "armo",
        "Armo",
        torch.bfloat16,
        shape(64, 96, 3, 2, 1, 32)
        | rope(500000.0)
        | {"max_position_embeddings": 8192, "rms_norm_eps": 1e-5}
        | {"num_objectives": 19, "gating_temperature": 10, "gating_hidden_dim": 32, "gating_n_hidden": 3},
        max_shard_size="80KB",
        seed=109,
        switches={"gating_temperature": 20},
    ),
]
for model in MODELS:
    model.gemma = model.family == "Gemma2"
    model.every_tensor = False  # check_parity.py sees to it

MODELS += parity_decoders.MODELS
MODELS += parity_internlm2.MODELS
MODELS += parity_moe.MODELS
MODELS += parity_neox.MODELS
MODELS += parity_sizes.MODELS
MODELS += parity_states.MODELS


def build(model: Model, tokenizer: PreTrainedTokenizerFast) -> transformers.PreTrainedModel:
    """A random model in the stored dtype; ArmoRM's heads stay f32, as published."""
    generator = torch.Generator().manual_seed(model.seed)
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    settings = {"vocab_size": len(tokenizer)} | special | model.config
    if model.family == "Armo":
        built = LlamaForRewardModelWithGating(transformers.LlamaConfig(**settings))
        fill_backbone(built.model, generator)
        fill_heads(built, generator)
        built.model.to(model.dtype)
        return built
    if model.build is not None:
        return model.build(settings, generator).to(model.dtype)
    config = getattr(transformers, f"{model.family}Config")(num_labels=1, **settings)
    built = getattr(transformers, f"{model.family}ForSequenceClassification")(config)
    if model.fill is None:
        fill_backbone(built.model, generator, gemma=model.gemma)
    else:
        model.fill(built.model, generator)
    with torch.no_grad():
        std = 2.0 * config.hidden_size**-0.5
        built.score.weight.copy_(torch.randn(built.score.weight.shape, generator=generator) * std)
    return built.to(model.dtype)


def fill_backbone(backbone: torch.nn.Module, generator: torch.Generator, gemma: bool = False) -> None:
    """Random weights under which attention is uneven, norms and biases matter, and texts differ.

    Gemma adds 1 to the weights of its norms and scales its embeddings by sqrt(hidden).
    """
    gains = {"q_proj": 1.5, "k_proj": 1.5, "embed_tokens": backbone.config.hidden_size**-0.5 if gemma else 1.0}
    with torch.no_grad():
        for name, weight in backbone.named_parameters():
            kind = name.split(".")[-2]
            if "norm" in kind:
                weight.copy_((-0.5 if gemma else 0.5) + torch.rand(weight.shape, generator=generator))
            elif name.endswith("bias"):
                weight.copy_(torch.randn(weight.shape, generator=generator))
            else:
                fan_in = 1 if kind == "embed_tokens" else weight.shape[1]
                std = gains.get(kind, 1.0) * fan_in**-0.5
                weight.copy_(torch.randn(weight.shape, generator=generator) * std)


def load(folder: Path, model: Model, **changes: object) -> transformers.PreTrainedModel:
    """Loads the stored checkpoint for a float32 run; `changes` override its config."""
    if model.load is not None:
        return model.load(folder, changes).eval()
    config = transformers.AutoConfig.from_pretrained(folder, **changes)
    options = {"config": config, "dtype": torch.float32, "attn_implementation": "eager"}
    if model.family == "Armo":
        return LlamaForRewardModelWithGating.from_pretrained(folder, **options).eval()
    return AutoModelForSequenceClassification.from_pretrained(folder, **options).eval()


def reset_rotary(loaded: transformers.PreTrainedModel) -> None:
    """Dynamic rope remembers the longest text so far; every conversation starts afresh."""
    if hasattr(getattr(loaded, "model", None), "rotary_emb"):
        loaded.model.rotary_emb = type(loaded.model.rotary_emb)(loaded.config)


def run(
    loaded: transformers.PreTrainedModel, model: Model, ids: list[int], pattern: list[int] | None = None
) -> tuple[dict, torch.Tensor]:
    """Scores one conversation; returns the verdict and all hidden states [layers + 2, T, H]."""
    states: list[torch.Tensor] = []
    hooks = [
        module.register_forward_hook(
            lambda _module, _input, output: states.append((output[0] if isinstance(output, tuple) else output)[0])
        )
        for module in model.modules(loaded)
    ]
    reset_rotary(loaded)
    with torch.no_grad():
        if pattern is None:
            verdict = model.score(loaded, torch.tensor([ids]))
        else:
            gate_position = find_gate_position(ids, pattern)
            outputs = loaded(torch.tensor([ids]), gate_position)
            numbers = {key: value.tolist() for key, value in outputs.items()}
            explained = sum(r * c for r, c in zip(numbers["rewards"], numbers["coefficients"]))
            assert abs(explained - numbers["score"]) < 1e-5, "the score is not the rewards times coefficients"
            verdict = {"gate_position": gate_position} | numbers
    for hook in hooks:
        hook.remove()
    return verdict, torch.stack(states)


def recorded_positions(length: int) -> list[int]:
    """All positions of a short text; of a long one a dozen evenly spread and the last two."""
    return sorted({*range(0, length, 1 if length <= 32 else length // 12), length - 2, length - 1})


def record(folder: Path, model: Model, tokenizer: PreTrainedTokenizerFast) -> list[float]:
    """Writes golden.json and golden.safetensors; returns the scores."""
    pattern = gating_pattern(tokenizer) if model.family == "Armo" else None
    loaded = load(folder, model)
    conversations, tensors = [], {}
    for name, messages in CONVERSATIONS.items():
        ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
        ids += [] if model.ending is None else [model.ending]
        text = tokenizer.apply_chat_template(messages, tokenize=False)
        verdict, states = run(loaded, model, ids, pattern)
        assert torch.isfinite(states).all()
        conversations.append({"name": name, "messages": messages, "text": text, "ids": ids} | verdict)
        if name in model.states_of:
            positions = recorded_positions(len(ids))
            tensors[f"{name}.positions"] = torch.tensor(positions, dtype=torch.int32)
            tensors[f"{name}.hidden_states"] = states[:, positions].contiguous()
    golden = {
        "about": ABOUT,
        "architecture": type(loaded).__name__,
        "dtype": {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}[model.dtype],
        "gating_pattern": pattern,
        "made_with": versions(),
        "hidden_states": list(model.states_of),
        "conversations": conversations,
    }
    save_file(tensors, folder / "golden.safetensors")
    (folder / "golden.json").write_text(to_json(golden))
    return [conversation["score"] for conversation in conversations]


def to_json(golden: dict) -> str:
    """One conversation a line, so that a changed number is a readable diff."""
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in golden["conversations"])
    head = json.dumps({key: value for key, value in golden.items() if key != "conversations"}, indent=1)
    return head[:-2] + ',\n "conversations": [\n' + rows + "\n]}\n"


def versions() -> dict[str, str]:
    modules = [torch, transformers, tokenizers, safetensors, numpy]
    return {"python": platform.python_version()} | {m.__name__: m.__version__.split("+")[0] for m in modules}


def check_is_telling(folder: Path, model: Model, scores: list[float]) -> None:
    """The scores must differ between conversations and must depend on what the model is there for."""
    spread = numpy.std(scores)
    assert spread > 0.3, f"{model.name}: scores hardly differ: {scores}"
    golden = json.loads((folder / "golden.json").read_text())
    pattern, rows = golden["gating_pattern"], golden["conversations"]
    print(f"{model.name:20} scores {min(scores):7.3f} … {max(scores):7.3f}")
    for switches in model.switches if isinstance(model.switches, list) else [model.switches]:
        changed = load(folder, model, **switches)
        moved = [abs(run(changed, model, row["ids"], pattern)[0]["score"] - row["score"]) for row in rows]
        print(f"{'':20} {switches} moves {max(moved):.3f}")
        assert max(moved) > 0.02, f"{model.name}: {switches} move no score: {moved}"


def check_every_tensor(folder: Path, model: Model) -> None:
    """Each tensor, spoilt, must move a score."""
    rows = json.loads((folder / "golden.json").read_text())["conversations"]
    row = next(row for row in rows if row["name"] == "system")
    loaded = load(folder, model)
    moves = []
    with torch.no_grad():
        for name, weight in loaded.named_parameters():
            kept = weight.clone()
            weight.copy_(kept.flatten().roll(1).view(kept.shape) * 1.5)
            moves.append((abs(run(loaded, model, row["ids"])[0]["score"] - row["score"]), name))
            weight.copy_(kept)
    move, name = min(moves)
    print(f"{'':20} {name} matters least: {move:.1e}")
    assert move > 1e-3, f"{model.name}: {name} moves a score by {move} only"


def check_stored(folder: Path, model: Model) -> None:
    """The files hold the dtype asked for; they are made readable to all, as git would."""
    for file in folder.iterdir():
        file.chmod(0o644)
    stored = {name: tensor.dtype for file in folder.glob("model*.safetensors") for name, tensor in load_file(file).items()}
    heads = model.family == "Armo"  # they stay f32
    assert {dtype for name, dtype in stored.items() if not heads or name.startswith("model.")} == {model.dtype}
    if model.family == "Armo":
        assert {dtype for name, dtype in stored.items() if not name.startswith("model.")} == {torch.float32}
        assert len(list(folder.glob("model-*.safetensors"))) >= 3


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for model in MODELS:
        if sys.argv[1:] and model.name not in sys.argv[1:]:
            continue
        folder = OUTPUT / model.name
        shutil.rmtree(folder, ignore_errors=True)
        tokenizer = build_tokenizer(model.tokenizer)
        built = build(model, tokenizer)
        built.save_pretrained(folder, max_shard_size=model.max_shard_size)
        save_tokenizer(tokenizer, folder)
        scores = record(folder, model, tokenizer)
        check_stored(folder, model)
        check_is_telling(folder, model, scores)
        if model.every_tensor:
            check_every_tensor(folder, model)


if __name__ == "__main__":
    main()
