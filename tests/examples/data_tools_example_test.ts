/** The examples of data tools run with the permissions that they name. */
import assert from "node:assert/strict";

async function runExample(name: string, ...permissions: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-read", ...permissions, `examples/${name}`],
    env: { NODEVICE_SELECT: "1", NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("examples/arrow.ts gives record batches back with the margins", async () => {
  const lines = (await runExample("arrow.ts")).trimEnd().split("\n");
  assert.match(lines[0]!, /^id: .*margin: Float64/);
  assert.match(lines[1]!, /^1 -?\d+\.\d+$/);
  assert.match(lines[2]!, /^2 -?\d+\.\d+$/);
});

Deno.test("examples/duckdb.ts joins the margins with the pairs that DuckDB read from Parquet", async () => {
  const output = await runExample(
    "duckdb.ts",
    "--no-lock",
    "--check",
    "--allow-env",
    "--allow-ffi",
  );
  const rows = output.split("\n").map((line) => line.split("│").map((cell) => cell.trim()));
  const subsets = rows.filter((cells) => /^\d+$/.test(cells[1] ?? ""));
  assert.deepEqual(
    subsets.map((cells) => cells[2]),
    ["'chat'", "'none'", "'safety'"].map((name) =>
      name.replaceAll("'", subsets[0]![2]!.startsWith('"') ? '"' : "'")
    ),
  );
  assert.equal(subsets.reduce((sum, cells) => sum + Number(cells[3]), 0), 40);
  assert.ok(subsets.every((cells) => Number.isFinite(Number(cells[4]))));
});

Deno.test("examples/scoring_server.ts answers each line of a request with its score", async () => {
  const port = String(freePort());
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-read",
      "--allow-net=127.0.0.1",
      "examples/scoring_server.ts",
      "models/demo",
      port,
    ],
    env: { NODEVICE_SELECT: "1" },
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  try {
    const body = await Deno.readTextFile("examples/conversations.jsonl");
    const answer = await answered(`http://127.0.0.1:${port}`, body);
    const lines = answer.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.length, body.trimEnd().split("\n").length);
    assert.ok(lines.every(({ error }) => error === undefined));
  } finally {
    child.kill();
    await child.status;
  }
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** The answer to a request, as soon as anyone listens. */
async function answered(address: string, body: string): Promise<string> {
  for (let tries = 0; tries < 300; tries++) {
    try {
      return await (await fetch(address, { method: "POST", body })).text();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`nobody listens at ${address}`);
}
