import assert from "node:assert/strict";
import { inspectCommand } from "../../src/cli/inspect/inspect.ts";
import { run } from "../../src/cli/main.ts";
import type { LoadOptions, TokenName } from "../../src/scoring/load_options.ts";
import {
  goldenConversations,
  goldenLabel,
  goldenOptions,
  parityFolder,
  parityModels,
} from "../golden/parity.ts";
import { captureOutput } from "./captured_output.ts";

for (const model of parityModels) {
  Deno.test(`assay inspect names the family, head, positions and score of ${model}`, async () => {
    const config = JSON.parse(await Deno.readTextFile(`${parityFolder(model)}/config.json`));
    const { messages } = (await goldenConversations(model))[0]!;
    const label = await goldenLabel(model);
    const asked = flagsOf(await goldenOptions(model));
    const inspect = async (format: string): Promise<string> => {
      const { output, stdout, stderr } = captureOutput();
      const text = ["--text", JSON.stringify(messages)];
      const args = [
        "inspect",
        parityFolder(model),
        "--backend",
        "cpu",
        "--format",
        format,
        ...text,
        ...(label === undefined ? [] : ["--label", label]),
        ...asked,
      ];
      assert.equal(await run([inspectCommand(output)], args, output), 0, stderr());
      return stdout();
    };
    const { backbone, head, texts: [text] } = JSON.parse(await inspect("jsonl"));
    assert.equal(backbone.family, config.model_type);
    assert.equal(typeof head.kind, "string");
    const reads = Object.keys(head.reads);
    assert.ok(reads.length > 0);
    // Each read has its positions, and a mark at each of them.
    for (const read of reads) {
      assert.ok(text.pooled_positions[read].length > 0, `${read} has no position`);
    }
    if (head.labels.length > 0) assert.ok(head.labels.includes(head.score_label));
    const table = await inspect("table");
    const named = [`family      ${config.model_type}`, `kind        ${head.kind}`];
    assert.ok(!table.includes("undefined"), table);
    for (const line of named) assert.ok(table.includes(line), line);
    for (const read of reads) assert.match(table, new RegExp(`reads {7}${read} at `));
    if (head.score_label !== null) assert.match(table, /score {7}the logit of /);
    assert.equal(table.match(/^ {2}score {7}the /gm)?.length, 1, table);
  });
}

/** The flags that say what a program says with options. */
function flagsOf({ logit, logits, stepToken, stepTurns, reduceSteps }: LoadOptions): string[] {
  const text = (token: TokenName): string => typeof token === "number" ? `id:${token}` : token;
  return [
    ...(logit === undefined ? [] : ["--logit", text(logit)]),
    ...(logits === undefined ? [] : ["--logits", logits.map(text).join(",")]),
    ...(stepToken === undefined ? [] : ["--step-token", text(stepToken)]),
    ...(stepTurns ? ["--step-turns"] : []),
    ...(reduceSteps === undefined ? [] : ["--reduce-steps", reduceSteps]),
  ];
}
