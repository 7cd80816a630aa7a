"""One step of TRL's GRPOTrainer on a tiny random policy whose rewards come from `assay serve`.

    ASSAY_URL=http://127.0.0.1:8000 python tests/clients/trl_check.py

Run by trl_test.ts. Made for trl 1.16.0, transformers 5.24.0, torch 2.15.0 (CPU). Prints a line of JSON: what the
trainer logged, and what the server was asked.
"""

import json
import sys
import tempfile
from pathlib import Path

import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples" / "clients"))
from trl_reward import assay_reward, objective_reward  # noqa: E402

torch.manual_seed(1)
torch.set_num_threads(1)
tokenizer = PreTrainedTokenizerFast.from_pretrained(ROOT / "tests/golden/parity/armo")
config = LlamaConfig(
    vocab_size=len(tokenizer),
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    bos_token_id=tokenizer.bos_token_id,
    eos_token_id=tokenizer.eos_token_id,
    pad_token_id=tokenizer.pad_token_id,
)
seen = []


def seen_reward(prompts, completions, **columns):
    """The reward function of the example, remembered."""
    rewards = assay_reward(prompts, completions, **columns)
    seen.extend({"prompt": p, "completion": c, "reward": r} for p, c, r in zip(prompts, completions, rewards))
    return rewards


prompts = ["How much is 2+2?", [{"role": "user", "content": "Hi"}]][int(sys.argv[1]) if sys.argv[1:] else 0]
with tempfile.TemporaryDirectory() as folder:
    arguments = GRPOConfig(
        output_dir=folder,
        max_steps=1,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=8,
        use_cpu=True,
        report_to=[],
        logging_steps=1,
        save_strategy="no",
        bf16=False,
    )
    trainer = GRPOTrainer(
        model=LlamaForCausalLM(config),
        reward_funcs=[seen_reward, objective_reward("helpsteer-helpfulness")],
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": prompts}] * 4),
        processing_class=tokenizer,
    )
    trainer.train()
log = next(entry for entry in trainer.state.log_history if "reward" in entry)
print("RESULT " + json.dumps({"log": log, "seen": seen}))
