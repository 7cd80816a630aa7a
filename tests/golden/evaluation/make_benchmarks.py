"""Writes benchmarks.json: what the benchmarks' own programs say of synthetic scores with many ties.

    git clone https://github.com/allenai/reward-bench            (seen: 05a9005)
    git clone https://github.com/THU-KEG/RM-Bench                (seen: 73c52d7)
    git clone https://github.com/ScalerLab/JudgeBench            (seen: e2c52c2)
    git clone https://github.com/QwenLM/ProcessBench             (seen: e802463)
    python make_benchmarks.py --reward-bench reward-bench --rm-bench RM-Bench \
        --judgebench JudgeBench --process-bench ProcessBench

Their functions are run as they are, taken out of their files by name, since the files import much
that scoring needs and averaging does not. PPE has no public program here: its figures are of
scikit-learn and scipy, and of every choice of k samples. Made with Python 3.11, NumPy 2, pandas,
scikit-learn and scipy.
"""

import argparse
import ast
import itertools
import json
import types
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd
from scipy.stats import kendalltau
from sklearn.metrics import roc_auc_score

here = Path(__file__).parent
random = np.random.default_rng(20)


class Dataset:
    """As much of datasets.Dataset as their functions use."""

    def __init__(self, frame):
        self.frame = frame.reset_index(drop=True)

    @classmethod
    def from_pandas(cls, frame):
        return cls(frame)

    def to_pandas(self):
        return self.frame

    @property
    def column_names(self):
        return list(self.frame.columns)

    def __len__(self):
        return len(self.frame)

    def __iter__(self):
        return iter(self.frame.to_dict("records"))

    def remove_columns(self, names):
        return Dataset(self.frame.drop(columns=names))

    def add_column(self, name, values):
        return Dataset(self.frame.assign(**{name: values}))


def taken(path, names, **more):
    """The functions and constants of a file by name, run with these globals."""
    space = dict(
        np=np, pd=pd, Dataset=Dataset, defaultdict=defaultdict,
        List=List, Tuple=Tuple, Dict=Dict, Any=Any, **more,
    )
    for node in ast.parse(Path(path).read_text()).body:
        name = getattr(node, "name", None) or getattr(getattr(node, "targets", [None])[0], "id", None)
        if name in names:
            exec(compile(ast.Module([node], []), str(path), "exec"), space)
    return types.SimpleNamespace(**{name: space[name] for name in names})


def scores(count):
    """Halves, so that a seventh of the comparisons are ties."""
    return [float(value) for value in np.round(random.normal(size=count) * 2) / 2]


def reward_bench(folder):
    constants = taken(folder / "rewardbench/constants.py", ["EXAMPLE_COUNTS", "SUBSET_MAPPING"])
    theirs = taken(folder / "rewardbench/utils.py", ["calculate_scores_per_section"])
    rows = [
        {"subset": subset, "scores": scores(2)}
        for subset in constants.EXAMPLE_COUNTS
        for _ in range(random.integers(5, 9))
    ]
    # As scripts/run_rm.py counts them.
    metrics = {}
    for subset in constants.EXAMPLE_COUNTS:
        results = [int(c > r) for c, r in (row["scores"] for row in rows if row["subset"] == subset)]
        metrics[subset] = sum(results) / len(results)
    sections = theirs.calculate_scores_per_section(
        constants.EXAMPLE_COUNTS, constants.SUBSET_MAPPING, metrics
    )
    score = float(np.mean(list(sections.values())))
    return {"rows": rows, "subsets": metrics, "sections": sections, "score": score}


def reward_bench_2(folder):
    theirs = taken(
        folder / "rewardbench/utils.py",
        ["reroll_and_score_dataset", "_compute_prompt_stats", "process_single_model"],
    )
    # process_single_model finds its helper among its globals.
    theirs.process_single_model.__globals__["_compute_prompt_stats"] = theirs._compute_prompt_stats
    rows = [
        {"id": f"{subset}-{index}", "subset": subset, "num_correct": 1, "scores": scores(4)}
        for subset in ["Factuality", "Precise IF", "Math", "Safety", "Focus"]
        for index in range(random.integers(7, 12))
    ]
    for prompt in range(9):
        right = int(random.integers(2, 5))
        rows.append({"id": f"ref:{prompt}", "subset": "ties", "num_correct": 1, "scores": tied(1)})
        rows.append(
            {"id": f"tied:{prompt}", "subset": "ties", "num_correct": right, "scores": tied(right)}
        )
    # No spread and no margin: 0 / 0; no spread and a margin: infinite.
    for ref, several in (([1.0, 1.0], [1.0, 1.0, 1.0]), ([2.0, 1.0], [3.0, 3.0, 1.0])):
        prompt += 1
        rows.append({"id": f"ref:{prompt}", "subset": "ties", "num_correct": 1, "scores": ref})
        rows.append({"id": f"tied:{prompt}", "subset": "ties", "num_correct": 2, "scores": several})
    figures = {}
    plain = [row for row in rows if row["subset"] != "ties"]
    flat = pd.DataFrame(
        [
            {"id": row["id"], "subset": row["subset"], "text": "", "scores": score}
            for row in plain
            for score in row["scores"]
        ]
    )
    rerolled = theirs.reroll_and_score_dataset(
        Dataset(flat), [len(row["scores"]) for row in plain], cols_to_combine=["text", "scores"]
    )
    for subset in rerolled.frame["subset"].unique():
        results = rerolled.frame[rerolled.frame["subset"] == subset]["results"].tolist()
        figures[subset] = sum(results) / len(results)  # scripts/run_v2.py
    ties = pd.DataFrame([row for row in rows if row["subset"] == "ties"])
    with np.errstate(divide="ignore", invalid="ignore"):
        _, figures["ties"] = theirs.process_single_model(Dataset(ties))
    return {"rows": rows, "subsets": figures, "score": sum(figures.values()) / len(figures)}


def tied(right):
    """Right answers near each other and mostly above three wrong ones."""
    good = np.round(1.5 + random.normal(size=right) * 0.5, 1)
    return [float(value) for value in good] + [float(v) for v in np.round(random.normal(size=3), 1)]


def rm_bench(folder):
    theirs = taken(folder / "scripts/utils.py", ["split_dataset_by_domain", "compute_accuracy"])
    theirs.compute_accuracy.__globals__.update(vars(theirs))
    rows = [
        {"domain": domain, "score_chosen": scores(3), "score_rejected": scores(3)}
        for domain in ["chat", "code", "math", "safety-refuse", "safety-response"]
        for _ in range(random.integers(7, 14))
    ]
    figures = theirs.compute_accuracy([dict(row) for row in rows])
    return {"rows": rows, "figures": {name: float(value) for name, value in figures.items()}}


def judge_bench(folder):
    theirs = taken(folder / "utils/metrics.py", ["flip_judgment", "compute_final_metrics"])
    theirs.compute_final_metrics.__globals__.update(vars(theirs))
    rows = [
        {"source": source, "label": str(random.choice(["A>B", "B>A"])), "scores": scores(2)}
        for source in ["mmlu-pro-law", "mmlu-pro-math", "livebench-reasoning", "livebench-math",
                       "livecodebench"]
        for _ in range(random.integers(6, 11))
    ]
    # As its judges that are reward models decide, in both orders.
    pairs = [
        {
            **row,
            "judgments": [
                {"decision": "A>B" if a > b else "B>A"} for a, b in (row["scores"], row["scores"][::-1])
            ],
        }
        for row in rows
    ]
    figures = {
        source or "all": theirs.compute_final_metrics(
            pairs, True, include_fn=lambda pair: pair["source"].startswith(source)
        )
        for source in ["mmlu-pro", "livebench-reasoning", "livebench-math", "livecodebench", ""]
    }
    return {"rows": rows, "percent": figures}


def process_bench(folder):
    """Its main(), with a server that answers by the scores, and its means overheard."""
    sets = ["gsm8k", "math", "olympiadbench", "omnimath"]
    rows = []
    for name in sets:
        for index in range(12):
            steps = int(random.integers(2, 6))
            step_scores = [float(value) for value in np.round(random.uniform(0.2, 1, steps), 1)]
            low = [at for at, score in enumerate(step_scores) if score < 0.5]
            label = [-1, int(random.integers(steps)), (low or [0])[0]][index % 3]
            rows.append({"id": f"{name}-{index}", "step_scores": step_scores, "label": label})

    def load_dataset(_, split):
        return [
            {**row, "problem": row["id"], "steps": [str(i) for i in range(len(row["step_scores"]))]}
            for row in rows
            if row["id"].startswith(split + "-")
        ]

    def create(messages, **_):
        asked = [message for message in messages if message["role"] == "user"]
        row = next(row for row in rows if asked[0]["content"].startswith(row["id"] + "\n"))
        said = "+" if row["step_scores"][len(asked) - 1] >= 0.5 else "-"
        message = types.SimpleNamespace(content=said)
        return types.SimpleNamespace(choices=[types.SimpleNamespace(message=message)])

    class Pool:
        def __init__(self, _): pass
        def __enter__(self): return self
        def __exit__(self, *_): pass
        def imap(self, work, items): return map(work, items)

    class Sink:
        def __enter__(self): return self
        def __exit__(self, *_): pass
        def write(self, _): pass

    heard, printed = [], []
    mean = lambda values: heard.append(float(np.mean(values))) or np.mean(values)
    completions = types.SimpleNamespace(create=create)
    space = {
        "np": types.SimpleNamespace(mean=mean),
        "json": json,
        "os": types.SimpleNamespace(makedirs=lambda *_, **__: None),
        "Pool": Pool,
        "tqdm": lambda items, **_: items,
        "OpenAI": lambda **_: types.SimpleNamespace(chat=types.SimpleNamespace(completions=completions)),
        "load_dataset": load_dataset,
        "open": lambda *_: Sink(),
        "print": printed.append,
    }
    tree = ast.parse((folder / "code/run_eval_prm_rlhflow.py").read_text())
    main = next(node for node in tree.body if getattr(node, "name", "") == "main")
    exec(compile(ast.Module([main], []), "run_eval_prm_rlhflow.py", "exec"), space)
    space["main"]()
    figures = {
        name: {"wrong": heard[2 * at], "right": heard[2 * at + 1],
               "f1": float(printed[at].split("f1: ")[1])}
        for at, name in enumerate(sets)
    }
    return {"rows": rows, "figures": figures}


def ppe():
    models = ["a", "b", "c"]
    rows = []
    for model in models:
        for _ in range(5):
            correct = [bool(value) for value in random.random(6) < 0.5]
            pairs = [
                [i, j] for i, j in itertools.permutations(range(6), 2)
                if correct[i] != correct[j] and random.random() < 0.3
            ]
            rows.append({"model_name": model, "correct": correct, "scores": scores(6),
                         "sampled_conflict_pairs": pairs})
    rows[3]["correct"] = [True] * 6  # no area under a curve
    rows[3]["sampled_conflict_pairs"] = []
    auc = [
        roc_auc_score(row["correct"], row["scores"]) for row in rows if len(set(row["correct"])) == 2
    ]

    def best_of(row, k):
        picks = []
        for chosen in itertools.combinations(range(6), k):
            top = max(row["scores"][i] for i in chosen)
            picks.append(np.mean([row["correct"][i] for i in chosen if row["scores"][i] == top]))
        return np.mean(picks)

    def oracle(row, k):
        return np.mean([
            any(row["correct"][i] for i in chosen) for chosen in itertools.combinations(range(6), k)
        ])

    curve = [float(np.mean([best_of(row, k) for row in rows])) for k in range(1, 7)]
    ideal = [float(np.mean([oracle(row, k) for row in rows])) for k in range(1, 7)]
    by_model = [
        [np.mean([np.mean(row[column]) for row in rows if row["model_name"] == model])
         for model in models]
        for column in ("scores", "correct")
    ]
    won = [
        (row["scores"][i] > row["scores"][j]) + 0.5 * (row["scores"][i] == row["scores"][j])
        for row in rows
        for i, j in (pair if row["correct"][pair[0]] else pair[::-1]
                     for pair in row["sampled_conflict_pairs"])
    ]
    return {
        "rows": rows,
        "auc": float(np.mean(auc)),
        "curve": curve,
        "loss": float(np.mean((np.array(ideal) - np.array(curve)) ** 2)),
        "tau": float(kendalltau(*by_model).statistic),
        "accuracy": float(np.mean(won)),
    }


def main():
    parser = argparse.ArgumentParser()
    for name in ["reward-bench", "rm-bench", "judgebench", "process-bench"]:
        parser.add_argument(f"--{name}", type=Path, required=True)
    folders = parser.parse_args()
    golden = {
        "rewardbench": reward_bench(folders.reward_bench),
        "rewardbench2": reward_bench_2(folders.reward_bench),
        "rm-bench": rm_bench(folders.rm_bench),
        "judgebench": judge_bench(folders.judgebench),
        "processbench": process_bench(folders.process_bench),
        "ppe": ppe(),
    }
    text = json.dumps(golden, separators=(",", ":")).replace('},{"', '},\n{"') + "\n"
    (here / "benchmarks.json").write_text(text)


main()
