"""What make_key_effects.py does, for InternLM2, which transformers has no config class of: the reference is
the class that parity_internlm2.py writes out. Only keys that its modules read are changed; `defaults` are
those of the published configuration_internlm2.py.

    python make_key_effects_internlm2.py   (torch)
"""

import json
import sys
from pathlib import Path

import torch

GOLDEN = Path(__file__).parent.parent
sys.path.insert(0, str(GOLDEN))
from parity_internlm2 import load  # noqa: E402

FOLDER = GOLDEN / "parity" / "internlm2"
DEFAULTS = {
    "hidden_act": "silu",
    "num_key_value_heads": None,
    "rms_norm_eps": 1e-6,
    "bias": True,
    "rope_theta": 10000,
    "rope_scaling": None,
    "attn_implementation": "eager",
}
CHANGES = [
    {"rms_norm_eps": 0.1},
    {"rope_theta": 500.0},
    {"rope_scaling": {"type": "linear", "factor": 2.0}},
    {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
    {"rope_scaling": {"type": "dynamic", "factor": 4.0}, "max_position_embeddings": 32},
    {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 500.0},
    {"attn_implementation": "flash_attention_2"},
    {"max_position_embeddings": 1024},
]
# What the class refuses, or would make weights up for.
REFUSED = [
    {"rope_scaling": {"type": "yarn", "factor": 2.0}},
    {"rope_scaling": {"type": "llama3", "factor": 2.0}},
    {"bias": True},
    {"num_key_value_heads": 3},
    {"num_attention_heads": 3},
    {"hidden_size": 64},
    {"intermediate_size": 64},
    {"vocab_size": 400},
    {"num_hidden_layers": 3},
]


def main() -> None:
    torch.set_num_threads(1)
    recorded = json.loads((FOLDER / "golden.json").read_text())["conversations"]
    conversation = next(one for one in recorded if one["name"] == "system")
    ids = torch.tensor([conversation["ids"]])

    def score(changes: dict) -> float:
        with torch.no_grad():
            return load(FOLDER, changes).eval()(ids)[0, 0].item()

    base = score({})
    assert abs(base - conversation["score"]) < 1e-4
    rows = [[changes, round(score(changes), 7)] for changes in CHANGES] + [[changes, None] for changes in REFUSED]
    for changes, changed in rows:
        print(changes, changed if changed is None else round(changed - base, 4))
    told = {"made_with": {"torch": torch.__version__.split("+")[0]}, "model": "internlm2", "conversation": "system"}
    lines = ",\n".join(json.dumps(row) for row in rows)
    head = json.dumps(told | {"score": base})[:-1]
    (Path(__file__).parent / "key_effects" / "internlm2.json").write_text(
        f'{head},\n"defaults": {json.dumps(DEFAULTS)},\n"changes": [\n{lines}\n]}}\n')


main()
