import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { adapted } from "../tasks/adapted_models.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

const row = { prompt: "How much is 2 + 2?", chosen: "Four.", rejected: "Five, or perhaps six." };

async function assay(args: readonly string[], { isTerminal = false } = {}) {
  const { output, rows, stderr } = captureOutput({ isTerminal });
  const status = await main([...args], output);
  return { status, rows, stderr: stderr() };
}

async function withRows(use: (input: string, folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, `${JSON.stringify(row)}\n`);
    await use(`${folder}/rows.jsonl`, folder);
  });
}

for (const dtype of ["F32", "keep"]) {
  Deno.test(`assay score --adapter --adapter-dtype ${dtype} scores as vote does, at a terminal too`, async () => {
    await withRows(async (input) => {
      const flags = ["--adapter", adapted.adapter, "--adapter-dtype", dtype, "--backend", "cpu"];
      const scored = await assay(["score", adapted.model, input, ...flags]);
      assert.equal(scored.status, 0, scored.stderr);
      const vote = ["vote", "--model", adapted.model, "--no-cache", input, ...flags];
      const voted = await assay(vote);
      assert.equal(voted.status, 0, voted.stderr);
      const scores = ({ chosen_score, rejected_score }: Record<string, unknown>) => [
        chosen_score,
        rejected_score,
      ];
      assert.deepEqual(scores(scored.rows()[0]!), scores(voted.rows()[0]!));
      const watched = await assay(["score", adapted.model, input, ...flags], { isTerminal: true });
      assert.deepEqual(watched.rows(), scored.rows());
    });
  });
}

Deno.test("assay score and fit features refuse two adapters, and say what to do", async () => {
  await withRows(async (input, folder) => {
    const flags = ["--adapter", adapted.adapter, "--adapter", adapted.adapter];
    for (
      const command of [
        ["score", adapted.model, input],
        ["fit", "features", adapted.model, input, "--output", `${folder}/features`],
      ]
    ) {
      const { status, stderr } = await assay([...command, ...flags]);
      assert.equal(status, 2);
      assert.match(stderr, /expected one --adapter, found 2; .* \[cli\/usage\]/);
    }
  });
});

Deno.test("assay score --adapter says what is wrong with the adapter", async () => {
  await withRows(async (input) => {
    const missing = await assay(["score", adapted.model, input, "--adapter", "no/such"]);
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /adapter_config\.json of no\/such.*\[voting\/bad-adapter\]/);
    const wrongBase = await assay(["score", "models/demo", input, "--adapter", adapted.adapter]);
    assert.equal(wrongBase.status, 2);
    assert.match(wrongBase.stderr, /expected a base with .*\[voting\/bad-adapter\]/);
  });
});

Deno.test("assay fit features --adapter remembers the adapter, and fit head warns of another model", async () => {
  await withRows(async (input, folder) => {
    const output = `${folder}/features`;
    const flags = ["--adapter", adapted.adapter, "--output", output, "--backend", "cpu"];
    const { status, stderr } = await assay(["fit", "features", adapted.model, input, ...flags]);
    assert.equal(status, 0, stderr);
    const { model } = JSON.parse(await Deno.readTextFile(`${output}/features.json`));
    assert.equal(model, `${adapted.model} + ${adapted.adapter}`);
    const head = ["--features", output, "--output", `${folder}/head`, "--steps", "2"];
    const fitted = await assay(["fit", "head", adapted.model, ...head, "--held-out", "0"]);
    assert.equal(fitted.status, 0, fitted.stderr);
    assert.match(fitted.stderr, /warning: the features are those of .* \+ .*, not of/);
  });
});
