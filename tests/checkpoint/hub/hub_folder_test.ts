import assert from "node:assert/strict";
import { Checkpoint } from "../../../src/checkpoint/checkpoint.ts";
import { hubFolder, pinnedSource } from "../../../src/checkpoint/hub/hub_folder.ts";
import { etagOfBytes, problem } from "./hub_server.ts";
import { filesBelow, refused, tinyModel, wantedOfTiny, withHub } from "./models.ts";

const commit = "a".repeat(40);
const name = "hf:local/model";

Deno.test("a model of the hub opens by its name, and of its files only those that scoring reads come", async () => {
  await withHub(async ({ hub, cache, options }) => {
    const progress: [number, number][] = [];
    const downloads: unknown[] = [];
    using checkpoint = await Checkpoint.open(name, {
      ...options,
      onProgress: (done, total) => progress.push([done, total]),
      onDownload: (download) => downloads.push(download),
    });
    assert.equal(checkpoint.name, `${name}@${commit}`);
    assert.ok(checkpoint.tensors.has("score.weight"));
    const files = hub.commits.get(commit)!;
    const bytes = wantedOfTiny.reduce((sum, path) => sum + files[path]!.length, 0);
    assert.deepEqual(downloads, [{ name: checkpoint.name, files: wantedOfTiny.length, bytes }]);
    assert.deepEqual(progress.at(-1), [bytes, bytes]);
    const folder = `${cache}/models--local--model`;
    assert.deepEqual(
      await filesBelow(`${folder}/snapshots`),
      wantedOfTiny.map((path) => `${commit}/${path}`),
    );
    assert.equal(await Deno.readTextFile(`${folder}/refs/main`), commit);
    for (const path of wantedOfTiny) {
      const link = await Deno.readLink(`${folder}/snapshots/${commit}/${path}`);
      assert.equal(link, `../../blobs/${etagOfBytes(path, files[path]!)}`);
    }
  });
});

Deno.test("what is in the cache is not asked for again, and offline nothing is", async () => {
  await withHub(async ({ hub, options, warnings }) => {
    await hubFolder(name, options);
    const before = hub.requests.length;
    await hubFolder(name, options);
    assert.equal(hub.requests.length, before + 1, "the branch is asked for its commit");
    await hubFolder(`${name}@${commit}`, options);
    assert.equal(hub.requests.length, before + 1);
    const offline = { ...options, offline: true };
    assert.equal(await pinnedSource(name, offline), `${name}@${commit}`);
    assert.equal(hub.requests.length, before + 1);
    assert.deepEqual(warnings, []);
    await refused(
      hubFolder("hf:local/other", offline),
      "checkpoint/not-in-cache",
      /HF_HUB_OFFLINE/,
    );
  });
});

Deno.test("where the hub can't be reached, the cached commit serves and a warning says so", async () => {
  await withHub(async ({ options, warnings }) => {
    await hubFolder(name, options);
    const gone = { ...options, endpoint: "http://127.0.0.1:1" };
    assert.equal((await hubFolder(name, gone)).name, `${name}@${commit}`);
    assert.match(warnings.join(), /hub was not reached.*a{40}/);
    const other = hubFolder("hf:local/other", gone);
    await refused(other, "checkpoint/hub-unreachable", /HF_HUB_OFFLINE/);
  });
});

Deno.test("a branch that moves while its files come does not mix two commits", async () => {
  const other = "b".repeat(40);
  await withHub(async ({ hub, cache, options }) => {
    const files = hub.commits.get(commit)!;
    hub.commits.set(other, { ...files, "config.json": new TextEncoder().encode("{}") });
    hub.change = (answer, { url }) => {
      if (url.pathname.includes("/tree/")) hub.branches.set("main", other);
      return answer;
    };
    assert.equal((await hubFolder(name, options)).name, `${name}@${commit}`);
    const folder = `${cache}/models--local--model`;
    assert.equal(await Deno.readTextFile(`${folder}/refs/main`), commit);
    assert.deepEqual(
      await Deno.readFile(`${folder}/snapshots/${commit}/config.json`),
      files["config.json"],
    );
    const sent = hub.sentOf("model.safetensors");
    assert.equal((await hubFolder(name, options)).name, `${name}@${other}`);
    assert.equal(hub.sentOf("model.safetensors"), sent, "a file that both commits have comes once");
  });
});

Deno.test("where a branch has moved and its files can't be had, the older commit does not stand in", async () => {
  const other = "b".repeat(40);
  await withHub(async ({ hub, options, warnings }) => {
    await hubFolder(name, options);
    const files = hub.commits.get(commit)!;
    hub.commits.set(other, { ...files, "config.json": new TextEncoder().encode("{}") });
    hub.branches.set("main", other);
    let cuts = 3; // more than a question that need not be answered gets
    hub.change = (own, { url }) =>
      url.pathname.endsWith("config.json") && cuts-- > 0 ? problem(503, "") : own;
    assert.equal((await hubFolder(name, options)).name, `${name}@${other}`);
    hub.commits.set(other, { ...files, "config.json": new TextEncoder().encode("{ }") });
    hub.branches.set("main", "c".repeat(40));
    hub.commits.set("c".repeat(40), hub.commits.get(other)!);
    hub.change = (own, { url }) => url.pathname.includes("/resolve/") ? problem(503, "") : own;
    await refused(hubFolder(name, options), "checkpoint/hub-busy");
    assert.deepEqual(warnings, []);
  });
});

Deno.test("of a model in shards the shards of its index come, from folders too", async () => {
  const files = await tinyModel();
  const index = { weight_map: { "score.weight": "parts/model-1.safetensors" } };
  files["model.safetensors.index.json"] = new TextEncoder().encode(JSON.stringify(index));
  files["parts/model-1.safetensors"] = files["model.safetensors"]!;
  files["parts/model-2.safetensors"] = files["model.safetensors"]!;
  await withHub(async ({ cache, options }) => {
    const folder = await hubFolder(name, options);
    const found = await filesBelow(`${cache}/models--local--model/snapshots/${commit}`);
    assert.ok(found.includes("parts/model-1.safetensors"));
    assert.ok(!found.includes("model.safetensors") && !found.includes("parts/model-2.safetensors"));
    using shard = await folder.open("parts/model-1.safetensors");
    assert.equal(shard?.byteLength, files["model.safetensors"]!.length);
    await pinnedSource(name, { ...options, offline: true });
  }, files);
});

Deno.test("an adapter comes with its config and weights; a repository without weights is refused", async () => {
  const adapter = "tests/golden/voting/peft_adapter";
  const bytes = (file: string) => Deno.readFile(`${adapter}/${file}`);
  const files = {
    "adapter_config.json": await bytes("adapter_config.json"),
    "adapter_model.safetensors": await bytes("adapter_model.safetensors"),
    "optimizer.pt": new Uint8Array(9),
  };
  await withHub(async ({ cache, options }) => {
    await hubFolder(name, options);
    const found = await filesBelow(`${cache}/models--local--model/snapshots/${commit}`);
    assert.deepEqual(found, ["adapter_config.json", "adapter_model.safetensors"]);
  }, files);
  const config = new TextEncoder().encode("{}");
  await withHub(async ({ hub, options }) => {
    await refused(hubFolder(name, options), "checkpoint/no-safetensors", /PyTorch weights/);
    assert.equal(hub.sentOf("config.json"), 0);
  }, { "config.json": config, "pytorch_model.bin": config });
  await withHub(async ({ options }) => {
    await refused(hubFolder(name, options), "checkpoint/missing-config", /GGUF/);
  }, { "model.gguf": config });
});

Deno.test("a tokenizer is had without the weights, which come later where they are wanted", async () => {
  await withHub(async ({ hub, options }) => {
    await hubFolder(name, { ...options, weights: false });
    assert.equal(hub.sentOf("model.safetensors"), 0);
    await refused(hubFolder(name, { ...options, offline: true }), "checkpoint/not-in-cache");
    await hubFolder(name, options);
    assert.equal(hub.sentOf("tokenizer.json"), hub.commits.get(commit)!["tokenizer.json"]!.length);
    using checkpoint = await Checkpoint.open(name, { ...options, offline: true });
    assert.ok(checkpoint.tensors.size > 0);
  });
});

Deno.test("where Deno may not make symbolic links, files get a second name", async () => {
  await withHub(async ({ hub, cache }) => {
    const program = new URL("fetch_program.ts", import.meta.url).pathname;
    const host = new URL(hub.endpoint).host;
    const cdn = new URL(hub.cdn).host;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        `--allow-read=${cache}`,
        `--allow-write=${cache}`,
        `--allow-net=${host},${cdn}`,
        program,
        name,
        hub.endpoint,
        cache,
      ],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stdout), `${name}@${commit}\n`);
    const file = `${cache}/models--local--model/snapshots/${commit}/model.safetensors`;
    assert.ok((await Deno.lstat(file)).isFile);
    await pinnedSource(name, { cache, offline: true });
  });
});
