import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

async function vote(args: readonly string[]) {
  const captured = captureOutput();
  const { output } = captured;
  const status = await run([voteCommand(output)], ["vote", ...args], output);
  return { status, rows: captured.rows(), stderr: captured.stderr() };
}

async function write(path: string, rows: readonly unknown[]): Promise<string> {
  await Deno.writeTextFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
}

Deno.test("assay vote matches ids within subsets, and says where it can only go by the order", async () => {
  await inFolder(async (folder) => {
    const rows = [["x", 1, 1], ["x", 2, 2], ["y", 1, 4], ["y", 2, 8]] as const;
    const scored = rows.map(([subset, id, score]) => ({ subset, id, score }));
    const a = await write(`${folder}/a.jsonl`, scored);
    const b = await write(`${folder}/b.jsonl`, scored.toReversed());
    const joined = await vote([a, b]);
    assert.equal(joined.status, 0);
    assert.deepEqual(joined.rows.map(({ score }) => score), [1, 2, 4, 8]);
    assert.doesNotMatch(joined.stderr, /order/);
    const bare = scored.map(({ score }) => ({ score }));
    const c = await write(`${folder}/c.jsonl`, bare);
    const ordered = await vote([a, c]);
    assert.match(
      ordered.stderr,
      /warning: rows are matched by their order, because .*a\.jsonl has the id 1 more than once; nothing in them/,
    );
    const swapped = await vote([
      await write(`${folder}/d.jsonl`, scored.map(({ id: _, ...row }) => row)),
      await write(`${folder}/e.jsonl`, scored.toReversed().map(({ id: _, ...row }) => row)),
    ]);
    assert.equal(swapped.status, 2);
    assert.match(swapped.stderr, /voting\/subsets-differ/);
  });
});
