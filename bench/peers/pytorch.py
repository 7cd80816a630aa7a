"""PyTorch through transformers on the CPU, as the bench measures it: token ids in, a score out.

Speaks the protocol of serve.ts, with a Python that has torch and transformers:
ASSAY_BENCH_PYTHON names it.
"""

import json
import os
import platform
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"  # the checkpoint is a folder

import torch
import transformers

MARK = "@assay-bench "


def say(message):
    print(f"\n{MARK}{json.dumps(message)}", flush=True)


def main():
    options = json.loads(sys.argv[1])
    torch.set_num_threads(options["threads"])
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        options["checkpoint"], dtype=getattr(torch, options["dtype"]), local_files_only=True
    ).eval()
    model.config.use_cache = False  # nothing is generated

    def score(sequences):
        with torch.inference_mode():
            return [
                model(input_ids=torch.tensor([ids])).logits[0, 0].float().item()
                for ids in sequences
            ]

    libraries = {"MKL": torch.backends.mkl, "oneDNN": torch.backends.mkldnn}
    say({
        "facts": {
            "versions": f"PyTorch {torch.__version__}, transformers {transformers.__version__}, "
            f"Python {platform.python_version()}",
            "libraries": ", ".join(
                name for name, library in libraries.items() if library.is_available()
            ),
            "attention": model.config._attn_implementation,
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "threads": str(torch.get_num_threads()),
        }
    })
    for line in sys.stdin:
        sequences = json.loads(line)["sequences"]
        start = time.perf_counter()
        numbers = score(sequences)
        milliseconds = 1000 * (time.perf_counter() - start)
        say({"milliseconds": milliseconds, "numbers": numbers})


main()
