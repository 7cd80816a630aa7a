import assert from "node:assert/strict";
import { quantizeCommand } from "../../src/cli/quantize.ts";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { soupCommand } from "../../src/cli/soup.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

const llama = "tests/golden/parity/llama";
const rows = [
  { prompt: "2 + 2?", chosen: "4", rejected: "5" },
  { prompt: "Best?", responses: ["A", "B", "C"] },
  { prompt: 7 },
].map((row) => JSON.stringify(row)).join("\n") + "\n{broken\n";

async function assay(...args: string[]) {
  const { output, stdout, stderr } = captureOutput();
  const commands = [quantizeCommand(output), scoreCommand(output), soupCommand(output)];
  const status = await run(commands, args, output);
  return { status, stdout: stdout(), stderr: stderr() };
}

Deno.test("assay quantize writes a checkpoint and reports; bad rows are counted and end nothing", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows);
    const report = ["--report", `${folder}/rows.jsonl`, "--backend", "cpu"];
    const to = `${folder}/q8`;
    const both = await assay("quantize", llama, "--weights", "int8", "--output", to, ...report);
    assert.equal(both.status, 1, both.stderr); // two rows have no score
    const [line] = both.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual([line.weights, line.rows, line.failed, line.pairs], ["int8", 4, 2, 4]);
    assert.ok(line.max_change > 0 && line.max_change < 0.1 * line.score_std + 0.05, both.stdout);
    assert.ok(line.quantized_weight_bytes < line.weight_bytes);
    assert.match(both.stderr, /2 of 4 rows are left out/);
    const config = JSON.parse(await Deno.readTextFile(`${to}/config.json`));
    assert.deepEqual(config.quantization_config, {
      ...{ quant_method: "assay", version: 1 },
      ...{ bits: 8, group_size: 32 },
    });
    // A table for people, of both forms.
    const table = await assay("quantize", llama, "--format", "table", ...report);
    assert.match(table.stdout, /int8 \/ 32 .*\nint4 \/ 32 /);
    // The folder scores as the flag does.
    const scored = async (...args: string[]) =>
      (await assay("score", ...args, `${folder}/rows.jsonl`, "--backend", "cpu")).stdout;
    assert.equal(await scored(to), await scored(llama, "--weights", "int8"));
    assert.match(await scored(to), /"weights":"int8"/);
  });
});

Deno.test("assay quantize says in one sentence what it does not do", async () => {
  await inFolder(async (folder) => {
    const to = `${folder}/q4`;
    const refused = async (message: RegExp, ...args: string[]) => {
      const { status, stdout, stderr } = await assay(...args);
      assert.deepEqual([status, stdout], [2, ""], stderr);
      assert.match(stderr, message);
    };
    await refused(/--output FOLDER, --report ROWS or both, found neither/, "quantize", llama);
    await refused(/one form with --output/, "quantize", llama, "--output", to);
    await refused(/Expected int8, int4/, "quantize", llama, "--weights", "int2", "--output", to);
    await refused(/Expected 32 or 128/, "quantize", llama, "--group", "48", "--output", to);
    const made = await assay("quantize", llama, "--weights", "int4", "--output", to);
    assert.equal(made.status, 0, made.stderr);
    const again = ["quantize", llama, "--weights", "int4", "--output"];
    await refused(/folder without weights/, ...again, to);
    const other = `${folder}/other`;
    await refused(
      /found int4 in groups of 32/,
      "quantize",
      to,
      "--weights",
      "int8",
      "--output",
      other,
    );
    await refused(/quantised/, "soup", to, to, "--output", other);
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows);
    const adapter = ["--adapter", "tests/golden/voting/peft_adapter", "--backend", "cpu"];
    await refused(
      /put the adapter on the model before it was quantized/,
      ...["score", to, `${folder}/rows.jsonl`, ...adapter],
    );
    // What can't be quantized leaves nothing behind.
    await refused(/Cannot/, "quantize", `${folder}/none`, "--weights", "int8", "--output", other);
    await assert.rejects(Deno.stat(`${other}/config.json`));
  });
});
