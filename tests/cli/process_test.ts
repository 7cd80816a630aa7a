/** The command line as users run it: a process of its own that may read files and nothing else. */
import assert from "node:assert/strict";
import { findAdapter } from "../../src/gpu/adapter.ts";
import { testWhere } from "../requirement.ts";
import { inFolder, runAssay } from "./captured_output.ts";

const model = "tests/golden/parity/armo";
const good = '{"prompt":"How much is 2+2?","response":"4"}\n';
const backend = await findAdapter() === undefined ? "cpu" : "gpu";

function rowsOf(stdout: string): Record<string, unknown>[] {
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("assay score needs no permission but --allow-read", async () => {
  const { status, stdout, stderr } = await runAssay(
    ["score", model, "-", "--backend", backend, "--explain"],
    { input: good },
  );
  assert.equal(status, 0, stderr);
  const [row] = rowsOf(stdout);
  assert.equal(typeof row!.score, "number");
  assert.equal(Object.keys(row!.rewards as object).length, 19);
  assert.match(stderr, new RegExp(`1 rows; .* on the ${backend.toUpperCase()}`));
});

Deno.test("assay score gives each bad row its own error and scores the others", async () => {
  const long = JSON.stringify({ prompt: "Q", response: "long ".repeat(400_000) });
  const bad: [string, string, RegExp][] = [
    ["{not json}", "data/bad-row", /^Cannot read line 2: /],
    ['{"messages":[]}', "data/bad-row", /at least one message, found an empty list/],
    [
      '{"messages":[{"role":"user","content":"Q"},{"role":"wizard","content":"A"}]}',
      "text/unknown-role",
      /wizard/,
    ],
    [long, "text/too-long", /tokens/],
    [
      '{"messages":[{"role":"assistant","content":"A"}]}',
      "text/no-gating-pattern",
      /assistant header/,
    ],
    ['{"prompt":7,"response":"A"}', "data/bad-row", /"prompt": expected a list/],
  ];
  const input = good + bad.map(([line]) => `${line}\n`).join("") + good;
  const { status, stdout, stderr } = await runAssay(["score", model, "-", "--backend", backend], {
    input,
  });
  assert.equal(status, 1, stderr);
  const rows = rowsOf(stdout);
  assert.equal(rows.length, bad.length + 2);
  bad.forEach(([line, code, message], index) => {
    const error = rows[index + 1]!.error as { code: string; message: string } | undefined;
    assert.equal(error?.code, code, line.slice(0, 80));
    assert.match(error.message, message);
  });
  assert.equal(typeof rows[0]!.score, "number");
  assert.equal(rows[0]!.score, rows.at(-1)!.score);
  assert(!stdout.includes("NaN"));
});

Deno.test("assay score tells what it may not read or write, with 2", async () => {
  const unreadable = await runAssay(["score", model, "rows.jsonl"], { permissions: [] });
  assert.equal(unreadable.status, 2);
  assert.equal(
    unreadable.stderr,
    "assay: Cannot read rows.jsonl: Deno was not given the permission; add --allow-read=rows.jsonl " +
      "[data/no-permission]\n",
  );
  await inFolder(async (folder) => {
    const args = ["score", model, "-", "--output", `${folder}/out.jsonl`];
    const unwritable = await runAssay(args, { input: good });
    assert.equal(unwritable.status, 2);
    assert.match(unwritable.stderr, /add --allow-write=.*out\.jsonl \[data\/cannot-write\]/);
  });
});

Deno.test("assay score ends with 2 and one line where the model does not exist", async () => {
  const { status, stdout, stderr } = await runAssay(["score", "no/such/model", "-"], {
    input: good,
  });
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /^assay: .*no\/such\/model.* \[checkpoint\/[a-z-]+\]\n$/);
});

testWhere(
  Deno.build.os === "windows" ? "there is no sh" : undefined,
  "assay score ends quietly in `assay score … | head -1`",
  () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/rows.jsonl`, '{"bad":1}\n'.repeat(200_000));
      const assay = `"${Deno.execPath()}" run --quiet --no-prompt --allow-read src/cli/main.ts`;
      const score = `${assay} score ${model} "${folder}/rows.jsonl" --backend cpu`;
      const { stdout, stderr } = await new Deno.Command("sh", {
        args: ["-c", `${score} | head -1`],
      }).output();
      assert.match(new TextDecoder().decode(stdout), /^\{"bad":1,"error":\{[^\n]*\n$/);
      assert.equal(new TextDecoder().decode(stderr), "");
    }),
);

/** Whether a process has rows in a temporary file, which has no name: only the process shows it. */
async function hasWaitingRows(pid: number): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for await (const { name } of Deno.readDir(folder)) {
    const target = await Deno.readLink(`${folder}/${name}`).catch(() => "");
    if (!/\.tmp \(deleted\)$/.test(target)) continue;
    return await Deno.stat(`${folder}/${name}`).then(({ size }) => size > 0, () => false);
  }
  return false;
}

testWhere(
  Deno.build.os === "linux" ? undefined : "there is no /proc to see a nameless file in",
  "assay score writes what it has scored when it is interrupted",
  () =>
    inFolder(async (folder) => {
      const output = `${folder}/out.csv`;
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--quiet", "--no-prompt", "--allow-read", `--allow-write=${folder}`],
          ...["src/cli/main.ts", "score", model, "-", "--backend", "cpu", "--batch", "64"],
          ...["--output", output],
        ],
        stdin: "piped",
        stderr: "piped",
      }).spawn();
      const input = child.stdin.getWriter();
      await input.write(new TextEncoder().encode(good.repeat(200))); // and the pipe stays open
      while (!await hasWaitingRows(child.pid)) await new Promise((go) => setTimeout(go, 20));
      child.kill("SIGINT");
      const { code, stderr } = await child.output();
      await input.abort().catch(() => {});
      assert.equal(code, 1, new TextDecoder().decode(stderr));
      assert.match(new TextDecoder().decode(stderr), /warning: interrupted/);
      const lines = (await Deno.readTextFile(output)).trimEnd().split("\n");
      assert.equal(lines[0], "prompt,response,score,tokens");
      assert(lines.length > 1);
      assert(lines.slice(1).every((line) => line.startsWith("How much is 2+2?,4,")));
    }),
);

Deno.test("assay --help and --version need no permission at all", async () => {
  const permissions: string[] = [];
  assert.equal((await runAssay(["--help"], { permissions })).status, 0);
  assert.equal((await runAssay(["score", "--help"], { permissions })).stderr, "");
  assert.match((await runAssay(["--version"], { permissions })).stdout, /^\d+\.\d+\.\d+\n$/);
});
