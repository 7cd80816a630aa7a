import assert from "node:assert/strict";
import { evaluateCommand } from "../../src/cli/evaluate/evaluate.ts";
import { inspectCommand } from "../../src/cli/inspect/inspect.ts";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { captureOutput } from "./captured_output.ts";

async function assay(...args: string[]) {
  const captured = captureOutput();
  const { output } = captured;
  const commands = [scoreCommand(output), inspectCommand(output), evaluateCommand(output)];
  const status = await run(commands, [...args, "--backend", "cpu"], output);
  return { status, ...captured };
}

async function fileOf(...rows: readonly unknown[]): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  await Deno.writeTextFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

const mlp = "tests/golden/parity/process_mlp";

Deno.test("assay score writes the scores of steps in every shape of row, asked to explain or not", async () => {
  const steps = ["It is", "4."];
  const rows = await fileOf(
    { prompt: "2+2?", steps },
    { prompt: "2+2?", chosen: steps, rejected: ["5."] },
    { prompt: "2+2?", responses: [steps, "no steps"] },
    { prompt: "2+2?", response: "4.", step_scores: "an older one" },
  );
  const { status, rows: scored } = await assay("score", mlp, rows, "--reduce-steps", "min");
  assert.equal(status, 1);
  const [single, pair, many, none] = scored();
  const [first, last] = single!.step_scores as number[];
  assert.equal(single!.score, Math.min(first!, last!));
  assert.deepEqual(pair!.chosen_step_scores, single!.step_scores);
  assert.equal((pair!.rejected_step_scores as number[]).length, 1);
  assert.deepEqual(many!.step_scores, [single!.step_scores, null]);
  assert.deepEqual(many!.scores, [single!.score, null]);
  assert.ok(!("step_scores" in none!));
  const table = await assay("score", mlp, rows, "--format", "table");
  assert.match(table.stdout(), new RegExp(`steps ${first!.toFixed(3)} ${last!.toFixed(3)}`));
});

Deno.test("assay inspect names the tokens whose logits are read, and where steps are", async () => {
  const logits = await assay(
    ...["inspect", "tests/golden/parity/process_logits", "--logits", "+,-", "--step-token", "ки"],
    ...["--prompt", "2+2?", "--text", "It is ки\n4. ки", "--format", "table"],
  );
  assert.equal(logits.status, 0);
  assert.match(logits.stdout(), /logits of\s+\d+ "\+" against \d+ "-"/);
  assert.match(logits.stdout(), /score\s+the last step's probability/);
  assert.match(logits.stdout(), /reads\s+score at each token \d+ "ки" that ends a step/);
  assert.equal(logits.stdout().match(/<- score is read here/g)?.length, 2);
  const turns = await assay(
    ...["inspect", "tests/golden/parity/process_turns", "--logits", "+,-", "--step-turns"],
    ...["--text", '{"prompt": "2+2?", "steps": ["It is", "4."]}', "--format", "jsonl"],
  );
  const [{ head, texts }] = turns.rows() as [{ head: Record<string, unknown>; texts: never[] }];
  assert.equal(head.steps, "last");
  assert.deepEqual(head.reads, { score: { at: "turn" } });
  const { tokens } = texts[0]! as { tokens: { text: string; read?: string }[] };
  const read = tokens.flatMap(({ read }, at) => read === undefined ? [] : [tokens[at + 1]!.text]);
  assert.deepEqual(read, ["+", "+"]);
});

Deno.test("a token of digits is asked what it is; id: and text: say so", async () => {
  const inspected = async (token: string) => {
    const { status, rows, stderr } = await assay(
      ...["inspect", "tests/golden/parity/head_logit", "--logit", token, "--format", "jsonl"],
    );
    const [report] = rows() as [{ head: { tokens: unknown } }?];
    return { status, tokens: report?.head.tokens, stderr: stderr() };
  };
  const digits = await inspected("0");
  assert.equal(digits.status, 2);
  assert.match(digits.stderr, /id:0 for the token with that number, or text:0/);
  assert.deepEqual((await inspected("id:0")).tokens, [{ id: 0, text: "!" }]);
  assert.deepEqual((await inspected("!")).tokens, [{ id: 0, text: "!" }]);
  const [text] = (await inspected("text:0")).tokens as { text: string }[];
  assert.equal(text!.text, "0");
  const three = await assay("inspect", "tests/golden/parity/head_logit", "--logits", "a,b,c");
  assert.equal(three.status, 2);
  const missing = await assay("score", mlp, "--chat-template", "no such file");
  assert.equal(missing.status, 2);
  assert.match(missing.stderr(), /--chat-template/);
});
