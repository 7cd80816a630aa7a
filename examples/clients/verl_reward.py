"""A reward function for verl that asks `assay serve`, with every objective as an extra, which `gdpo`
reads. It needs nothing but Python itself.

    reward.custom_reward_function.path=examples/clients/verl_reward.py
    reward.custom_reward_function.name=compute_score

A sample that can't be scored gets 0 and `failed`: verl has no place for a missing reward.
"""

import asyncio
import json
import os
import urllib.error
import urllib.request

URL = os.environ.get("ASSAY_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("ASSAY_KEY")
TRIES = 6


def _ask(body):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {KEY}"} if KEY else {})
    request = urllib.request.Request(f"{URL}/v1/score", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            return response.status, json.load(response), 0.0
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), float(error.headers.get("retry-after", 1))


def _prompt(extra_info):
    """The prompt as messages, wherever the data set keeps it."""
    found = (extra_info or {}).get("prompt") or (extra_info or {}).get("raw_prompt") or (extra_info or {}).get("question")
    if found is None:
        raise KeyError("verl_reward.py looks for the prompt in extra_info: prompt, raw_prompt or question")
    return found if isinstance(found, str) else [dict(message) for message in found]


async def compute_score(data_source, solution_str, ground_truth, extra_info=None, **_):
    """The score of one sample, with the same keys in every one of them."""
    body = {"prompt": _prompt(extra_info), "response": solution_str, "explain": True}
    for attempt in range(TRIES):
        status, answer, pause = await asyncio.to_thread(_ask, body)
        if status not in (429, 503):
            break
        await asyncio.sleep(pause * 2**attempt)
    failed = status != 200 or answer.get("score") is None
    extras = {} if failed else dict(answer.get("rewards") or {})
    return {"score": 0.0 if failed else answer["score"], "failed": float(failed), **extras}
