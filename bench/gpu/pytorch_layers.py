"""PyTorch on the same GPU, weights and token ids as layers.ts.

    pytorch_layers.py make FOLDER   writes FOLDER/model.safetensors: random, bf16, made on the GPU
    pytorch_layers.py run FOLDER    prints a line of JSON for each precision and case

Plain modules (F.rms_norm, F.scaled_dot_product_attention): what a careful user would write. The
conversations of a case have one length, so PyTorch takes them as one batch without padding, its best
case. Times are from ids on the device to scores on the host.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

what, folder = sys.argv[1:3]
device = "cuda" if torch.cuda.is_available() else "cpu"
with open(f"{folder}/config.json") as file:
    config = json.load(file)
hidden, wide, layers = (config[f"{name}"] for name in ("hidden_size", "intermediate_size", "num_hidden_layers"))
heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
head_dim = hidden // heads


def make():
    random = torch.Generator(device).manual_seed(1)

    def linear(outputs, inputs, deviation=None):
        numbers = torch.randn(outputs, inputs, device=device, generator=random)
        return (numbers * (deviation or inputs**-0.5)).bfloat16().cpu()

    def norm():
        return (1 + 0.1 * torch.randn(hidden, device=device, generator=random)).bfloat16().cpu()

    tensors = {"model.embed_tokens.weight": linear(config["vocab_size"], hidden, 1.0)}
    keys = key_heads * head_dim
    for layer in range(layers):
        name = f"model.layers.{layer}."
        tensors[name + "input_layernorm.weight"] = norm()
        tensors[name + "post_attention_layernorm.weight"] = norm()
        for part, outputs, inputs in [
            ("self_attn.q_proj", hidden, hidden),
            ("self_attn.k_proj", keys, hidden),
            ("self_attn.v_proj", keys, hidden),
            ("self_attn.o_proj", hidden, hidden),
            ("mlp.gate_proj", wide, hidden),
            ("mlp.up_proj", wide, hidden),
            ("mlp.down_proj", hidden, wide),
        ]:
            tensors[f"{name}{part}.weight"] = linear(outputs, inputs)
    tensors["model.norm.weight"] = norm()
    tensors["score.weight"] = linear(1, hidden)
    save_file(tensors, f"{folder}/model.safetensors", {"format": "pt"})


def one_layer(x, cos, sin, before, q, k, v, o, after, gate, up, down):
    count, tokens = x.shape[:2]
    half, epsilon = head_dim // 2, config["rms_norm_eps"]

    def turn(t):
        return t * cos + torch.cat([-t[..., half:], t[..., :half]], -1) * sin

    def split(t, n):
        return t.view(count, tokens, n, head_dim).transpose(1, 2)

    h = F.rms_norm(x, (hidden,), before, epsilon)
    q, k, v = split(F.linear(h, q), heads), split(F.linear(h, k), key_heads), split(F.linear(h, v), key_heads)
    a = F.scaled_dot_product_attention(turn(q), turn(k), v, is_causal=True, enable_gqa=True)
    x = x + F.linear(a.transpose(1, 2).reshape(count, tokens, -1), o)
    h = F.rms_norm(x, (hidden,), after, epsilon)
    return x + F.linear(F.silu(F.linear(h, gate)) * F.linear(h, up), down)


def forward(layer, weights, ids):
    x = F.embedding(ids, weights["model.embed_tokens.weight"])
    inverse = config["rope_theta"] ** (-torch.arange(0, head_dim, 2, device=ids.device).double() / head_dim)
    angles = torch.outer(torch.arange(ids.shape[1], device=ids.device).double(), inverse)
    cos, sin = (torch.cat([f(angles)] * 2, -1).to(x.dtype) for f in (torch.cos, torch.sin))
    names = [
        "input_layernorm",
        *(f"self_attn.{name}_proj" for name in "qkvo"),
        "post_attention_layernorm",
        *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
    ]
    for i in range(layers):
        x = layer(x, cos, sin, *(weights[f"model.layers.{i}.{name}.weight"] for name in names))
    last = F.rms_norm(x[:, -1], (hidden,), weights["model.norm.weight"], config["rms_norm_eps"])
    return F.linear(last, weights["score.weight"])[:, 0].float()


def seconds(work, limit=4.0, least=3, most=9):
    work(), work()
    taken, start = [], time.perf_counter()
    while len(taken) < least or (len(taken) < most and time.perf_counter() - start < limit):
        if device == "cuda":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        scores = work()  # its .cpu() waits
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken), scores


def run():
    stored = load_file(f"{folder}/model.safetensors")
    with open(f"{folder}/cases.json") as file:
        cases = json.load(file)
    # f32 proper; f32 whose products go through tf32 matrix units; bf16. Compiled where people compile.
    precisions = [
        ("f32", torch.float32, False, False),
        ("tf32", torch.float32, True, False),
        ("bf16", torch.bfloat16, False, False),
        ("bf16 compiled", torch.bfloat16, False, True),
    ]
    if device == "cpu":
        precisions = precisions[:1]
    for name, dtype, tf32, compiled in precisions:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        weights = {key: value.to(device, dtype) for key, value in stored.items()}
        layer = torch.compile(one_layer, dynamic=False) if compiled else one_layer
        for case in cases:
            ids = torch.tensor(case["ids"], device=device)
            row = dict(row="pytorch", engine=f"PyTorch {torch.__version__}, {name}")
            row |= dict(count=case["count"], tokens=case["tokens"])
            try:
                with torch.inference_mode():
                    taken, scores = seconds(lambda: forward(layer, weights, ids).cpu())
                row |= dict(milliseconds=1000 * taken, scores=scores.tolist())
            except Exception as error:  # out of memory, or a compiler that is not there
                row |= dict(error=f"{type(error).__name__}: {error}"[:300])
            print(json.dumps(row), flush=True)
        del weights


make() if what == "make" else run()
