"""Checks that every number recorded in tests/golden/parity/ follows from the files beside it.

    python tests/golden/check_parity.py

A second implementation, in plain numpy and float64: it shares no code with make_parity.py, reads the
safetensors files by itself and follows the models' papers. For every config.*.json variant of every
checkpoint it recomputes hidden states and verdicts and prints the largest differences; it fails above
LIMIT. What is left below it is the rounding of the float32 reference. Then it spoils every tensor in
turn: each must move a score by far more than the tests' bound, or a kernel could leave it out unseen.

It knows the families and rope types that Assay began with. For those that came later make_parity.py
spoils the tensors itself, and each switch of a config must move a score there.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np

PARITY = Path(__file__).parent / "parity"
LIMIT = 2e-5  # relative to max(1, |reference|); a fifth of the bound that Assay's parity tests use
LEAST_MOVE = 2e-3  # twenty times the bound of the parity tests

FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "gemma2")
ROPES = ("default", "linear", "dynamic", "llama3")

Tensors = dict[str, np.ndarray]


def read_safetensors(path: Path) -> Tensors:
    """All tensors of one file as float64 (integers as they are)."""
    data = path.read_bytes()
    (header_length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + header_length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = (8 + header_length + offset for offset in entry["data_offsets"])
        raw = data[start:end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2", "I32": "<i4"}[entry["dtype"]])
        values = values.reshape(entry["shape"])
        tensors[name] = values if entry["dtype"] == "I32" else values.astype(np.float64)
    return tensors


def read_checkpoint(folder: Path) -> Tensors:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return read_safetensors(folder / "model.safetensors")
    tensors: Tensors = {}
    weight_map = json.loads(index.read_text())["weight_map"]
    for shard in sorted(set(weight_map.values())):
        tensors |= read_safetensors(folder / shard)
    assert set(tensors) == set(weight_map)
    return tensors


def rope_settings(config: dict) -> dict:
    """Rope settings in the spelling of transformers 5, from either spelling."""
    if "rope_parameters" in config:
        return config["rope_parameters"]
    scaling = config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    return {**scaling, "rope_type": kind, "rope_theta": config["rope_theta"]}


def inverse_frequencies(config: dict, head_dim: int, length: int) -> np.ndarray:
    """Angle per position, one for each of head_dim / 2 pairs of dimensions (i, i + head_dim / 2)."""
    rope = rope_settings(config)
    theta, kind = rope["rope_theta"], rope["rope_type"]
    if kind == "dynamic":  # NTK scaling by the length of this text, nothing up to the trained length
        trained = config["max_position_embeddings"]
        stretch = rope["factor"] * max(length, trained) / trained - (rope["factor"] - 1)
        theta = theta * stretch ** (head_dim / (head_dim - 2))
    frequencies = theta ** (-np.arange(0, head_dim, 2) / head_dim)
    if kind == "linear":
        return frequencies / rope["factor"]
    if kind == "llama3":
        trained = rope["original_max_position_embeddings"]
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        turns = trained * frequencies / (2 * np.pi)  # how often a dimension turns in the trained length
        keep = np.clip((turns - low) / (high - low), 0, 1)  # 1: fast, as is; 0: slow, divided by factor
        return keep * frequencies + (1 - keep) * frequencies / rope["factor"]
    assert kind in ("default", "dynamic"), kind
    return frequencies


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def gemma_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return rms_norm(x, 1 + weight, eps)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def rotate(x: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """x [T, heads, d], angles [T, d / 2]."""
    half = x.shape[-1] // 2
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], -1)


def softmax(x: np.ndarray) -> np.ndarray:
    exponentials = np.exp(x - x.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def window_of(config: dict, layer: int) -> int | None:
    """The sliding window of a layer: Gemma 2 has one in the first, third, fifth ... layer."""
    if config["model_type"] == "gemma2":
        return config["sliding_window"] if layer % 2 == 0 else None
    return config.get("sliding_window") if config["model_type"] == "mistral" else None


def attention(x: np.ndarray, config: dict, tensors: Tensors, prefix: str, window: int | None) -> np.ndarray:
    """Causal grouped-query attention of one layer; a query sees at most `window` keys."""
    length, heads = len(x), config["num_attention_heads"]
    kv_heads = config["num_key_value_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    parts = {}
    for part, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
        projected = x @ tensors[f"{prefix}{part}_proj.weight"].T + tensors.get(f"{prefix}{part}_proj.bias", 0)
        parts[part] = projected.reshape(length, count, head_dim)
        if f"{prefix}{part}_norm.weight" in tensors:
            parts[part] = rms_norm(parts[part], tensors[f"{prefix}{part}_norm.weight"], config["rms_norm_eps"])
    angles = np.arange(length)[:, None] * inverse_frequencies(config, head_dim, length)
    queries, keys = rotate(parts["q"], angles), rotate(parts["k"], angles)
    distance = np.arange(length)[:, None] - np.arange(length)[None]
    scale = config.get("query_pre_attn_scalar", head_dim) ** -0.5
    cap = config.get("attn_logit_softcapping")
    seen = (distance >= 0) & (distance < (window or length))
    out = np.empty_like(queries)
    for head in range(heads):
        kv_head = head // (heads // kv_heads)
        scores = queries[:, head] @ keys[:, kv_head].T * scale
        scores = scores if cap is None else cap * np.tanh(scores / cap)
        out[:, head] = softmax(np.where(seen, scores, -np.inf)) @ parts["v"][:, kv_head]
    return out.reshape(length, -1) @ tensors[f"{prefix}o_proj.weight"].T + tensors.get(f"{prefix}o_proj.bias", 0)


def backbone(ids: list[int], config: dict, tensors: Tensors) -> np.ndarray:
    """Hidden states [layers + 2, T, H] as golden.safetensors has them."""
    if config["model_type"] == "gemma2":
        return gemma_backbone(ids, config, tensors)
    x = tensors["model.embed_tokens.weight"][ids]
    states, eps = [x], config["rms_norm_eps"]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        normed = rms_norm(x, tensors[prefix + "input_layernorm.weight"], eps)
        x = x + attention(normed, config, tensors, prefix + "self_attn.", window_of(config, layer))
        normed = rms_norm(x, tensors[prefix + "post_attention_layernorm.weight"], eps)
        gate = normed @ tensors[prefix + "mlp.gate_proj.weight"].T
        up = normed @ tensors[prefix + "mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ tensors[prefix + "mlp.down_proj.weight"].T
        states.append(x)
    return np.stack(states + [rms_norm(x, tensors["model.norm.weight"], eps)])


def gemma_backbone(ids: list[int], config: dict, tensors: Tensors) -> np.ndarray:
    """The same for Gemma 2: scaled embeddings, a norm before and after each block."""
    x = tensors["model.embed_tokens.weight"][ids] * np.sqrt(config["hidden_size"])
    states, eps = [x], config["rms_norm_eps"]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."

        def norm(value: np.ndarray, name: str) -> np.ndarray:
            return gemma_norm(value, tensors[f"{prefix}{name}_layernorm.weight"], eps)

        mixed = attention(norm(x, "input"), config, tensors, prefix + "self_attn.", window_of(config, layer))
        x = x + norm(mixed, "post_attention")
        normed = norm(x, "pre_feedforward")
        gate = normed @ tensors[prefix + "mlp.gate_proj.weight"].T
        up = normed @ tensors[prefix + "mlp.up_proj.weight"].T
        x = x + norm((gelu_tanh(gate) * up) @ tensors[prefix + "mlp.down_proj.weight"].T, "post_feedforward")
        states.append(x)
    return np.stack(states + [gemma_norm(x, tensors["model.norm.weight"], eps)])


def verdict(row: dict, last_states: np.ndarray, config: dict, tensors: Tensors, pattern: list[int] | None) -> dict:
    """The head: a raw logit, or ArmoRM's rewards, gating, coefficients and score."""
    if pattern is None:
        return {"score": tensors["score.weight"][0] @ last_states[-1]}
    ids, size = row["ids"], len(pattern)
    gate_position = max(start for start in range(len(ids)) if ids[start : start + size] == pattern)
    x = last_states[gate_position]
    depth = config["gating_n_hidden"]
    for layer in range(depth + 1):
        x = tensors[f"gating.layers.{layer}.weight"] @ x + tensors[f"gating.layers.{layer}.bias"]
        x = np.maximum(x, 0) if layer < depth else x
    gating = softmax(x / config["gating_temperature"]) * tensors["gating.logit_scale"]
    rewards = tensors["regression_layer.weight"] @ last_states[-1]
    coefficients = tensors["reward_transform_matrix"] @ gating
    score = rewards @ coefficients  # the reference sums gating · (rewards · M): the same, in another order
    names = ["gate_position", "rewards", "gating", "coefficients", "score"]
    return dict(zip(names, [gate_position, rewards, gating, coefficients, score]))


def difference(computed: object, reference: object) -> float:
    expected = np.asarray(reference, dtype=np.float64)
    return float(np.max(np.abs(np.asarray(computed) - expected) / np.maximum(1, np.abs(expected))))


def check(folder: Path, config: dict) -> tuple[float, float]:
    """Largest relative difference of the hidden states and of the verdicts."""
    golden = json.loads((folder / "golden.json").read_text())
    recorded, tensors = read_safetensors(folder / "golden.safetensors"), read_checkpoint(folder)
    of_states, of_verdicts = [], []
    for row in golden["conversations"]:
        states = backbone(row["ids"], config, tensors)
        if row["name"] in golden["hidden_states"]:
            positions = recorded[f"{row['name']}.positions"]
            of_states.append(difference(states[:, positions], recorded[f"{row['name']}.hidden_states"]))
        computed = verdict(row, states[-1], config, tensors, golden["gating_pattern"])
        of_verdicts += [difference(value, row[key]) for key, value in computed.items()]
    assert len(of_states) == len(golden["hidden_states"])
    return max(of_states), max(of_verdicts)


def least_move(folder: Path, config: dict) -> tuple[float, str]:
    """The tensor that matters least: how far a score moves when it is spoilt."""
    golden = json.loads((folder / "golden.json").read_text())
    tensors = read_checkpoint(folder)
    row = next(row for row in golden["conversations"] if row["name"] == "system")
    moves = []
    for name in tensors:
        spoilt = tensors | {name: np.roll(tensors[name], 1) * 1.5}  # a scale alone passes Qwen3's q norm
        states = backbone(row["ids"], config, spoilt)
        computed = verdict(row, states[-1], config, spoilt, golden["gating_pattern"])
        moves.append((abs(float(np.squeeze(computed["score"])) - row["score"]), name))
    return min(moves)


def unknown(config: dict) -> str | None:
    """Why a checkpoint is not computed here; none where it is."""
    if config["model_type"] not in FAMILIES:
        return f"no second implementation of {config['model_type']}"
    if config.get("mlp_bias"):
        return "no second implementation of biases in every linear map"
    rope = rope_settings(config)["rope_type"]
    return None if rope in ROPES else f"no second implementation of the rope type {rope}"


def main() -> None:
    failed = False
    for folder in sorted(path for path in PARITY.iterdir() if path.is_dir()):
        if sys.argv[1:] and folder.name not in sys.argv[1:]:
            continue
        reason = unknown(json.loads((folder / "config.json").read_text()))
        if reason is not None:
            print(f"{folder.name:20} skipped: {reason}")
            continue
        for file in sorted(folder.glob("config*.json")):
            states, verdicts = check(folder, json.loads(file.read_text()))
            failed |= not max(states, verdicts) <= LIMIT
            print(f"{folder.name:20} {file.name:30} hidden states {states:.1e}  verdicts {verdicts:.1e}")
        move, name = least_move(folder, json.loads((folder / "config.json").read_text()))
        failed |= move < LEAST_MOVE
        print(f"{folder.name:20} {name} matters least: {move:.1e}")
    if failed:
        sys.exit(f"failed: a difference above {LIMIT} or a tensor that moves a score by less than {LEAST_MOVE}")


if __name__ == "__main__":
    main()
