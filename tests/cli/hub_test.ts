/** Models by their name on the hub, as users score with them: in processes of their own. */
import assert from "node:assert/strict";
import { filesBelow, withHub } from "../checkpoint/hub/models.ts";
import { etagOfBytes, type HubServer } from "../checkpoint/hub/hub_server.ts";
import { main } from "../../src/cli/main.ts";
import { openVoter } from "../../src/tasks/vote/voter_source.ts";
import { captureOutput, inFolder, runAssay } from "./captured_output.ts";

const commit = "a".repeat(40);
const name = "hf:local/model";
const local = "tests/golden/parity/llama";
const weights = "model.safetensors";
const adapter = "tests/golden/voting/peft_adapter";
const rows = ["4", "Five, I think."].map((response) =>
  `${JSON.stringify({ prompt: "How much is 2+2?", response })}\n`
).join("");

/** What a process is given: the cache, and where the hub is. */
function surroundings(hub: HubServer, cache: string) {
  return { HF_HUB_CACHE: cache, HF_ENDPOINT: hub.endpoint };
}

/** Grants that reach the cache and nothing else of this machine's files. */
function grants(cache: string, ...others: string[]): string[] {
  const env = "--allow-env=HF_HUB_CACHE,HF_ENDPOINT,HF_HUB_OFFLINE";
  return [`--allow-read=${cache},src,shaders`, env, ...others];
}

function scoresOf(stdout: string): unknown[] {
  // Whatever else stood there would be no JSON: nothing but rows goes to standard output.
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line).score);
}

Deno.test("a score by a hub's name, killed on the way and run again: no byte twice, the same scores, then offline", async () => {
  await withHub(async ({ hub, cache }) => {
    const score = ["score", name, "-", "--backend", "cpu"];
    const env = surroundings(hub, cache);
    const hosts = [hub.endpoint, hub.cdn].map((address) => new URL(address).host).join();
    const online = grants(cache, `--allow-write=${cache}`, `--allow-net=${hosts}`);
    const bytes = hub.commits.get(commit)![weights]!;
    const cut = 1 + Math.floor(Math.random() * (bytes.length - 1));
    const { promise, resolve } = Promise.withResolvers<void>();
    hub.change = (own, { host }) => host === "cdn" ? { ...own, cut, until: promise } : own;
    const part = `${cache}/models--local--model/blobs/${etagOfBytes(weights, bytes)}.incomplete`;
    const killed = await runAssay(score, {
      input: rows,
      permissions: online,
      env,
      async during(process) {
        while ((await Deno.stat(part).catch(() => undefined))?.size !== cut) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        process.kill("SIGKILL");
      },
    });
    resolve();
    assert.equal(killed.stdout, "");
    hub.change = (own) => own;
    const again = await runAssay(score, { input: rows, permissions: online, env });
    assert.equal(again.status, 0, again.stderr);
    assert.match(again.stderr, /downloading hf:local\/model@a{40}: 1 files, [\d.]+ k?B/);
    assert.equal(hub.sentOf(weights), bytes.length, `cut at ${cut}`);
    for (const row of again.stdout.trimEnd().split("\n")) {
      assert.equal(JSON.parse(row).scored_by, `${name}@${commit}`);
    }
    const own = await runAssay(["score", local, "-", "--backend", "cpu"], { input: rows });
    assert.deepEqual(scoresOf(again.stdout), scoresOf(own.stdout));
    assert.equal(JSON.parse(own.stdout.split("\n")[0]!).scored_by, undefined);
    const asked = hub.requests.length;
    const alone = await runAssay(score, {
      input: rows,
      permissions: grants(cache),
      env: { ...env, HF_HUB_OFFLINE: "1" },
    });
    assert.equal(alone.status, 0, alone.stderr);
    assert.doesNotMatch(alone.stderr, /warning/);
    assert.equal(alone.stdout, again.stdout);
    // Without a word about being offline, too: what is missing is told, and the cache serves.
    const silent = await runAssay(score, { input: rows, permissions: grants(cache), env });
    assert.equal(silent.stdout, again.stdout);
    assert.match(silent.stderr, /warning: .*the hub was not reached.*--allow-net=127\.0\.0\.1/);
    assert.equal(hub.requests.length, asked);
  });
});

Deno.test("Ctrl-C ends a download in order, and what came stays", async () => {
  await withHub(async ({ hub, cache }) => {
    const bytes = hub.commits.get(commit)![weights]!;
    const part = `${cache}/models--local--model/blobs/${etagOfBytes(weights, bytes)}.incomplete`;
    const { promise, resolve } = Promise.withResolvers<void>();
    hub.change = (own, { host }) => host === "cdn" ? { ...own, cut: 1000, until: promise } : own;
    const { status, stdout, stderr } = await runAssay(["score", name, "-"], {
      input: rows,
      permissions: ["--allow-all"],
      env: surroundings(hub, cache),
      async during(process) {
        while ((await Deno.stat(part).catch(() => undefined))?.size !== 1000) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        process.kill("SIGINT");
      },
    });
    resolve();
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /run the same command again \[cli\/interrupted\]/);
    assert.equal((await Deno.stat(part)).size, 1000);
  });
});

Deno.test("nothing cached and no permission: the error names the permission and the host", async () => {
  await withHub(async ({ hub, cache }) => {
    const env = surroundings(hub, cache);
    const { host } = new URL(hub.endpoint);
    const given = { input: rows, env };
    const noNet = await runAssay(["score", name], { ...given, permissions: grants(cache) });
    assert.equal(noNet.status, 2);
    assert.match(
      noNet.stderr,
      new RegExp(`--allow-net=${host} .*\\[checkpoint/permission-denied\\]`),
    );
    const hubOnly = grants(cache, `--allow-write=${cache}`, `--allow-net=${host}`);
    const noCdn = await runAssay(["score", name], { ...given, permissions: hubOnly });
    assert.match(noCdn.stderr, new RegExp(`--allow-net=${new URL(hub.cdn).host} beside the hub's`));
    const noWrite = grants(cache, `--allow-net=${host}`);
    const unwritten = await runAssay(["inspect", name], { ...given, permissions: noWrite });
    assert.match(unwritten.stderr, /--allow-write of the cache's folder/);
    const noCache = await runAssay(["score", name], { input: rows, permissions: ["--allow-read"] });
    assert.match(noCache.stderr, /--allow-env=HF_HOME.*\[checkpoint\/no-hub-cache\]/);
  });
});

/** Runs a test with the hub's variables set in this process. */
async function inSurroundings(
  test: (given: { hub: HubServer; folder: string }) => Promise<void>,
): Promise<void> {
  await withHub(async ({ hub, cache }) => {
    const variables = Object.entries(surroundings(hub, cache));
    for (const [variable, value] of variables) Deno.env.set(variable, value);
    try {
      await inFolder((folder) => test({ hub, folder }));
    } finally {
      for (const [variable] of variables) Deno.env.delete(variable);
    }
  });
}

Deno.test("inspect, vote, soup, fit and models take the hub's names, and tell the commit", async () => {
  await inSurroundings(async ({ hub, folder }) => {
    const run = async (...args: string[]) => {
      const captured = captureOutput();
      const status = await main(args, captured.output);
      assert.equal(status, 0, captured.stderr());
      return captured;
    };
    const pinned = `${name}@${commit}`;
    const [report] = (await run("inspect", name)).rows();
    assert.equal(report!.name, pinned);

    const input = `${folder}/pairs.jsonl`;
    const pair = { prompt: "How much is 2+2?", chosen: "4", rejected: "5" };
    await Deno.writeTextFile(input, `${JSON.stringify(pair)}\n`);
    const summary = `${folder}/summary.json`;
    const cpu = ["--backend", "cpu"];
    const cache = ["--cache", `${folder}/scores`];
    await run(
      "vote",
      "--model",
      name,
      "--model",
      local,
      input,
      ...cpu,
      ...cache,
      "--summary",
      summary,
    );
    const { voters } = JSON.parse(await Deno.readTextFile(summary));
    assert.deepEqual(voters.map(({ name }: { name: string }) => name), [
      `model@${commit}`,
      "llama",
    ]);

    const scored = (await run("score", name, input, ...cpu, "--adapter", adapter)).rows();
    assert.equal(scored[0]!.scored_by, `${pinned} + ${adapter}`);

    await run("soup", name, local, "--output", `${folder}/soup`);
    assert.ok((await filesBelow(`${folder}/soup`)).includes("model.safetensors"));
    await run("fit", "features", name, input, "--output", `${folder}/features`, ...cpu);
    const fitted = ["--features", `${folder}/features`, "--output", `${folder}/fitted`];
    const fit = await run("fit", "head", name, ...fitted, "--steps", "1", "--link");
    assert.doesNotMatch(fit.stderr(), /the features are those of/);
    await run("score", `${folder}/fitted`, input, ...cpu);

    const [model] = (await run("models")).rows();
    assert.equal(model!.name, pinned);
    assert.deepEqual(model!.revisions, ["main"]);
    assert.equal(model!.complete, true);
    assert.equal(model!.runs, true);
    assert.equal(hub.sentOf(weights), hub.commits.get(commit)![weights]!.length);
  });
});

Deno.test("a score cache belongs to a commit", async () => {
  await inSurroundings(async ({ hub }) => {
    const other = "b".repeat(40);
    hub.commits.set(other, hub.commits.get(commit)!);
    hub.branches.set("other", other);
    using one = await openVoter({ model: name });
    using two = await openVoter({ model: `${name}@other` });
    using again = await openVoter({ model: `${name}@${commit}` });
    using folder = await openVoter({ model: local });
    assert.notEqual(one.revision, two.revision);
    assert.equal(one.revision, again.revision);
    assert.notEqual(one.revision, folder.revision);
  });
});

Deno.test("a tokenizer of the hub measures responses without the weights", async () => {
  await inSurroundings(async ({ hub, folder }) => {
    const input = `${folder}/scored.jsonl`;
    const scored = Array.from({ length: 30 }, (_, i) => ({
      prompt: "Q",
      response: "word ".repeat(i + 1),
      score: i,
    }));
    await Deno.writeTextFile(input, scored.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const captured = captureOutput();
    await main(["calibrate", input, "--tokenizer", name], captured.output);
    assert.equal(captured.rows().length, 30, captured.stderr());
    assert.equal(hub.sentOf(weights), 0);
    assert.ok(hub.sentOf("tokenizer.json") > 0);
  });
});

Deno.test("at a terminal a bar shows the bytes and the time left", async () => {
  await inSurroundings(async () => {
    const captured = captureOutput({ isTerminal: true });
    assert.equal(await main(["inspect", name], captured.output), 0, captured.stderr());
    assert.match(captured.stderr(), /downloading .* [\d.]+ kB of 197\.\d kB \| .* left/);
  });
});

Deno.test("models lists what does not run, and why", async () => {
  await inSurroundings(async ({ hub }) => {
    const files = hub.commits.get(commit)!;
    const cache = Deno.env.get("HF_HUB_CACHE")!;
    const captured = captureOutput({ isTerminal: true });
    assert.equal(await main(["models"], captured.output), 0);
    assert.match(captured.stderr(), /the cache holds no model/);
    const config = JSON.stringify({ model_type: "mamba" });
    hub.commits.set(commit, { ...files, "config.json": new TextEncoder().encode(config) });
    await main(["inspect", name], captureOutput().output);
    await Deno.remove(`${cache}/models--local--model/snapshots/${commit}/tokenizer.json`);
    const table = captureOutput({ isTerminal: true });
    assert.equal(await main(["models"], table.output), 0);
    assert.match(table.stdout(), /hf:local\/model +main +a{12} +[\d.]+ kB +no +no\n/);
    assert.match(table.stdout(), /\[models\/unsupported-architecture\]/);
  });
});

Deno.test("a name that is none of the hub's is refused, wherever it stands", async () => {
  for (
    const args of [["inspect", "hf:one"], ["score", "hf:a/b@..", "-"], ["soup", "hf:a/b/c", local]]
  ) {
    const captured = captureOutput();
    const given = args[0] === "soup" ? [...args, "--output", "never"] : args;
    if (args[0] === "score") given[2] = "examples/conversations.jsonl";
    assert.equal(await main(given, captured.output), 2);
    assert.match(captured.stderr(), /\[checkpoint\/bad-hub-name\]/);
  }
});
