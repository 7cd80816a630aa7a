"""Makes the parity checkpoints in tests/golden/parity/ whose scores are read at tokens: logits of a causal
model's vocabulary, and process rewards.

    python tests/golden/make_parity_tokens.py [NAME…]

As make_parity.py, whose versions it has: the reference runs in float32 on the weights as stored, one
conversation at a time. A causal model and a token classifier are transformers' own; the other heads are
written out here from the published code that runs them. It asserts that every tensor that is read moves a
score when it is spoilt.
"""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import transformers
from safetensors.torch import save_file
from torch import nn

from make_parity import OUTPUT, fill_backbone, recorded_positions, to_json, versions
from parity_conversations import CONVERSATIONS
from parity_model import rope, shape
from parity_steps import (
    PLAIN_TEMPLATE,
    RERANKER_TEMPLATE,
    STEP_TAG,
    STEPPED,
    SYSTEM,
    extra_token_tokenizer,
    line_tokenizer,
    with_template,
)
from parity_tokenizer import build_tokenizer, save_tokenizer

ABOUT = {
    "options": "how the checkpoint is loaded",
    "conversations": "as in the other folders; steps: the response as its steps; parts: what explains the score",
}
SMALL = shape(32, 48, 1, 2, 1, 16) | rope(10000.0) | {"max_position_embeddings": 2048}
TINY = shape(20, 36, 1, 2, 1, 16) | rope(10000.0) | {"max_position_embeddings": 2048}
ODD = shape(28, 44, 1, 2, 1, 14) | rope(10000.0) | {"max_position_embeddings": 2048}
TIED = SMALL | {"tie_word_embeddings": True}
GEMMA = SMALL | {"sliding_window": 64, "query_pre_attn_scalar": 16, "final_logit_softcapping": 2.0}
MULTIPLIERS = {"embedding_multiplier": 0.6, "attention_multiplier": 0.3, "residual_multiplier": 0.7, "logits_scaling": 1.5}
SCORED = ("short", "sum_right", "system", "multi_turn")


class Mlp(nn.Module):
    """Qwen2ForProcessRewardModel: score.0, ReLU, score.2, two labels."""

    def __init__(self, hidden: int):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.score(states)


class Value(nn.Module):
    """Skywork's PRM_MODEL: the value head of TRL, one number."""

    def __init__(self, hidden: int):
        super().__init__()
        self.v_head = nn.Module()
        self.v_head.summary = nn.Linear(hidden, 1)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.v_head.summary(states)


def fill(module: nn.Module, generator: torch.Generator, gain: float = 2.0) -> None:
    with torch.no_grad():
        for weight in module.parameters():
            std = gain * weight.shape[-1] ** -0.5 if weight.dim() > 1 else 0.5
            weight.copy_(torch.randn(weight.shape, generator=generator) * std)


# How steps get their tokens, as the published code of each model has it: (tokenizer, messages, steps) to
# ids and the positions that are read.


def special_token(tokenizer, messages: list[dict], steps: list[str]) -> tuple[list[int], list[int]]:
    """Qwen2.5-Math-PRM: "<extra_0>".join(steps) + "<extra_0>", then every such token."""
    content = "<extra_0>".join(steps) + "<extra_0>"
    ids = tokenizer.apply_chat_template(
        [*messages, {"role": "assistant", "content": content}], tokenize=True, return_dict=False
    )
    end = tokenizer.encode("<extra_0>")[0]
    return ids, [at for at, id in enumerate(ids) if id == end]


def apart(end: str) -> Callable:
    """Skywork's prepare_input, and TRL's PRMTrainer: each step is cut by itself, its end is one token."""

    def tokenize(tokenizer, messages: list[dict], steps: list[str]) -> tuple[list[int], list[int]]:
        ids = tokenizer.encode(messages[-1]["content"] + "\n", add_special_tokens=False)
        if tokenizer.bos_token is not None:
            ids = [tokenizer.bos_token_id, *ids]
        positions = []
        for step in steps:
            ids += tokenizer.encode(step, add_special_tokens=False) + [tokenizer.encode(end, add_special_tokens=False)[-1]]
            positions.append(len(ids) - 1)
        return ids, positions

    return tokenize


def step_tags(tokenizer, messages: list[dict], steps: list[str]) -> tuple[list[int], list[int]]:
    """math-shepherd: one text with the tag after each step, then every such token."""
    text = f"{messages[-1]['content']} {''.join(step + STEP_TAG for step in steps)}"
    ids = [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)]
    end = tokenizer.encode(STEP_TAG, add_special_tokens=False)[-1]
    return ids, [at for at, id in enumerate(ids) if id == end]


def turns(tokenizer, messages: list[dict], steps: list[str]) -> tuple[list[int], list[int]]:
    """RLHFlow: each step is a turn of the user's that "+" answers; the logits are those three from the end."""
    conversation, positions, ids = list(messages[:-1]), [], []
    for index, step in enumerate(steps):
        content = f"{messages[-1]['content']} {step}" if index == 0 else step
        conversation += [{"role": "user", "content": content}, {"role": "assistant", "content": "+"}]
        ids = tokenizer.apply_chat_template(conversation, tokenize=True, return_dict=False)
        positions.append(len(ids) - 3)
    return ids, positions


@dataclass
class Read:
    """One checkpoint, and how it is read."""

    name: str
    family: str
    options: dict
    tokenizer: Callable
    seed: int
    config: dict = field(default_factory=lambda: SMALL)
    head: Callable | None = None
    architecture: str | None = None
    steps: Callable | None = None
    reduce: Callable = lambda scores: scores[-1]
    # What stands around steps, so that the text that is cut as one is the published one.
    joint: bool = False


def reranker(): return with_template(build_tokenizer("chatml"), RERANKER_TEMPLATE)


def plain(kind: str): return with_template(build_tokenizer(kind), PLAIN_TEMPLATE)


READS = [
    Read("head_logit", "Llama", {"logit": 0}, lambda: build_tokenizer("llama3"), 301, config=TINY),
    Read("head_logit_granite", "Granite", {"logit": 0}, lambda: build_tokenizer("llama3"), 319, config=TINY | MULTIPLIERS),
    Read("head_logits", "Gemma2", {"logits": ["y", "n"]}, lambda: build_tokenizer("gemma"), 302, config=GEMMA),
    Read(
        "head_reranker", "Qwen3", {"logits": ["y", "n"]}, reranker, 303, config=TIED
    ),
    Read(
        "process_mlp", "Qwen2", {}, extra_token_tokenizer, 304, config=ODD,
        head=Mlp, architecture="Qwen2ForProcessRewardModel", steps=special_token,
    ),
    Read(
        "process_value", "Qwen2", {"reduceSteps": "min"}, lambda: plain("chatml"), 305, config=TIED,
        head=Value, architecture="Qwen2ForPrmModel", steps=apart("\n"), reduce=min,
    ),
    Read(
        "process_labels", "Llama", {"stepToken": "\n", "reduceSteps": "mean"}, lambda: plain("llama3"), 306,
        architecture="LlamaForTokenClassification", steps=apart("\n"), reduce=lambda scores: sum(scores) / len(scores),
    ),
    Read(
        "process_logits", "Mistral", {"logits": ["+", "-"], "stepToken": STEP_TAG, "reduceSteps": "product"},
        line_tokenizer, 307, config=TINY, steps=step_tags, reduce=lambda scores: float(torch.tensor(scores, dtype=torch.float64).prod()),
        joint=True,
    ),
    Read(
        "process_turns", "Llama", {"logits": ["+", "-"], "stepTurns": True}, lambda: build_tokenizer("llama3"), 318, config=TINY,
        steps=turns,
    ),
]  # fmt: skip


def build(read: Read, tokenizer) -> tuple[transformers.PreTrainedModel, nn.Module | None]:
    """A model and, where transformers has no class for it, its head; random, rounded to bf16."""
    generator = torch.Generator().manual_seed(read.seed)
    special = {f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id") for kind in ("bos", "eos", "pad")}
    config = getattr(transformers, f"{read.family}Config")(vocab_size=len(tokenizer), num_labels=2, **special, **read.config)
    config._attn_implementation = "eager"
    labels = read.architecture is not None and read.architecture.endswith("ForTokenClassification")
    kind = "ForTokenClassification" if labels else "ForCausalLM"
    model = getattr(transformers, f"{read.family}{kind}")(config)
    fill_backbone(model.model, generator, gemma=read.family == "Gemma2")
    if labels:
        fill(model.score, generator, gain=0.7)
    elif not config.tie_word_embeddings:
        fill(model.lm_head, generator, gain=1.0 if read.steps else 6.0)
    head = None if read.head is None else read.head(config.hidden_size)
    if head is not None:
        fill(head, generator, gain=1.0)
    with torch.no_grad():
        for module in [model] if head is None else [model, head]:
            for weight in module.parameters():
                weight.copy_(weight.to(torch.bfloat16).float())
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval(), head


def save(read: Read, model: transformers.PreTrainedModel, head: nn.Module | None, tokenizer) -> None:
    folder = OUTPUT / read.name
    folder.mkdir()
    stored = dict(model.state_dict()) | ({} if head is None else head.state_dict())
    if model.config.tie_word_embeddings:
        del stored["lm_head.weight"]
    if head is not None and read.architecture == "Qwen2ForProcessRewardModel":
        del stored["lm_head.weight"]
    stored = {name: weight.to(torch.bfloat16).contiguous() for name, weight in stored.items()}
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    config = json.loads(model.config.to_json_string())
    config |= {"architectures": [read.architecture or type(model).__name__], "dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_tokenizer(tokenizer, folder)


def tokens(read: Read, tokenizer, text: str | int) -> int:
    return text if isinstance(text, int) else tokenizer.encode(text, add_special_tokens=False)[-1]


def judge(read: Read, model, head, tokenizer, ids: list[int], positions: list[int]) -> dict:
    """The score and its parts, in float64 from the logits on."""
    with torch.no_grad():
        states = model.model(torch.tensor([ids])).last_hidden_state
        logits = (model(torch.tensor([ids])).logits[0] if head is None else head(states[0])).double()
    wanted = read.options.get("logits", [read.options.get("logit")])
    if read.steps is None:
        chosen = [logits[-1, tokens(read, tokenizer, token)].item() for token in wanted]
        if len(chosen) == 1:
            return {"score": chosen[0]}
        probabilities = torch.softmax(torch.tensor(chosen, dtype=torch.float64), dim=0).tolist()
        return {"score": chosen[0] - chosen[1], "parts": {"logits": chosen, "probabilities": probabilities}}
    at = logits[positions]
    if "logits" in read.options:
        scores = torch.softmax(at[:, [tokens(read, tokenizer, token) for token in wanted]], dim=-1)[:, 0]
    elif at.shape[-1] == 1:
        scores = torch.sigmoid(at[:, 0])
    else:
        scores = torch.softmax(at, dim=-1)[:, 1]
    return {"score": read.reduce(scores.tolist()), "parts": {"step_scores": scores.tolist()}}


def states_of(model: transformers.PreTrainedModel, ids: list[int]) -> torch.Tensor:
    states: list[torch.Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _m, _i, output: states.append((output[0] if isinstance(output, tuple) else output)[0]))
        for module in [model.model.embed_tokens, *model.model.layers, model.model.norm]
    ]
    with torch.no_grad():
        model.model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return torch.stack(states)


def rows_of(read: Read, tokenizer) -> list[dict]:
    """Conversations with their tokens and the positions that are read."""
    if read.steps is None:
        names = [name for name in SCORED if read.name != "head_reranker" or name != "multi_turn"]
        tokenized = [tokenizer.apply_chat_template(CONVERSATIONS[name], tokenize=True, return_dict=False) for name in names]
        return [{"name": name, "messages": CONVERSATIONS[name], "ids": ids} for name, ids in zip(names, tokenized)]
    rows = []
    for name, (messages, steps) in STEPPED.items():
        if read.joint:
            steps = [("" if index == 0 else "\n") + f"Step {index + 1}: {step} " for index, step in enumerate(steps)]
        if name == "system" and read.steps in (special_token, turns):
            messages = SYSTEM + messages
        ids, positions = read.steps(tokenizer, messages, steps)
        response = {"role": "assistant", "content": "", "steps": steps}
        rows.append({"name": name, "messages": [*messages, response], "ids": ids, "positions": positions})
    return rows


def check(read: Read, model, head, tokenizer, rows: list[dict]) -> None:
    """Scores differ, and each tensor that is read moves one."""
    scores = [row["score"] for row in rows]
    assert torch.tensor(scores).std() > (0.02 if read.steps else 0.3), f"{read.name}: scores hardly differ: {scores}"
    print(f"{read.name:16} scores {min(scores):7.3f} … {max(scores):7.3f}")
    wanted = [*model.named_parameters()] + ([] if head is None else [*head.named_parameters()])
    with torch.no_grad():
        for name, weight in wanted:
            if head is not None and name == "lm_head.weight":
                continue
            kept = weight.clone()
            weight.copy_(kept.flatten().roll(1).view(kept.shape) * 1.5 + (0.1 if weight.dim() == 1 else 0))
            judged = [judge(read, model, head, tokenizer, row["ids"], row.get("positions", [])) for row in rows]
            moved = max(abs(verdict["score"] - row["score"]) for verdict, row in zip(judged, rows))
            assert moved > 1e-3, f"{read.name}: {name} moves no score: {moved}"
            weight.copy_(kept)


def make(read: Read) -> None:
    folder = OUTPUT / read.name
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = read.tokenizer()
    model, head = build(read, tokenizer)
    save(read, model, head, tokenizer)
    rows = rows_of(read, tokenizer)
    for row in rows:
        row |= judge(read, model, head, tokenizer, row["ids"], row.get("positions", []))
    check(read, model, head, tokenizer, rows)
    first = rows[0]["ids"]
    positions = recorded_positions(len(first))
    recorded = {
        "short.positions": torch.tensor(positions, dtype=torch.int32),
        "short.hidden_states": states_of(model, first)[:, positions].contiguous(),
    }
    save_file(recorded, folder / "golden.safetensors")
    golden = {
        "about": ABOUT,
        "architecture": read.architecture or type(model).__name__,
        "dtype": "BF16",
        "options": read.options,
        "made_with": versions(),
        "hidden_states": ["short"],
        "conversations": rows,
    }
    (folder / "golden.json").write_text(to_json(golden))
    for file in folder.iterdir():
        file.chmod(0o644)


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for read in READS:
        if not sys.argv[1:] or read.name in sys.argv[1:]:
            make(read)


if __name__ == "__main__":
    main()
