import assert from "node:assert/strict";
import { evaluateCommand } from "../../src/cli/evaluate/evaluate.ts";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import type { LoadScorer } from "../../src/tasks/score/open_scorer.ts";
import { testWhere } from "../requirement.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

/** A model that is interrupted while it loads. */
const interrupted: LoadScorer = async (_source, { signal }) => {
  Deno.kill(Deno.pid, "SIGINT");
  await new Promise((resolve) => signal!.addEventListener("abort", resolve));
  signal!.throwIfAborted();
  throw new Error("it was not interrupted");
};

testWhere(
  Deno.build.os === "windows" ? "there is no SIGINT" : undefined,
  "an interrupt while a model loads is an interrupt, with its own message and status",
  async () => {
    await inFolder(async (folder) => {
      const rows = `${folder}/rows.jsonl`;
      await Deno.writeTextFile(rows, '{"prompt":"?","chosen":"a","rejected":"b"}\n');
      for (
        const args of [
          ["score", folder, rows, "--output", `${folder}/out.jsonl`],
          ["evaluate", "--model", folder, rows],
        ]
      ) {
        const captured = captureOutput();
        const { output } = captured;
        const commands = [scoreCommand(output, interrupted), evaluateCommand(output, interrupted)];
        assert.equal(await run(commands, args, output), 2);
        assert.match(captured.stderr(), /^assay: .*interrupt \(Ctrl-C\).* \[cli\/interrupted\]\n$/);
        assert.equal(captured.stdout(), "");
      }
      await assert.rejects(Deno.stat(`${folder}/out.jsonl`), Deno.errors.NotFound);
    });
  },
);
