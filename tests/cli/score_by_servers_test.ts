/** `assay score --server`, as a user runs it. */
import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { flakyServer } from "../fleet/flaky_proxy.ts";
import { linesHere } from "../fleet/scored_rows.ts";
import { captureOutput } from "./captured_output.ts";

async function assayScore(...args: string[]) {
  const { output, stdout, stderr } = captureOutput();
  const status = await run([scoreCommand(output)], ["score", ...args], output);
  return { status, stdout: stdout(), stderr: stderr() };
}

const rows = "examples/conversations.jsonl";

async function expected(): Promise<string> {
  return (await linesHere(await Array.fromAsync(readRows(rows)))).map((line) => `${line}\n`).join(
    "",
  );
}

Deno.test("assay score --server writes what a run with the model writes", async () => {
  await using one = await flakyServer();
  await using two = await flakyServer({ apiKey: "secret" });
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/key.txt`, "secret\n");
    const servers = ["--server", one.address, "--server", two.address];
    const key = ["--api-key-file", `${folder}/key.txt`];
    const { status, stdout, stderr } = await assayScore(...servers, ...key, rows);
    assert.equal(stdout, await expected());
    assert.match(stderr, /^assay: \d+ rows.* tokens in .* s by http:/m);
    assert.equal(status, 0, stderr);
    const output = `${folder}/scored.jsonl`;
    const written = await assayScore(...servers, ...key, rows, "--output", output);
    assert.equal(written.stdout, "");
    assert.equal(await Deno.readTextFile(output), await expected());
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "key.txt",
      "scored.jsonl",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("assay score --server goes on after kill -9", async () => {
  await using server = await flakyServer();
  const folder = await Deno.makeTempDir();
  const [input, output] = [`${folder}/rows.jsonl`, `${folder}/scored.jsonl`];
  const text = (await Deno.readTextFile(rows)).trimEnd() + "\n";
  await Deno.writeTextFile(input, text.repeat(20));
  const flags = ["--server", server.address, input, "--output", output, "--shard-tokens", "200"];
  const { promise: third, resolve } = Promise.withResolvers<void>();
  server.misdeed = () => {
    if (server.asked.length < 6) return undefined;
    server.isAway = true;
    resolve();
    return "drop";
  };
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "src/cli/main.ts", "score", ...flags],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await third;
    while (!(await Deno.stat(`${output}.shards`).then(({ size }) => size > 1000, () => false))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill("SIGKILL");
    await child.status;
    server.isAway = false;
    server.misdeed = () => undefined;
    const { status, stderr } = await assayScore(...flags);
    assert.match(stderr, /going on from .*scored.jsonl.shards: \d+ shards are answered already/);
    assert.equal(status, 0, stderr);
    const whole = (await linesHere(await Array.fromAsync(readRows(input)))).join("\n");
    assert.equal(await Deno.readTextFile(output), `${whole}\n`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("assay score --server refuses what it can't mean", async () => {
  const server = ["--server", "http://127.0.0.1:8000"];
  const cases: [args: string[], message: RegExp][] = [
    [[...server, "./model", rows], /with \.\/model and with servers: expected one of them/],
    [[...server, "models/demo"], /models\/demo, which is a model/],
    [[...server, "hf:org/name"], /hf:org\/name, which is a model/],
    [[...server, rows, "--truncate", "left"], /Cannot take --truncate with --server/],
    [["models/demo", rows, "--allow-mixed"], /Cannot take --allow-mixed without --server/],
    [["--server", "ftp://host", rows], /expected an address as http:\/\/host:8000/],
    [[...server, rows, "--api-key", "a", "--api-key-file", "b"], /Cannot take two keys/],
  ];
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = await assayScore(...args);
    assert.match(stderr, message);
    assert.deepEqual([status, stdout], [2, ""]);
  }
});
