import assert from "node:assert/strict";
import { tryLockFile } from "../../../src/checkpoint/hub/blob_lock.ts";
import { Checkpoint } from "../../../src/checkpoint/checkpoint.ts";
import { hostSystem } from "../../../src/checkpoint/hub/host_system.ts";
import { hubFolder } from "../../../src/checkpoint/hub/hub_folder.ts";
import { cacheFolder, hubSettings } from "../../../src/checkpoint/hub/hub_settings.ts";
import { retryAfter } from "../../../src/checkpoint/hub/retries.ts";
import { etagOfBytes } from "./hub_server.ts";
import { refused, tinyModel, wantedOfTiny, withHub } from "./models.ts";

const commit = "a".repeat(40);
const name = "hf:local/model";

/**
 * A cache as Python's `huggingface_hub` 0.x to 2.x writes it, without the listing that only
 * `snapshot_download` of 2.x keeps; `with_python.ts` has Python itself write one.
 */
async function pythonCache(cache: string, files: readonly string[]): Promise<void> {
  const model = await tinyModel();
  const folder = `${cache}/models--local--model`;
  await Deno.mkdir(`${folder}/refs`, { recursive: true });
  await Deno.mkdir(`${folder}/blobs`);
  await Deno.mkdir(`${folder}/snapshots/${commit}`, { recursive: true });
  await Deno.mkdir(`${folder}/.no_exist/${commit}`, { recursive: true });
  await Deno.writeTextFile(`${folder}/.no_exist/${commit}/added_tokens.json`, "");
  await Deno.writeTextFile(`${folder}/refs/main`, commit);
  for (const path of files) {
    const etag = etagOfBytes(path, model[path]!);
    await Deno.writeFile(`${folder}/blobs/${etag}`, model[path]!);
    await Deno.symlink(`../../blobs/${etag}`, `${folder}/snapshots/${commit}/${path}`);
  }
}

Deno.test("a cache that Python filled is read offline, and told that it may lack something", async () => {
  await withHub(async ({ cache, options, warnings, hub }) => {
    await pythonCache(cache, wantedOfTiny);
    using checkpoint = await Checkpoint.open(name, { ...options, offline: true });
    assert.equal(checkpoint.name, `${name}@${commit}`);
    assert.match(warnings.join(), /another program filled the cache/);
    assert.equal(hub.requests.length, 0);
    // With the hub the listing tells that nothing is missing, and from then on so does the cache.
    await hubFolder(name, options);
    warnings.length = 0;
    await hubFolder(name, { ...options, offline: true });
    assert.deepEqual(warnings, []);
    assert.ok(hub.requests.every(({ url }) => !url.pathname.includes("/resolve/")));
  });
});

Deno.test("what Python left out comes from the hub, and is missed where that is not there", async () => {
  await withHub(async ({ cache, options, hub }) => {
    await pythonCache(cache, wantedOfTiny.filter((path) => path !== "model.safetensors"));
    await refused(hubFolder(name, { ...options, offline: true }), "checkpoint/not-in-cache");
    await hubFolder(name, options);
    const asked = hub.requests.filter(({ url }) => url.pathname.includes("/resolve/"));
    assert.deepEqual(asked.map(({ url }) => url.pathname.split("/").at(-1)), ["model.safetensors"]);
  });
});

Deno.test("a file that is cut short, or a listing that is none, is fetched anew", async () => {
  await withHub(async ({ cache, options, hub }) => {
    await hubFolder(name, options);
    const folder = `${cache}/models--local--model`;
    const tokenizer = `${folder}/snapshots/${commit}/tokenizer.json`;
    const whole = await Deno.readFile(tokenizer);
    await Deno.writeFile(tokenizer, whole.subarray(0, 10));
    await Deno.writeTextFile(
      `${folder}/trees/${commit}.json`,
      '{"format_version":1,"files":{"../x":{}}}',
    );
    await hubFolder(name, options);
    assert.deepEqual(await Deno.readFile(tokenizer), whole);
    assert.equal(hub.sentOf("tokenizer.json"), 2 * whole.length);
  });
});

Deno.test("the environment leads to the cache that Python uses", () => {
  const folder = (variables: Record<string, string>) =>
    cacheFolder((variable) => variables[variable]);
  const home = { HOME: "/home/me" };
  assert.equal(folder(home), "/home/me/.cache/huggingface/hub");
  assert.equal(folder({ ...home, XDG_CACHE_HOME: "/x" }), "/x/huggingface/hub");
  assert.equal(folder({ ...home, XDG_CACHE_HOME: "/x", HF_HOME: "/h/" }), "/h/hub");
  assert.equal(folder({ ...home, HF_HOME: "~/h" }), "/home/me/h/hub");
  assert.equal(folder({ HF_HOME: "/h", HF_HUB_CACHE: "/c" }), "/c");
  assert.equal(folder({ HUGGINGFACE_HUB_CACHE: "~", HOME: "/home/me" }), "/home/me");
  assert.throws(() => folder({}), { code: "checkpoint/no-hub-cache" });
});

Deno.test("the environment gives the token, the hub's address and whether it is asked", async () => {
  const home = await Deno.makeTempDir();
  await Deno.writeTextFile(`${home}/token`, "hf_file\n");
  const settings = (variables: Record<string, string>) =>
    hubSettings({
      ...hostSystem("x"),
      env: (variable) => ({ HF_HOME: home, ...variables })[variable],
    }, {});
  assert.equal((await settings({})).token, "hf_file");
  assert.equal((await settings({ HF_TOKEN: "hf_own" })).token, "hf_own");
  assert.equal((await settings({ HF_TOKEN_PATH: `${home}/none` })).token, undefined);
  assert.equal((await settings({})).endpoint.href, "https://huggingface.co/");
  assert.equal((await settings({ HF_ENDPOINT: "http://m/hf/" })).endpoint.href, "http://m/hf");
  assert.equal((await settings({})).offline, false);
  for (const yes of ["1", "ON", "yes", "True"]) {
    assert.equal((await settings({ HF_HUB_OFFLINE: yes })).offline, true);
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("without locks of the system, one process holds a lock file, and a dead one's is taken", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/x.locked`;
  const host = hostSystem("x");
  const held = await tryLockFile(host, path);
  assert.ok(held !== undefined);
  assert.equal(await tryLockFile(host, path), undefined);
  held[Symbol.dispose]();
  while (await Deno.stat(path).catch(() => undefined)) {
    await new Promise((done) => setTimeout(done, 5));
  }
  await Deno.writeTextFile(path, ""); // of a process that was killed
  const ago = new Date(Date.now() - 60_000);
  await Deno.utime(path, ago, ago);
  assert.equal(await tryLockFile(host, path), undefined);
  using again = await tryLockFile(host, path);
  assert.ok(again !== undefined);
});

Deno.test("Retry-After is seconds or a date", () => {
  assert.equal(retryAfter(null), undefined);
  assert.equal(retryAfter("7"), 7000);
  assert.equal(retryAfter("soon"), undefined);
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(retryAfter("Thu, 01 Jan 2026 00:00:09 GMT", now), 9000);
  assert.equal(retryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now), 0);
});
