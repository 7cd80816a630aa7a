import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import type { LoadedScorer, LoadScorer } from "../../src/tasks/score/open_scorer.ts";
import { readRows } from "../../src/data/read_rows.ts";
import type { CheckpointFolder } from "../../src/checkpoint/folder.ts";
import { AssayError } from "../../src/error.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { captureOutput, inFolder } from "./captured_output.ts";
import { stubScorer } from "../tasks/score/stub_scorer.ts";

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly rows: () => Record<string, unknown>[];
  /** What the model was loaded with; nothing where it was not loaded. */
  readonly loaded: readonly { source: string | CheckpointFolder; options: LoadOptions }[];
}

/** Runs `assay score` in this process, with a stand-in for the model. */
async function assayScore(
  args: readonly string[],
  { scorer = stubScorer(), ...capture }: {
    scorer?: ReturnType<typeof stubScorer>;
    isTerminal?: boolean;
    stdoutLimit?: number;
  } = {},
): Promise<Run> {
  const captured = captureOutput(capture);
  const loaded: { source: string | CheckpointFolder; options: LoadOptions }[] = [];
  const load: LoadScorer = (source, options) => {
    loaded.push({ source, options });
    return Promise.resolve(scorer);
  };
  const { output } = captured;
  const status = await run([scoreCommand(output, load)], ["score", ...args], output);
  return {
    status,
    stdout: captured.stdout(),
    stderr: captured.stderr(),
    rows: captured.rows,
    loaded,
  };
}

/** Runs `assay score MODEL FILE …` on a file with this content. */
async function scoreFile(
  content: string,
  args: readonly string[] = [],
  options: Parameters<typeof assayScore>[1] = {},
  name = "rows.jsonl",
): Promise<Run> {
  let result: Run | undefined;
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/${name}`, content);
    result = await assayScore(["model", `${folder}/${name}`, ...args], options);
  });
  return result!;
}

const good = '{"prompt":"Q","response":"A"}\n';

Deno.test("assay score writes results to standard output and nothing else", async () => {
  const scorer = stubScorer();
  const { status, stdout, stderr, loaded } = await scoreFile(good, [], { scorer });
  assert.equal(status, 0);
  assert.equal(stdout, '{"prompt":"Q","response":"A","score":1,"tokens":11}\n');
  assert.match(stderr, /^assay: 1 rows; 1 conversations, 11 tokens in [\d.]+ s on the CPU\n$/);
  assert.equal(loaded[0]!.source, "model");
  assert(scorer.disposed);
});

Deno.test("assay score scores the rows around a line that is no JSON, and exits with 1", async () => {
  const { status, rows, stderr } = await scoreFile(`${good}{"prompt": \n${good}`);
  assert.equal(status, 1);
  assert.deepEqual(rows().map(({ line, score }) => line ?? score), [1, 2, 1]);
  const error = rows()[1]!.error as { code: string; message: string };
  assert.equal(error.code, "data/bad-row");
  assert.match(error.message, /^Cannot read line 2: expected a JSON object/);
  assert.match(stderr, /3 rows, 1 failed; 2 conversations/);
});

Deno.test("assay score says which row and column are bad", async () => {
  const { status, rows } = await scoreFile(`${good}{"id":"x","messages":[]}\n`);
  assert.equal(status, 1);
  assert.deepEqual(rows()[1], {
    id: "x",
    messages: [],
    error: {
      code: "data/bad-row",
      message:
        'Row 2: Cannot use column "messages": expected at least one message, found an empty list',
    },
  });
});

Deno.test("assay score takes an empty input as no rows: a note, no model, exit 0", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/empty.jsonl`, "\n");
    const args = ["model", `${folder}/empty.jsonl`, "--output", `${folder}/out.jsonl`];
    const { status, stdout, stderr, loaded } = await assayScore(args);
    assert.deepEqual([status, stdout, loaded.length], [0, "", 0]);
    assert.match(stderr, /^assay: .*empty\.jsonl has no rows\n$/);
    assert.equal(await Deno.readTextFile(`${folder}/out.jsonl`), "");
  });
});

Deno.test("assay score fails with 2 before loading the model where the input or the output is wrong", async () => {
  const missing = await assayScore(["model", "no/such.jsonl"]);
  assert.deepEqual([missing.status, missing.stdout, missing.loaded.length], [2, "", 0]);
  assert.equal(
    missing.stderr,
    "assay: Cannot read no/such.jsonl: there is no such file [data/no-such-file]\n",
  );
  const unwritable = await scoreFile(good, ["--output", "no/such/folder/out.jsonl"]);
  assert.deepEqual([unwritable.status, unwritable.loaded.length], [2, 0]);
  assert.match(unwritable.stderr, /there is no such folder \[data\/cannot-write\]/);
});

Deno.test("assay score fails with 2 where the model can't be loaded", async () => {
  const { output, stderr } = captureOutput();
  const load = () => Promise.reject(new AssayError("checkpoint/missing-config", "Cannot open it"));
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, good);
    const args = ["score", "model", `${folder}/rows.jsonl`];
    assert.equal(await run([scoreCommand(output, load)], args, output), 2);
  });
  assert.equal(stderr(), "assay: Cannot open it [checkpoint/missing-config]\n");
});

Deno.test("assay score keeps what was scored where the device breaks midway, and exits with 2", async () => {
  const broken = '{"prompt":"Q","response":"THROW"}\n';
  const scorer = stubScorer({ batch: 1 });
  const { status, rows, stderr } = await scoreFile(good + good + broken + good, [], { scorer });
  assert.equal(status, 2);
  assert.equal(rows().length, 2);
  assert.match(stderr, /assay: Cannot go on: it broke \[gpu\/device-lost\]/);
  assert(scorer.disposed);
});

Deno.test("assay score hands its flags to the model", async () => {
  const { loaded } = await scoreFile(good, [
    ...["--truncate", "left", "--trust-special-tokens", "--backend", "cpu"],
    ...["--memory-budget", "1.5GiB", "--batch", "512"],
  ]);
  const { truncate, trustSpecialTokens, backend, memoryBudget, tokensPerPack } = loaded[0]!.options;
  assert.deepEqual(
    [truncate, trustSpecialTokens, backend, memoryBudget, tokensPerPack],
    ["left", true, "cpu", 1.5 * 2 ** 30, 512],
  );
  const plain = (await scoreFile(good)).loaded[0]!.options;
  assert.equal(plain.truncate, undefined);
  assert.equal(plain.trustSpecialTokens, false);
  assert.equal(plain.backend, "auto");
});

Deno.test("assay score refuses flags and values it does not know, with 2", async () => {
  const cases: [string[], RegExp][] = [
    [
      ["--explan"],
      /^assay: unknown option '--explan' \(Did you mean --explain\?\) \[cli\/usage\]\n$/,
    ],
    [
      ["--backend", "tpu"],
      /argument 'tpu' is invalid\. Allowed choices are auto, gpu, wasm, cpu\. \[cli\/usage\]/,
    ],
    [["--batch", "0"], /Expected a whole number of at least 1\. \[cli\/usage\]/],
    [["--memory-budget", "lots"], /Expected a size such as 6GiB or 512MiB\. \[cli\/usage\]/],
    [["--truncate", "middle"], /Allowed choices are left, right\./],
    [["--format", "xml"], /Allowed choices are jsonl, table\./],
    [["extra"], /too many arguments/],
  ];
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = await assayScore(["model", "rows.jsonl", ...args]);
    assert.equal(status, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, message);
  }
  const { status, stderr } = await assayScore([]);
  assert.equal(status, 2);
  assert.match(stderr, /expected a model, or --server with the address of one, found neither/);
});

Deno.test("assay score --format table shows rows to people", async () => {
  const rows = [
    '{"id":"first","prompt":"Q","response":"A\\nB"}',
    '{"prompt":"Q","chosen":"AAAA","rejected":"B"}',
    '{"prompt":"Q","responses":["A","BB"]}',
    "broken",
    '{"prompt":"Q","response":"CUT"}',
  ].join("\n");
  const scorer = stubScorer({ objectives: ["helpful", "harmless"] });
  const { status, stdout } = await scoreFile(rows, ["--format", "table", "--explain"], { scorer });
  assert.equal(status, 1);
  const lines = stdout.split("\n").filter((line) => !line.includes("Cannot read line 4"));
  assert.deepEqual(lines, [
    "row    shape        score  result                       tokens",
    "first  single     3.00000                                   13",
    "    +1.000 harmless: reward 2.000 × coefficient 0.500",
    "    +0.500 helpful: reward 1.000 × coefficient 0.500",
    "2      pair       4.00000  chosen is better by 3.00000      25",
    "    +1.000 harmless: reward 2.000 × coefficient 0.500",
    "    +0.500 helpful: reward 1.000 × coefficient 0.500",
    "3      best of 2  2.00000  response 2 is best               23",
    "    +1.000 harmless: reward 2.000 × coefficient 0.500",
    "    +0.500 helpful: reward 1.000 × coefficient 0.500",
    "4                          no score",
    "5      single     3.00000                                   13",
    "    cut to the model's length",
    "    +1.000 harmless: reward 2.000 × coefficient 0.500",
    "    +0.500 helpful: reward 1.000 × coefficient 0.500",
    "",
  ]);
});

Deno.test("assay score --explain warns where the head has no objectives", async () => {
  const { status, rows, stderr } = await scoreFile(good, ["--explain"]);
  assert.equal(status, 0);
  assert.deepEqual(Object.keys(rows()[0]!), ["prompt", "response", "score", "tokens", "kernels"]);
  assert.match(stderr, /assay: warning: the model's head has a score alone/);
});

for (const name of ["out.jsonl", "out.jsonl.gz", "out.csv", "out.parquet"]) {
  Deno.test(`assay score --output ${name} writes the rows there`, async () => {
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/rows.jsonl`, `${good}broken\n`);
      const args = ["model", `${folder}/rows.jsonl`, "--output", `${folder}/${name}`];
      const { status, stdout } = await assayScore(args);
      assert.deepEqual([status, stdout], [1, ""]);
      const scores: unknown[] = [];
      for await (const { row } of readRows(`${folder}/${name}`)) {
        scores.push(row?.score || row?.line);
      }
      assert.deepEqual(scores.map(Number), [1, 2]);
    });
  });
}

Deno.test("assay score reads CSV and Parquet", async () => {
  const csv = await scoreFile('prompt,chosen,rejected,rank\nQ,"A, B",C,007\n', [], {}, "rows.csv");
  assert.deepEqual(csv.rows(), [{
    ...{ prompt: "Q", chosen: "A, B", rejected: "C", rank: "007" },
    ...{ chosen_score: 4, rejected_score: 1, margin: 3, chosen_tokens: 14, rejected_tokens: 11 },
  }]);
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, good.repeat(3));
    await assayScore(["model", `${folder}/rows.jsonl`, "--output", `${folder}/rows.parquet`]);
    const { status, rows } = await assayScore(["model", `${folder}/rows.parquet`]);
    assert.equal(status, 0);
    assert.deepEqual(rows(), Array(3).fill({ prompt: "Q", response: "A", score: 1, tokens: 11 }));
  });
});

Deno.test("assay score ends quietly when the reader of its output has gone", async () => {
  const scorer = stubScorer({ batch: 1 });
  const options = { scorer, stdoutLimit: 100_000 };
  const { status, stderr } = await scoreFile(good.repeat(20_000), [], options);
  assert.equal(status, 2); // not all rows were written
  assert.equal(stderr, "");
  assert(scorer.disposed);
});

Deno.test("assay score shows a progress bar at a terminal, and removes it", async () => {
  const { stderr, stdout } = await scoreFile(good.repeat(100), [], { isTerminal: true });
  assert.match(stderr, /scoring .* 100%/);
  assert.match(stderr, /assay: 100 rows; /);
  assert(!stdout.includes("\x1b"));
});

Deno.test("assay score --verbose shows the cause of an error", async () => {
  const { stderr } = await assayScore(["model", "no/such.jsonl", "--verbose"]);
  assert.match(stderr, /\[data\/no-such-file\]/);
  assert.match(stderr, /\[cause\]: NotFound/);
  assert.match(stderr, /at .*read_rows\.ts/);
});

/** The stand-in, whose tokens are the characters of the response. */
function byCharacter(): ReturnType<typeof stubScorer> {
  const scorer = stubScorer();
  const tokens: LoadedScorer["tokens"] = (conversation) =>
    Promise.resolve({
      tokens: ["\u0000", ...conversation.at(-1)!.content]
        .map((text) => ({ id: text.codePointAt(0)!, text })),
      truncated: false,
      positions: {},
    });
  return Object.assign(scorer, { tokens });
}

const pairOfTexts = JSON.stringify({ prompt: "<?>", chosen: "a<b", rejected: "no" });

Deno.test("assay score --explain tokens tells what each token adds", async () => {
  const { status, rows, stderr } = await scoreFile(pairOfTexts, ["--explain", "tokens"], {
    scorer: byCharacter(),
  });
  assert.equal(status, 0, stderr);
  const [row] = rows();
  assert.deepEqual(row!.chosen_token_rewards, [
    { text: "a", start: 0, end: 1, reward: 1 },
    { text: "<", start: 1, end: 2, reward: 1 },
    { text: "b", start: 2, end: 3, reward: 1 },
  ]);
  assert.deepEqual([row!.chosen_score, row!.chosen_empty_score, row!.rejected_empty_score], [
    3,
    0,
    0,
  ]);
  const candidates = JSON.stringify({ prompt: "?", responses: ["a", ""] });
  const [best] = (await scoreFile(candidates, ["--explain", "tokens"], {
    scorer: byCharacter(),
  })).rows();
  assert.deepEqual(best!.token_rewards, [[{ text: "a", start: 0, end: 1, reward: 1 }], []]);
  assert.deepEqual(best!.empty_score, [0, 0]);
});

Deno.test("assay score --explain takes no argument but tokens from those that follow it", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, pairOfTexts);
    const args = ["--explain", "model", `${folder}/rows.jsonl`];
    const { status, rows, loaded } = await assayScore(args);
    assert.equal(status, 0);
    assert.equal(loaded[0]!.source, "model");
    assert.equal(rows()[0]!.kernels, "cpu");
    assert.equal((await assayScore([...args, "--explain=all"])).status, 2);
  });
});

Deno.test("assay score --heat-map draws a page that shows any text as text", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, `${pairOfTexts}\n{"prompt": 1}\n`);
    const page = `${folder}/tokens.html`;
    const args = ["model", `${folder}/rows.jsonl`, "--heat-map", page];
    const explained = [...args, "--explain", "tokens"];
    const { status } = await assayScore(explained, { scorer: byCharacter() });
    assert.equal(status, 1);
    const html = await Deno.readTextFile(page);
    assert.match(html, /<h3>chosen: score 3\.0000, of an empty response 0\.0000<\/h3>/);
    assert.match(html, /style="--r:100%" title="\+1\.0000">&#60;<\/span>/);
    assert.match(html, /<p class="prompt">&#60;\?&#62;<\/p>/);
    assert.doesNotMatch(html, /(src|href)=|https?:/);
    assert.equal((await assayScore(args)).status, 2);
    assert.equal((await assayScore(explained.with(3, `${folder}/page.svg`))).status, 2);
  });
});

Deno.test("assay score --format table colours tokens on a terminal, and nowhere else", async () => {
  const args = ["--explain", "tokens", "--format", "table"];
  const painted = await scoreFile(pairOfTexts, args, { scorer: byCharacter(), isTerminal: true });
  // deno-lint-ignore no-control-regex
  assert.match(painted.stdout, /\n {4}\u001b\[38;5;16;48;5;75ma\u001b\[0m\u001b/);
  const plain = await scoreFile(pairOfTexts, args, { scorer: byCharacter() });
  assert.ok(!plain.stdout.includes("\u001b"));
  assert.match(plain.stdout, /chosen: \+1\.000 "a" \+1\.000 "<"/);
});
