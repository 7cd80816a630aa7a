"""Score a data set with Ray: `ray.data` spreads the rows, servers of Assay score them.

    assay serve ./my-model --port 8000                # on one machine or several
    python score_with_ray.py pairs.parquet scored --server http://localhost:8000

The rows are those of `assay score`, and so are the columns that come back, to the last bit: servers of one
identity (`/v1/identity`) give the same, whichever of them is asked. Needs `ray[data]`; what talks to the
servers is Python's own library alone, and runs without Ray:

    python score_with_ray.py rows.jsonl - --server http://localhost:8000   # JSON Lines to standard output
"""

import argparse
import hashlib
import http.client
import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TRIES = 8


class WrongServer(RuntimeError):
    """A server that will not do, however often it is asked."""


def digest(data):
    """The first 128 bits of a SHA-256, as Assay's headers have them."""
    return hashlib.sha256(data).hexdigest()[:32]


def identity_of(server, key=None, timeout=30):
    """What a server's bits depend on: `{"digest": …, "identity": {…}}`."""
    request = urllib.request.Request(server.rstrip("/") + "/v1/identity", headers=_headers(key))
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def score_rows(rows, servers, identity=None, key=None, explain=False, timeout=330):
    """Scores rows (dicts) with one of the servers, another one where that fails.

    :param identity: the digest that all rows are to be of; `identity_of` tells it.
    :returns: the rows with their columns, in order; one that can't be scored has an `error`.
    """
    body = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    query = "?" + urllib.parse.urlencode({"explain": 1}) if explain else ""
    order = random.sample(servers, len(servers))
    for attempt in range(TRIES):
        server = order[attempt % len(order)].rstrip("/")
        try:
            return _ask(server + "/v1/rows", query, body, len(rows), identity, key, timeout)
        except urllib.error.HTTPError as error:
            if error.code == 413 and len(rows) > 1:  # more than the server takes at once
                middle = len(rows) // 2
                rest = (servers, identity, key, explain, timeout)
                return score_rows(rows[:middle], *rest) + score_rows(rows[middle:], *rest)
            if error.code not in (429, 500, 502, 503, 504):
                raise WrongServer(f"{server} answers {error.code}: {error.read()[:500]}") from error
            wait = float(error.headers.get("retry-after") or 1)
            reason = f"{server} answers {error.code}"
        except (OSError, http.client.HTTPException, ValueError) as error:  # no connection, a cut answer
            wait, reason = 0.2, f"{server}: {error}"
        if attempt + 1 < TRIES:
            time.sleep(wait * (0.5 + random.random()) * min(2 ** (attempt // len(order)), 30))
    raise RuntimeError(f"no server gave an answer in {TRIES} tries; the last one: {reason}")


def _ask(url, query, body, count, identity, key, timeout):
    headers = {"content-type": "application/x-ndjson", **_headers(key)}
    request = urllib.request.Request(url + query, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        data, told = answer.read(), answer.headers
    if told.get("assay-request") != digest(f"{query} {digest(body)}".encode()):
        raise ValueError("the answer is to other rows, or none of Assay's")
    if told.get("assay-body") != digest(data):
        raise ValueError("the answer is not whole")
    if identity is not None and told.get("assay-identity") != identity:
        raise WrongServer(f"{url} computes with something else than the others: see /v1/identity")
    rows = [json.loads(line) for line in data.decode().split("\n")[:-1]]
    if len(rows) != count:
        raise ValueError(f"expected {count} rows, found {len(rows)}")
    return rows


def _headers(key):
    return {} if key is None else {"authorization": f"Bearer {key}"}


def one_identity(servers, key=None):
    """The digest of the servers' identity; refuses servers that differ."""
    told = {server: identity_of(server, key) for server in servers}
    first = told[servers[0]]
    for server, other in told.items():
        if other["digest"] != first["digest"]:
            ours, theirs = first["identity"], other["identity"]
            parts = [part for part in ours if ours[part] != theirs.get(part)]
            raise WrongServer(f"{servers[0]} and {server} would give other bits: they differ in {parts}")
    return first["digest"]


def score_with_ray(source, target, servers, key, explain, batch):
    import ray

    identity = one_identity(servers, key)

    def score(table):
        import pyarrow as pa

        return pa.Table.from_pylist(score_rows(table.to_pylist(), servers, identity, key, explain))

    read = ray.data.read_json if source.endswith((".jsonl", ".json")) else ray.data.read_parquet
    # As many at once as keep the servers busy: each has a queue, and refuses what is too much for it.
    scored = read(source).map_batches(
        score, batch_size=batch, batch_format="pyarrow", num_cpus=0.1, concurrency=4 * len(servers)
    )
    scored.write_parquet(target)


def main():
    parser = argparse.ArgumentParser(description="Score a data set with servers of Assay, by Ray.")
    parser.add_argument("source", help="Parquet or JSON Lines; without Ray JSON Lines")
    parser.add_argument("target", help="a folder for Parquet files; - for JSON Lines, without Ray")
    parser.add_argument("--server", action="append", required=True)
    parser.add_argument("--api-key-file")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--batch", type=int, default=64, help="rows of a request")
    options = parser.parse_args()
    key = None
    if options.api_key_file:
        with open(options.api_key_file, encoding="utf-8") as file:
            key = file.read().strip()
    if options.target != "-":
        score_with_ray(
            options.source, options.target, options.server, key, options.explain, options.batch
        )
        return
    identity = one_identity(options.server, key)
    with open(options.source, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    for start in range(0, len(rows), options.batch):
        some = rows[start : start + options.batch]
        for row in score_rows(some, options.server, identity, key, options.explain):
            sys.stdout.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
