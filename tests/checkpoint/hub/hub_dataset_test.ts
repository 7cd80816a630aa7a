import assert from "node:assert/strict";
import { selectedFiles } from "../../../src/checkpoint/hub/dataset_files.ts";
import { parseDatasetName } from "../../../src/checkpoint/hub/dataset_name.ts";
import { hubDataset } from "../../../src/checkpoint/hub/hub_dataset.ts";
import { HubServer } from "./hub_server.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const rows = (...ids: number[]) => bytes(ids.map((id) => `{"id":${id}}\n`).join(""));

const files = {
  "README.md": bytes("# A data set"),
  "dataset_infos.json": bytes("{}"),
  "data/test-00000-of-00002.jsonl": rows(1, 2),
  "data/test-00001-of-00002.jsonl": rows(3),
  "data/train-00000-of-00001.jsonl": rows(4),
};

async function withHub(
  use: (hub: HubServer, options: { endpoint: string; cache: string }) => Promise<void>,
): Promise<void> {
  await using hub = new HubServer(files, "datasets/org/name");
  const cache = await Deno.makeTempDir();
  try {
    await use(hub, { endpoint: hub.endpoint, cache });
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("a data set's split comes into the cache as Python keeps it, and needs no network again", async () => {
  await withHub(async (hub, options) => {
    const found = await hubDataset("hf:datasets/org/name:test", options);
    assert.equal(found.name, `hf:datasets/org/name@${"a".repeat(40)}`);
    const texts = await Promise.all(found.files.map((file) => Deno.readTextFile(file)));
    assert.equal(texts.join(""), '{"id":1}\n{"id":2}\n{"id":3}\n');
    assert.ok(found.files[0]!.includes("/datasets--org--name/snapshots/"));
    assert.equal(hub.sentOf("data/train-00000-of-00001.jsonl"), 0);
    const asked = hub.requests.length;
    const again = await hubDataset("hf:datasets/org/name:test", { ...options, offline: true });
    assert.deepEqual(again, found);
    assert.equal(hub.requests.length, asked);
    await assert.rejects(
      hubDataset("hf:datasets/org/name:train", { ...options, offline: true }),
      { code: "checkpoint/not-in-cache" },
    );
  });
});

Deno.test("a split that only a newer commit of a branch has is found", async () => {
  await withHub(async (hub, options) => {
    await hubDataset("hf:datasets/org/name:test", options);
    const newer = "b".repeat(40);
    hub.commits.set(newer, { ...files, "data/dev.jsonl": rows(5) });
    hub.branches.set("main", newer);
    const dev = "hf:datasets/org/name:dev";
    await assert.rejects(hubDataset(dev, { ...options, offline: true }), {
      code: "checkpoint/no-dataset-files",
    });
    assert.equal((await hubDataset(dev, options)).name, `hf:datasets/org/name@${newer}`);
  });
});

Deno.test("a data set's download goes on where it was cut, and wrong bytes are refused", async () => {
  await withHub(async (hub, options) => {
    const path = "data/train-00000-of-00001.jsonl";
    let cuts = 0;
    hub.change = (answer, { url }) =>
      url.pathname.endsWith(path) && cuts++ === 0 ? { ...answer, cut: 4 } : answer;
    await hubDataset("hf:datasets/org/name:train", { ...options, backoff: 1 });
    assert.equal(hub.sentOf(path), files[path].length);
    hub.change = (answer, { url }) =>
      url.pathname.includes("/resolve/") ? { ...answer, body: bytes("{}".repeat(9)) } : answer;
    await assert.rejects(
      hubDataset("hf:datasets/org/name:test", { ...options, backoff: 1 }),
      { code: "checkpoint/hub-wrong-hash" },
    );
  });
});

Deno.test("which rows of a data set are wanted is never guessed", () => {
  const listed = (...paths: string[]) =>
    paths.map((path) => ({ path, size: 1, blobId: "b".repeat(40) }));
  const all = listed(
    "README.md",
    "main/test-00000-of-00001.parquet",
    "main/train-00000-of-00001.parquet",
    "other/test.jsonl",
    "rmb/chat/a.json",
    "rmb/code/b.json",
  );
  const of = (selection?: string) =>
    selectedFiles("hf:datasets/o/n", all, selection).map(({ path }) => path);
  assert.deepEqual(of("main/test"), ["main/test-00000-of-00001.parquet"]);
  assert.deepEqual(of("train"), ["main/train-00000-of-00001.parquet"]);
  assert.deepEqual(of("other/test.jsonl"), ["other/test.jsonl"]);
  assert.deepEqual(of("rmb"), ["rmb/chat/a.json", "rmb/code/b.json"]);
  assert.throws(() => of("test"), { code: "checkpoint/unclear-dataset" });
  assert.throws(() => of("main"), /expected one split, found 2: main\/test, main\/train/);
  assert.throws(() => of(), { code: "checkpoint/unclear-dataset" });
  assert.throws(() => of("dev"), /of "dev", found those of main\/test/);
  assert.throws(() => selectedFiles("x", listed("data.zip"), undefined), /found none/);
});

Deno.test("names of data sets are refused where they could be a path", () => {
  assert.deepEqual(parseDatasetName("hf:datasets/org/name@v1:data/x.jsonl"), {
    repo: "datasets/org/name",
    revision: "v1",
    selection: "data/x.jsonl",
  });
  for (
    const name of [
      "hf:datasets/org",
      "hf:datasets/org/../x",
      "hf:datasets/org/name:",
      "hf:datasets/org/name:../x",
      "hf:datasets/org/name@..:x",
      "hf:datasets/org/name:a//b",
      "hf:datasets/org/name/data/x.jsonl",
    ]
  ) assert.throws(() => parseDatasetName(name), { code: "checkpoint/bad-hub-name" }, name);
});
