"""A reward function for TRL's trainers (GRPOTrainer, RLOOTrainer, OnlineDPOTrainer …) that asks
`assay serve`. It needs nothing but Python itself.

    from trl_reward import assay_reward
    trainer = GRPOTrainer(model=…, reward_funcs=[assay_reward], …)

A completion that can't be scored gets None, which TRL leaves out of the group's mean.
"""

import json
import os
import time
import urllib.error
import urllib.request

URL = os.environ.get("ASSAY_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("ASSAY_KEY")
TRIES = 6


def ask(path, body):
    """Posts JSON; tries again where the server says that this helps."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {KEY}"} if KEY else {})
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    for attempt in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=600) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or attempt == TRIES - 1:
                raise RuntimeError(f"{path}: {error.code} {error.read().decode()[:500]}") from error
            time.sleep(float(error.headers.get("retry-after", 1)) * 2**attempt)


def row(prompt, completion):
    """Prompts and completions are texts, or lists of messages."""
    if isinstance(completion, str):
        return {"prompt": prompt, "response": completion}
    before = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    return {"messages": before + completion}


def assay_reward(prompts, completions, **_):
    """The score of each completion, None where it has none."""
    rows = [row(prompt, completion) for prompt, completion in zip(prompts, completions)]
    return [answer.get("score") for answer in ask("/v1/score", {"rows": rows})["rows"]]


def objective_reward(name):
    """A reward function of one objective of a model that has several, for `reward_weights`."""

    def reward(prompts, completions, **_):
        rows = [row(prompt, completion) for prompt, completion in zip(prompts, completions)]
        answers = ask("/v1/score", {"rows": rows, "explain": True})["rows"]
        return [(answer.get("rewards") or {}).get(name) for answer in answers]

    reward.__name__ = f"assay_{name}"
    return reward
