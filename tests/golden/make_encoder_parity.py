"""Makes the parity checkpoints of encoders in tests/golden/parity/: tiny random models that read a prompt
and a response as a pair, saved as transformers saves them, with what it computes for ten pairs.

Made with the versions that make_parity.py names, transformers 5.24.0:

    python tests/golden/make_encoder_parity.py [FOLDER ...]

The tokenizers are those of text/pairs/. A conversation of several turns is told in one prompt: an
encoder's tokenizer joins two texts and no more. The files are those of make_parity.py, and
`token_type_ids` in golden.json where the model is given them.

Each topic's models stand in a module of their own, with a list MODELS of `Encoder`.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file

import encoder_parity_bert
import encoder_parity_deberta
import encoder_parity_modernbert
from encoder_model import Encoder
from make_parity import ABOUT, OUTPUT, recorded_positions, to_json, versions
from parity_conversations import CONVERSATIONS, HIDDEN_STATES_OF

PAIRS = Path(__file__).parent / "text" / "pairs"
MODELS: list[Encoder] = [*encoder_parity_bert.MODELS, *encoder_parity_deberta.MODELS, *encoder_parity_modernbert.MODELS]
DTYPES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}


def as_pair(messages: list[dict[str, str]]) -> tuple[str, str]:
    """All turns before the response as one prompt."""
    return "\n\n".join(message["content"] for message in messages[:-1]), messages[-1]["content"]


def build(model: Encoder, tokenizer: tokenizers.Tokenizer) -> transformers.PreTrainedModel:
    torch.manual_seed(model.seed)
    generator = torch.Generator().manual_seed(model.seed)
    named = {"vocab_size": tokenizer.get_vocab_size(), "num_labels": 1}
    config = getattr(transformers, f"{model.family}Config")(**named | model.config)
    built = getattr(transformers, f"{model.family}ForSequenceClassification")(config)
    with torch.no_grad():
        for name, weight in built.named_parameters():
            fill(name, weight, generator)
    return built.to(model.dtype)


def fill(name: str, weight: torch.Tensor, generator: torch.Generator) -> None:
    """Random weights under which attention is uneven, norms and biases matter, and texts differ."""
    noise = torch.randn(weight.shape, generator=generator)
    kind = name.split(".")[-2].lower()
    if "norm" in kind and name.endswith("weight"):
        weight.copy_(0.5 + torch.rand(weight.shape, generator=generator))
    elif name.endswith("bias") or weight.dim() == 1:
        weight.copy_(noise * 0.4)
    else:
        fan_in = 1 if "embeddings" in kind else weight[0].numel()
        gain = 2.0 if any(part in kind for part in ["query", "key"]) else 3.0 if "classifier" in name else 1.0
        weight.copy_(noise * gain * fan_in**-0.5)


def load(folder: Path, **changes: object) -> transformers.PreTrainedModel:
    """Loads the stored checkpoint for a float32 run; `changes` override its config."""
    config = transformers.AutoConfig.from_pretrained(folder, **changes)
    model_class = transformers.AutoModelForSequenceClassification
    options = {"config": config, "dtype": torch.float32, "attn_implementation": "eager"}
    return model_class.from_pretrained(folder, **options).eval()


def run(model: Encoder, loaded: transformers.PreTrainedModel, row: dict) -> tuple[float, torch.Tensor]:
    """The score of a pair, and all hidden states [layers + 2, T, H]."""
    states: list[torch.Tensor] = []
    take = lambda _module, _input, output: states.append((output[0] if isinstance(output, tuple) else output)[0])
    modules = model.modules(loaded)
    hooks = [module.register_forward_hook(take) for module in modules]
    types = {"token_type_ids": torch.tensor([row["token_type_ids"]])} if "token_type_ids" in row else {}
    with torch.no_grad():
        logits = loaded(torch.tensor([row["ids"]]), **types).logits
    for hook in hooks:
        hook.remove()
    # Where the last layer's norm is the last of all, it stands there twice.
    missing = loaded.config.num_hidden_layers + 2 - len(states)
    return logits[0, 0].item(), torch.stack([state.view(-1, state.shape[-1]) for state in states + states[-1:] * missing])


def record(folder: Path, model: Encoder, tokenizer: tokenizers.Tokenizer) -> list[dict]:
    """Writes golden.json and golden.safetensors; returns the conversations."""
    loaded = load(folder)
    rows, tensors = [], {}
    for name, messages in CONVERSATIONS.items():
        prompt, response = as_pair(messages)
        encoded = tokenizer.encode(prompt, response)
        pair = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        row = {"name": name, "messages": pair, "ids": encoded.ids}
        if model.token_types:
            row["token_type_ids"] = encoded.type_ids
        score, states = run(model, loaded, row)
        assert torch.isfinite(states).all()
        rows.append(row | {"score": score})
        if name in HIDDEN_STATES_OF:
            positions = recorded_positions(len(encoded.ids))
            tensors[f"{name}.positions"] = torch.tensor(positions, dtype=torch.int32)
            tensors[f"{name}.hidden_states"] = states[:, positions].contiguous()
    pairs = {"token_type_ids": "the type of each token, where the model is given them", "gating_pattern": "null"}
    golden = {
        "about": ABOUT | pairs,
        "architecture": type(loaded).__name__,
        "dtype": DTYPES[model.dtype],
        "gating_pattern": None,
        "made_with": versions(),
        "hidden_states": list(HIDDEN_STATES_OF),
        "conversations": rows,
    }
    save_file(tensors, folder / "golden.safetensors")
    (folder / "golden.json").write_text(to_json(golden))
    return rows


def check_is_telling(folder: Path, model: Encoder, rows: list[dict]) -> None:
    """Scores must differ, and depend on every tensor and on each switch by itself."""
    scores = [row["score"] for row in rows]
    print(f"{model.name:20} scores {min(scores):7.3f} … {max(scores):7.3f}, {max(len(row['ids']) for row in rows)} tokens")
    assert numpy.std(scores) > 0.3, f"{model.name}: scores hardly differ: {scores}"
    for switches in model.switches:
        changed = load(folder, **switches)
        moved = max(abs(run(model, changed, row)[0] - row["score"]) for row in rows)
        print(f"{'':20} {switches} moves {moved:.3f}")
        assert moved > 0.02, f"{model.name}: {switches} move no score"
    loaded, row = load(folder), next(row for row in rows if row["name"] == "system")
    moves = []
    with torch.no_grad():
        for name, weight in loaded.named_parameters():
            if any(part in name for part in model.needless):
                continue
            kept = weight.clone()
            weight.copy_(kept.flatten().roll(1).view(kept.shape) * 1.5)
            moves.append((abs(run(model, loaded, row)[0] - row["score"]), name))
            weight.copy_(kept)
    move, name = min(moves)
    print(f"{'':20} {name} matters least: {move:.1e}")
    assert move > 1e-3, f"{model.name}: {name} moves a score by {move} only"


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for model in MODELS:
        if sys.argv[1:] and model.name not in sys.argv[1:]:
            continue
        folder = OUTPUT / model.name
        shutil.rmtree(folder, ignore_errors=True)
        tokenizer = tokenizers.Tokenizer.from_file(str(PAIRS / model.tokenizer / "tokenizer.json"))
        build(model, tokenizer).save_pretrained(folder)
        for file in ["tokenizer.json", "tokenizer_config.json"]:
            shutil.copyfile(PAIRS / model.tokenizer / file, folder / file)
        rows = record(folder, model, tokenizer)
        for file in folder.iterdir():
            file.chmod(0o644)
        stored = {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()}
        assert stored == {model.dtype}, stored
        check_is_telling(folder, model, rows)


if __name__ == "__main__":
    main()
