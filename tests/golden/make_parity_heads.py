"""Makes the parity checkpoints of heads in tests/golden/parity/: a tiny random backbone of transformers
with a head of parity_heads.py, and what both make of six conversations.

    python tests/golden/make_parity_heads.py [NAME…]

As make_parity.py, whose versions and conversations it has: the reference runs in float32 on the weights as
stored, one conversation at a time. It asserts that every tensor of the head, spoilt, moves a score, and
that every key of its config does.
"""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

from make_parity import OUTPUT, fill_backbone, recorded_positions, to_json, versions
from parity_armo import find_gate_position
from parity_conversations import CONVERSATIONS
from parity_heads import Beaver, Ldl, Plain, Quantile, Urm
from parity_model import rope, shape
from parity_tokenizer import build_tokenizer, gating_pattern, save_tokenizer

SCORED = ("short", "sum_right", "system", "multi_turn", "code", "long_weaker")
HIDDEN_STATES_OF = ("short",)
ABOUT = {
    "label": "the label that is the score, of a head that has several",
    "conversations": "as in the other folders; score_std: the score's standard deviation; parts: what "
    "explains the score, in the order of the names that Assay gives",
}
LLAMA = shape(32, 48, 1, 2, 1, 16) | rope(10000.0) | {"max_position_embeddings": 2048}
GEMMA = shape(32, 48, 1, 2, 1, 16) | rope(10000.0) | {
    "max_position_embeddings": 2048,
    "sliding_window": 64,
    "query_pre_attn_scalar": 16,
}  # fmt: skip
QRM = {"num_objectives": 6, "num_quantiles": 5, "gating_hidden_dim": 16, "gating_n_hidden": 3, "gating_temperature": 5}
QRM_GEMMA = QRM | {"num_objectives": 5, "num_quantiles": 9, "gating_temperature": 2}
BEAVER = {"score_dim": 1, "bias": False, "do_normalize": True, "normalizer_type": "RunningMeanStd"}
BEAVER |= {"mean": [1.5], "var": [2.25]}


@dataclass
class Headed:
    """One checkpoint: a head on a backbone."""

    name: str
    architecture: str
    head: Callable[[int, dict], torch.nn.Module]  # of the hidden size and the config
    config: dict = field(default_factory=dict)
    seed: int = 0
    family: str = "Llama"
    tokenizer: str = "llama3"
    head_dtype: torch.dtype = torch.bfloat16
    label: str | None = None
    # A token that each conversation ends with, by its name.
    ending: str | None = None
    # Config changes that must move a score.
    switches: list[dict] = field(default_factory=list)
    # What the backbone's tensors begin with.
    prefix: str = "model."


HEADS = [
    Headed(
        "head_labels",
        "LlamaForSequenceClassification",
        lambda hidden, _: Plain(hidden, "score", [3], bias=True, label=1),
        {"id2label": {"0": "bad", "1": "good", "2": "neither"}},
        seed=201,
        label="good",
    ),
    Headed(
        "head_grm",
        "GRewardModel",
        lambda hidden, _: Plain(hidden, "v_head.summary", [24, 24, 1], bias=True),
        {"vhead_layer_type": "mlp", "vhead_num_layers": 2, "vhead_num_neurons": 24},
        seed=203,
        head_dtype=torch.float32,
    ),
    Headed(
        "head_ending",
        "InternLM2ForRewardModel",
        lambda hidden, _: Plain(hidden, "v_head", [1], bias=False),
        seed=204,
        ending="<|reserved_special_token_0|>",
        prefix="transformer.",
    ),
    Headed(
        "head_beaver",
        "LlamaForScore",
        lambda hidden, config: Beaver(hidden, config),
        BEAVER | {"score_type": "reward"},
        seed=205,
        switches=[{"score_type": "cost"}, {"mean": [2.0]}, {"var": [4.0]}],
    ),
    Headed(
        "head_quantile",
        "LlamaForRewardModelWithGating",
        lambda hidden, config: Quantile(hidden, config, transforms=True),
        QRM,
        seed=207,
        head_dtype=torch.float32,
        switches=[{"gating_temperature": 10}],
    ),
    Headed(
        "head_quantile_gemma2",
        "Gemma2ForQuantileSequenceClassification",
        lambda hidden, config: Quantile(hidden, config, transforms=False),
        QRM_GEMMA,
        seed=208,
        family="Gemma2",
        tokenizer="gemma",
        switches=[{"gating_temperature": 1}],
    ),
    Headed(
        "head_urm",
        "LlamaForSequenceClassificationWithNormal_Weights",
        lambda hidden, _: Urm(hidden, 5),
        {"id2label": {str(i): f"LABEL_{i}" for i in range(10)}},
        seed=209,
    ),
    Headed(
        "head_ldl",
        "LDLRewardModel27B",
        lambda hidden, _: Ldl(hidden, 16, 4),
        {"num_objectives": 40},
        seed=210,
        head_dtype=torch.float32,
    ),
]


def build(headed: Headed, tokenizer: transformers.PreTrainedTokenizerFast) -> tuple[torch.nn.Module, torch.nn.Module]:
    """A backbone and a head with random weights, in f32, rounded to what is stored."""
    generator = torch.Generator().manual_seed(headed.seed)
    settings = GEMMA if headed.family == "Gemma2" else LLAMA
    special = {f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id") for kind in ("bos", "eos", "pad")}
    config = getattr(transformers, f"{headed.family}Config")(vocab_size=len(tokenizer), **special, **settings)
    config._attn_implementation = "eager"
    backbone = getattr(transformers, f"{headed.family}Model")(config)
    fill_backbone(backbone, generator, gemma=headed.family == "Gemma2")
    head = headed.head(config.hidden_size, headed.config)
    head.fill(generator)
    with torch.no_grad():
        for weight in backbone.parameters():
            weight.copy_(weight.to(torch.bfloat16).float())
        for weight in [*head.parameters(), *head.buffers()]:
            if weight.is_floating_point():
                weight.copy_(weight.to(headed.head_dtype).float())
    return backbone.eval(), head.eval()


def save(folder: Path, headed: Headed, backbone: torch.nn.Module, head: torch.nn.Module, tokenizer) -> None:
    folder.mkdir()
    stored = {f"{headed.prefix}{name}": weight.to(torch.bfloat16) for name, weight in backbone.state_dict().items()}
    for name, weight in head.state_dict().items():
        stored[name] = weight.to(headed.head_dtype) if weight.is_floating_point() else weight
    save_file({name: weight.contiguous() for name, weight in stored.items()}, folder / "model.safetensors", {"format": "pt"})
    config = json.loads(backbone.config.to_json_string())
    for key in ("id2label", "label2id"):
        config.pop(key, None)
    config |= {"architectures": [headed.architecture], "dtype": "bfloat16"} | headed.config
    if headed.ending is not None:
        config["reward_token_id"] = tokenizer.convert_tokens_to_ids(headed.ending)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_tokenizer(tokenizer, folder)
    for file in folder.iterdir():
        file.chmod(0o644)


def run(backbone: torch.nn.Module, head: torch.nn.Module, ids: list[int], pattern: list[int]) -> tuple[dict, torch.Tensor]:
    """The verdict, and all hidden states [layers + 2, T, H]."""
    states: list[torch.Tensor] = []
    hooks = [
        module.register_forward_hook(
            lambda _module, _input, output: states.append((output[0] if isinstance(output, tuple) else output)[0])
        )
        for module in [backbone.embed_tokens, *backbone.layers, backbone.norm]
    ]
    with torch.no_grad():
        final = backbone(torch.tensor([ids])).last_hidden_state[0]
        verdict = head(final, find_gate_position(ids, pattern))
    for hook in hooks:
        hook.remove()
    return verdict, torch.stack(states)


def tokens(headed: Headed, tokenizer, messages: list[dict]) -> list[int]:
    ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    return ids if headed.ending is None else [*ids, tokenizer.convert_tokens_to_ids(headed.ending)]


def make(headed: Headed) -> None:
    folder = OUTPUT / headed.name
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = build_tokenizer(headed.tokenizer)
    header = "<end_of_turn>\n<start_of_turn>model\n" if headed.tokenizer == "gemma" else None
    pattern = tokenizer.encode(header, add_special_tokens=False) if header else gating_pattern(tokenizer)
    backbone, head = build(headed, tokenizer)
    save(folder, headed, backbone, head, tokenizer)
    conversations, recorded = [], {}
    for name in SCORED:
        ids = tokens(headed, tokenizer, CONVERSATIONS[name])
        verdict, states = run(backbone, head, ids, pattern)
        conversations.append({"name": name, "messages": CONVERSATIONS[name], "ids": ids} | rounded(verdict))
        if name in HIDDEN_STATES_OF:
            positions = recorded_positions(len(ids))
            recorded[f"{name}.positions"] = torch.tensor(positions, dtype=torch.int32)
            recorded[f"{name}.hidden_states"] = states[:, positions].contiguous()
    golden = {
        "about": ABOUT,
        "architecture": headed.architecture,
        "dtype": "BF16",
        "label": headed.label,
        "made_with": versions(),
        "hidden_states": list(HIDDEN_STATES_OF),
        "conversations": conversations,
    }
    save_file(recorded, folder / "golden.safetensors")
    (folder / "golden.json").write_text(to_json(golden))
    check(headed, backbone, head, conversations, pattern)


def rounded(value: object) -> object:
    """Nine digits tell a float32 apart from its neighbours."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.9g}")


def check(headed: Headed, backbone: torch.nn.Module, head: torch.nn.Module, rows: list[dict], pattern: list[int]) -> None:
    """Scores differ; every tensor of the head and every key moves one of them, or what explains it."""
    scores = [row["score"] for row in rows]
    assert torch.tensor(scores).std() > 0.3, f"{headed.name}: scores hardly differ: {scores}"
    print(f"{headed.name:22} scores {min(scores):7.3f} … {max(scores):7.3f}")
    row = next(row for row in rows if row["name"] == "system")

    def moved(by: torch.nn.Module) -> float:
        verdict, _ = run(backbone, by, row["ids"], pattern)
        spread = abs(verdict.get("score_std", 0) - row.get("score_std", 0))
        labels = zip(verdict.get("parts", {}).get("labels", []), row.get("parts", {}).get("labels", []))
        return max([abs(verdict["score"] - row["score"]), spread, *(abs(a - b) for a, b in labels)])

    with torch.no_grad():
        for name, weight in head.state_dict().items():
            if not weight.is_floating_point():
                continue
            kept = weight.clone()
            weight.copy_(kept.flatten().roll(1).view(kept.shape) * 1.5 + 0.1)
            assert moved(head) > 1e-3, f"{headed.name}: {name} moves nothing"
            weight.copy_(kept)
    for switch in headed.switches:
        changed = headed.head(backbone.config.hidden_size, headed.config | switch)
        state = {name: weight for name, weight in head.state_dict().items() if not name.startswith("normalizer")}
        changed.load_state_dict(state, strict=False)
        assert moved(changed.eval()) > 0.01, f"{headed.name}: {switch} moves no score"


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for headed in HEADS:
        if not sys.argv[1:] or headed.name in sys.argv[1:]:
            make(headed)


if __name__ == "__main__":
    main()
