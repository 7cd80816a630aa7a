import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

Deno.test("assay vote --adapter scores as PEFT runs the adapter", async () => {
  const golden = JSON.parse(await Deno.readTextFile("tests/golden/parity/llama/golden.json"));
  const adapter = "tests/golden/voting/peft_adapter";
  const { scores } = JSON.parse(await Deno.readTextFile(`${adapter}/merged.json`));
  await inFolder(async (folder) => {
    const rows = golden.conversations
      .filter(({ name }: { name: string }) => name in scores)
      .map(({ name, messages }: { name: string; messages: unknown }) =>
        JSON.stringify({ id: name, messages })
      );
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows.join("\n"));
    const captured = captureOutput();
    const args = ["vote", "--model", "tests/golden/parity/llama", "--adapter", adapter];
    const status = await run(
      [voteCommand(captured.output)],
      [...args, "--backend", "cpu", "--no-cache", `${folder}/rows.jsonl`],
      captured.output,
    );
    assert.equal(status, 0, captured.stderr());
    const voted = captured.rows();
    assert.equal(voted.length, 4);
    for (const { id, score } of voted as { id: string; score: number }[]) {
      const bound = 1e-4 * Math.max(1, Math.abs(scores[id]));
      assert.ok(Math.abs(score - scores[id]) <= bound, `${id}: ${score}, PEFT ${scores[id]}`);
    }
  });
});
