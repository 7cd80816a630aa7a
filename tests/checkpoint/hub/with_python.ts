/**
 * `deno run --allow-all tests/checkpoint/hub/with_python.ts PYTHON`: holds the cache to Python's
 * `huggingface_hub`, both ways, with a hub on this machine. PYTHON is an interpreter that has the package;
 * the gate runs without one. Prints what was held, and ends with an error where something differs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Checkpoint } from "../../../src/checkpoint/checkpoint.ts";
import { hubFolder } from "../../../src/checkpoint/hub/hub_folder.ts";
import { HubServer } from "./hub_server.ts";
import { filesBelow, tinyModel, wantedOfTiny } from "./models.ts";

const [python] = Deno.args;
if (python === undefined) {
  console.error("Cannot compare: expected the PYTHON to run, found nothing");
  Deno.exit(2);
}
const name = "hf:local/model";
const commit = "a".repeat(40);
const patterns = JSON.stringify(wantedOfTiny);

/** The listing that a cache keeps. */
function tree(cache: string): Promise<string> {
  return Deno.readTextFile(`${cache}/models--local--model/trees/${commit}.json`);
}

/** Runs lines of Python with a cache; gives what they printed. */
async function run(cache: string, lines: string, endpoint: string | undefined): Promise<string> {
  const offline = endpoint === undefined;
  const { success, stdout, stderr } = await new Deno.Command(python!, {
    args: ["-c", lines],
    env: {
      HF_HUB_CACHE: cache,
      HF_HOME: `${cache}/home`,
      HF_ENDPOINT: endpoint ?? "http://127.0.0.1:1",
      HF_HUB_OFFLINE: offline ? "1" : "0",
      HF_HUB_DISABLE_XET: "1",
    },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

const version = await run(
  "/nowhere",
  "import huggingface_hub as h; print(h.__version__)",
  undefined,
);
const files = await tinyModel();
await using hub = new HubServer(files);
const [theirs, ours] = [await Deno.makeTempDir(), await Deno.makeTempDir()];

// Python downloads, by snapshot_download and file by file; Assay reads without a network.
const snapshot = `from huggingface_hub import snapshot_download
print(snapshot_download("local/model", allow_patterns=${patterns}))`;
await run(theirs, snapshot, hub.endpoint);
const listing = await tree(theirs).catch(() => undefined); // before Assay keeps its own there
const single = await Deno.makeTempDir();
const each = `from huggingface_hub import hf_hub_download
for name in ${patterns}: hf_hub_download("local/model", name)`;
await run(single, each, hub.endpoint);
for (const cache of [theirs, single]) {
  const asked = hub.requests.length;
  const told: string[] = [];
  const onWarning = (message: string): void => void told.push(message);
  using checkpoint = await Checkpoint.open(name, { cache, offline: true, onWarning });
  assert.equal(checkpoint.name, `${name}@${commit}`);
  assert.ok((await checkpoint.read("score.weight")).bytes.length > 0);
  console.log(`read offline what Python ${version} wrote (${told.length} warnings)`);
  await hubFolder(name, { cache, endpoint: hub.endpoint });
  const resolved = hub.requests.slice(asked).filter(({ url }) =>
    url.pathname.includes("/resolve/")
  );
  assert.deepEqual(resolved, [], "nothing is downloaded again");
}

// Assay downloads; Python reads without a network, and downloads nothing with one.
await hubFolder(name, { cache: ours, endpoint: hub.endpoint });
const place = `${ours}/models--local--model/snapshots/${commit}`;
assert.equal(await run(ours, snapshot, undefined), place);
const read = `from huggingface_hub import hf_hub_download, try_to_load_from_cache, scan_cache_dir
for name in ${patterns}: print(hf_hub_download("local/model", name))`;
assert.deepEqual(
  (await run(ours, read, undefined)).split("\n"),
  wantedOfTiny.map((path) => `${place}/${path}`),
);
const scan = `from huggingface_hub import scan_cache_dir
found = scan_cache_dir()
assert not found.warnings, found.warnings
(repo,) = found.repos
print(repo.repo_id, repo.size_on_disk, repo.nb_files, [sorted(r.refs) for r in repo.revisions])`;
const bytes = wantedOfTiny.reduce((sum, path) => sum + files[path]!.length, 0);
assert.equal(
  await run(ours, scan, undefined),
  `local/model ${bytes} ${wantedOfTiny.length} [['main']]`,
);
const asked = hub.requests.length;
assert.equal(await run(ours, snapshot, hub.endpoint), place);
const contents = hub.requests.slice(asked).filter(({ sent, url }) =>
  url.pathname.includes("/resolve/") && sent > 0
);
assert.deepEqual(contents.map(({ url }) => url.pathname), []);
console.log(
  `Python ${version} read what Assay wrote: snapshot_download, hf_hub_download, scan_cache_dir`,
);

// The two layouts are the same files; Python keeps listings from version 2 on.
const layout = async (cache: string): Promise<string[]> =>
  (await filesBelow(`${cache}/models--local--model`)).filter((file) => !file.startsWith("trees/"));
assert.deepEqual(await layout(ours), await layout(theirs));
if (listing !== undefined) assert.deepEqual(JSON.parse(await tree(ours)), JSON.parse(listing));
console.log(`both wrote the same layout${listing === undefined ? "" : ", and the same listing"}`);
