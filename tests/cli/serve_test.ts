/** `assay serve` as users run it: a process of its own, with no more permissions than it needs. */
import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { serveCommand, type StartServer } from "../../src/cli/serve/serve.ts";
import { AssayError } from "../../src/error.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

const model = "tests/golden/parity/llama";

/** A process that serves, and what it said. */
async function serving(
  args: readonly string[],
  use: (address: string, child: Deno.ChildProcess) => Promise<void>,
): Promise<{ code: number; stderr: string }> {
  const permissions = ["--allow-read", "--allow-net=127.0.0.1"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...permissions, "src/cli/main.ts", "serve", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NODEVICE_SELECT: "1" },
  }).spawn();
  let stderr = "";
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const listening = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += text;
      const address = /serving .* at (http:\S+)/.exec(stderr)?.[1];
      if (address !== undefined) resolve(address);
    }
    reject(new Error(stderr));
  })();
  promise.catch(() => {});
  try {
    await use(await promise, child);
    child.kill("SIGTERM");
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    await listening;
  }
  return { code: (await child.status).code, stderr };
}

const body = JSON.stringify({ prompt: "Hi", response: "Hello." });
const json = { "content-type": "application/json" };

Deno.test("assay serve answers, and ends in order at SIGTERM", async () => {
  const { code, stderr } = await serving([model, "--port", "0"], async (address) => {
    assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
    const answer = await fetch(`${address}/v1/score`, { method: "POST", headers: json, body });
    assert.equal(typeof (await answer.json()).score, "number");
    const { data } = await (await fetch(`${address}/v1/models`)).json();
    assert.deepEqual(data.map(({ id }: { id: string }) => id), ["llama"]);
  });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /stopping: what is queued is answered first/);
});

Deno.test("assay serve takes several models, a key from a file and a memory budget", async () => {
  await inFolder(async (folder) => {
    const keyFile = `${folder}/key.txt`;
    await Deno.writeTextFile(keyFile, "s3cret\n");
    const args = ["--model", `a=${model}`, "--model", "b=tests/golden/parity/qwen3"];
    const options = ["--port", "0", "--api-key-file", keyFile, "--memory-budget", "1GiB"];
    await serving([...args, ...options], async (address) => {
      const refused = await fetch(`${address}/v1/models`);
      assert.equal(refused.status, 401);
      await refused.body?.cancel();
      const headers = { ...json, authorization: "Bearer s3cret" };
      const scores = await Promise.all(["a", "b"].map(async (name) => {
        const body = JSON.stringify({ model: name, prompt: "Hi", response: "Hello." });
        const answer = await fetch(`${address}/v1/score`, { method: "POST", headers, body });
        return (await answer.json()).score;
      }));
      assert.ok(scores.every(Number.isFinite));
      assert.notEqual(scores[0], scores[1]);
    });
  });
});

/** Runs the command with a server that stands in; gives what was started and what was said. */
async function started(args: readonly string[], start?: StartServer) {
  const starts: Parameters<StartServer>[] = [];
  const stand: StartServer = start ?? ((...operands) => {
    starts.push(operands);
    const stop = () => Promise.resolve();
    return Promise.resolve({ address: "http://x", ready: Promise.resolve(), stop });
  });
  const captured = captureOutput();
  const command = serveCommand(captured.output, stand, () => Promise.resolve());
  const status = await run([command], ["serve", ...args], captured.output);
  return { status, starts, stderr: captured.stderr() };
}

Deno.test("assay serve warns where anyone may use it, and not where a key is asked for", async () => {
  const open = await started([model, "--host", "0.0.0.0"]);
  assert.match(open.stderr, /anyone who reaches 0\.0\.0\.0 may use this server/);
  const kept = await started([model, "--host", "0.0.0.0", "--api-key", "k"]);
  assert.ok(!/anyone/.test(kept.stderr));
  assert.equal(kept.starts[0]![1].apiKey, "k");
  const local = await started([model]);
  assert.ok(!/anyone/.test(local.stderr));
  assert.deepEqual([local.starts[0]![1].host, local.starts[0]![1].port], ["127.0.0.1", 8000]);
});

Deno.test("assay serve tells what is wrong in one sentence, with 2", async () => {
  const cases: [args: string[], expected: RegExp][] = [
    [[], /expected a model, found none/],
    [[model, "--model", `llama=${model}`], /two models named "llama"/],
    [[model, "--model", "nonsense"], /NAME=FOLDER/],
    [[model, "--port", "99999"], /a whole number up to 65535/],
    [[model, "--max-queue", "0"], /at least 1/],
    [[model, "--api-key", "a", "--api-key-file", "b"], /two keys/],
    [[model, "--api-key", " "], /empty key/],
    [[model, "--api-key-file", "no/such/key"], /there is no such file/],
    [[model, "--calibrate", "no/such/file"], /there is no such file/],
    [[model, "--model", `b=${model}`, "--adapter", "x"], /which of several models --adapter/],
    [[model, "--model", `b=${model}`, "--heads", "x"], /which of several models --heads/],
  ];
  for (const [args, expected] of cases) {
    const { status, stderr, starts } = await started(args);
    assert.equal(status, 2, args.join(" "));
    assert.match(stderr, expected);
    assert.equal(starts.length, 0);
  }
});

Deno.test("assay serve ends with 2 where it can't listen, or a model can't be loaded", async () => {
  const taken = await started([model], () => {
    throw new Deno.errors.AddrInUse("taken");
  });
  assert.equal(taken.status, 2);
  assert.match(taken.stderr, /Cannot listen on 127\.0\.0\.1:8000: something listens there already/);
  const unloaded = await started([model], () =>
    Promise.resolve({
      address: "http://x",
      ready: Promise.reject(new AssayError("checkpoint/missing-config", "Cannot open it")),
      stop: () => Promise.resolve(),
    }));
  assert.equal(unloaded.status, 2);
  assert.match(unloaded.stderr, /Cannot open it \[checkpoint\/missing-config\]/);
});
