"""A LoRA adapter as PEFT saves it, on the parity checkpoint `llama`, and the weights it merges to.

    pip install peft==0.21.2
    python make_peft_adapter.py    # writes peft_adapter/ beside this script

rsLoRA with a rank and an alpha of their own for one module, and the score head saved whole. The
merged weights are those of `merge_and_unload()` in float32; the scores are of the adapter as PEFT
runs it, unmerged, on the first conversations of the parity checkpoint.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification

HERE = Path(__file__).parent
torch.manual_seed(11)
base = AutoModelForSequenceClassification.from_pretrained(
    HERE.parent / "parity" / "llama", dtype=torch.float32
)
config = LoraConfig(
    task_type="SEQ_CLS",
    r=2,
    lora_alpha=6,
    use_rslora=True,
    target_modules=["q_proj", "down_proj"],
    rank_pattern={"layers.1.mlp.down_proj": 3},
    alpha_pattern={"layers.1.mlp.down_proj": 10},
)
model = get_peft_model(base, config)
for name, parameter in model.named_parameters():
    if "lora_B" in name or "modules_to_save" in name:
        torch.nn.init.normal_(parameter, std=0.3)
folder = HERE / "peft_adapter"
model.save_pretrained(folder)
(folder / "README.md").unlink(missing_ok=True)
settings = json.loads((folder / "adapter_config.json").read_text())
settings["base_model_name_or_path"] = "llama"  # not the path on the machine that made it
(folder / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
conversations = json.loads((HERE.parent / "parity" / "llama" / "golden.json").read_text())
model.eval()
scores = {}
with torch.no_grad():
    for conversation in conversations["conversations"][:4]:
        logits = model(input_ids=torch.tensor([conversation["ids"]])).logits
        scores[conversation["name"]] = logits.item()
merged = model.merge_and_unload().state_dict()
names = ["model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight",
         "model.layers.0.mlp.up_proj.weight", "score.weight"]
rows = {name: merged[name][:3, :5].tolist() for name in names}
sums = {name: merged[name].double().sum().item() for name in names}
(folder / "merged.json").write_text(json.dumps({"rows": rows, "sums": sums, "scores": scores}) + "\n")
print(sorted(path.name for path in folder.iterdir()))
