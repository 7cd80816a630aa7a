import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { probeCommand } from "../../src/cli/probe/probe.ts";
import { stubScorer } from "../tasks/score/stub_scorer.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

type Json = Record<string, unknown>;

const pairs: readonly Json[] = Array.from({ length: 6 }, (_, i) => ({
  id: `p${i}`,
  prompt: `Why ${i}?`,
  chosen: "Because it is so.".slice(0, 10 + i),
  rejected: "No.",
}));

/** Runs `assay probe MODEL FOLDER/rows.jsonl …`; `@` in an argument stands for the folder. */
async function probe(
  args: readonly string[],
  { rows = pairs as readonly (Json | string)[], isTerminal = false, model = "stub" } = {},
  use: (folder: string) => Promise<void> = () => Promise.resolve(),
) {
  const captured = captureOutput({ isTerminal });
  let status = -1;
  await inFolder(async (folder) => {
    const text = rows.map((row) => typeof row === "string" ? row : JSON.stringify(row)).join("\n");
    await Deno.writeTextFile(`${folder}/rows.jsonl`, text);
    const command = model === "stub"
      ? probeCommand(captured.output, () => Promise.resolve(stubScorer()))
      : probeCommand(captured.output);
    const given = args.map((arg) => arg.replace("@", folder));
    const source = model === "stub" ? "tests/golden/parity/llama" : model;
    const all = ["probe", source, `${folder}/rows.jsonl`, ...given];
    status = await run([command], all, captured.output);
    await use(folder);
  });
  return {
    status,
    get rows(): Json[] {
      return captured.rows();
    },
    stdout: captured.stdout(),
    stderr: captured.stderr(),
  };
}

Deno.test("assay probe tells a line for each change, its noise and its units", async () => {
  const { status, rows, stderr } = await probe(["--change", "emoji", "--change", "prompt-quoted"]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(rows.map(({ change }) => change), ["emoji", "prompt-quoted"]);
  const [emoji] = rows;
  assert.equal(emoji!.rows, 6);
  assert.equal(emoji!.flips_loser, 0);
  assert.equal(emoji!.flips_loser_low, 0);
  assert.ok(Number(emoji!.score_change) > 0);
  assert.equal(emoji!.accuracy_rejected, 1);
  assert.match(stderr, /standard deviations of the 12 responses' scores/);
  assert.match(stderr, /6 responses were scored twice among the others: 0 got another number/);
  assert.match(stderr, /order of answers cannot matter/);
});

Deno.test("assay probe shows a table at a terminal, saves its report, and writes changed rows that score takes", async () => {
  let summary: Json = {};
  let changed: Json[] = [];
  const args = ["--change", "again-400", "--summary", "@/s.json", "--output", "@/c.jsonl"];
  const { status, stdout, stderr } = await probe(args, { isTerminal: true }, async (folder) => {
    summary = JSON.parse(await Deno.readTextFile(`${folder}/s.json`));
    const text = await Deno.readTextFile(`${folder}/c.jsonl`);
    changed = text.trim().split("\n").map((line) => JSON.parse(line));
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /change\s+of\s+rows\s+score change\s+95 %\s+loser alone/);
  assert.match(stdout, /again-400\s+response\s+6\s+\+\d/);
  assert.equal((summary.changes as Json[])[0]!.flips_loser, 1);
  assert.deepEqual(summary.noise, { repeated: 6, different: 0 });
  assert.match(String(summary.answer_order), /cannot matter/);
  assert.equal(changed.length, 12);
  assert.deepEqual(Object.keys(changed[0]!), [
    "row",
    "id",
    "response",
    "change",
    "messages",
    "score_before",
    "score",
  ]);
});

Deno.test("assay probe --list needs no model, and names the user's own changes too", async () => {
  const captured = captureOutput();
  const args = ["probe", "--list", "--prefix", "Sure. ", "--lengths", "7"];
  assert.equal(await run([probeCommand(captured.output)], args, captured.output), 0);
  const names = captured.rows().map(({ change }) => change);
  assert.ok(["again-7", "filler-7", "prefix-1", "typos"].every((name) => names.includes(name)));
});

Deno.test("assay probe takes names and paraphrases from files, and only those with --no-standard", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/names.csv`, "name,other\nEmily,Lakisha\n");
    await Deno.writeTextFile(`${folder}/p.jsonl`, '{"text": "Yes.", "paraphrase": "It is so."}\n');
    const rows = [{ prompt: "Is Emily in?", response: "Yes." }];
    const args = [
      "--no-standard",
      "--names",
      `${folder}/names.csv`,
      "--paraphrases",
      `${folder}/p.jsonl`,
    ];
    const { rows: found } = await probe(args, { rows });
    const counts = found.map(({ change, rows }) => [change, rows]);
    assert.deepEqual(counts, [["names", 1], ["prompt-paraphrase", 0], ["paraphrase", 1]]);
    await Deno.writeTextFile(`${folder}/names.csv`, "name\nEmily\n");
    const bad = await probe(args, { rows });
    assert.equal(bad.status, 2);
    assert.match(
      bad.stderr,
      /names\.csv: expected a text in the column "other".*\[data\/bad-row\]/,
    );
  });
});

Deno.test("assay probe leaves bad rows out by name, and fails where none is left", async () => {
  const some = await probe(["--change", "emoji"], { rows: [...pairs, "{", { prompt: "Q" }] });
  assert.equal(some.status, 1);
  assert.match(some.stderr, /2 of 8 rows are left out\. The first: .*\[data\/bad-row\]/);
  assert.equal(some.rows[0]!.rows, 6);
  const none = await probe(["--change", "emoji"], { rows: [{ prompt: "Q" }] });
  assert.equal(none.status, 2);
  assert.match(none.stderr, /Cannot probe any of 1 rows/);
});

for (
  const [args, expected] of [
    [["--change", "emoij"], /probing\/unknown-change/],
    [["--no-standard"], /probing\/bad-changes/],
    [["--lengths", "0"], /at least 1/],
    [["--lengths", "999999999"], /at most 100000 characters/],
    [["--summary", "@/rows.jsonl"], /one of the inputs/],
    [["--seed", "1.5"], /whole number/],
  ] as const
) {
  Deno.test(`assay probe ${args.join(" ")} is wrong usage`, async () => {
    const { status, stderr } = await probe(args);
    assert.equal(status, 2);
    assert.match(stderr, expected);
  });
}

Deno.test("assay probe finds what the demo model likes: length comes first", async () => {
  const args = ["again-1600", "emoji", "opener", "prompt-polite"];
  const rows = [
    ["Why is the sky blue?", "Air scatters blue light more than red.", "It reflects the sea."],
    ["What is the capital of Italy?", "Rome.", "Milan, I think."],
    ["How do I boil an egg?", "Eight minutes in boiling water.", "Put it into the oven."],
    [
      "How can I sleep better?",
      "Go to bed at the same time each night, and keep the room dark and cool.",
      "Drink coffee in the evening.",
    ],
    ["What does a compiler do?", "It turns source code into machine code.", "It prints documents."],
    [
      "Why do leaves fall in autumn?",
      "Trees save water and energy by letting them go.",
      "Because of birds.",
    ],
  ].map(([prompt, chosen, rejected]) => ({ prompt, chosen, rejected }));
  const { status, rows: found, stderr } = await probe(
    [...args.flatMap((name) => ["--change", name]), "--backend", "wasm"],
    { rows, model: "models/demo" },
  );
  assert.equal(status, 0, stderr);
  assert.equal(found[0]!.change, "again-1600");
  assert.equal(found[0]!.kind, "length");
  assert.ok(Number(found[0]!.score_change_low) > 0);
  assert.ok(Number(found[0]!.flips_loser) > 0.5);
  assert.match(stderr, /6 responses were scored twice among the others: 0 got another number/);
});

/** The stub scores by length. */
const counterfactuals: readonly Json[] = [
  { prompt: "Q1", responses: ["four", "It is four."], bias: "length", with_trait: 1, human: 0.25 },
  { prompt: "Q2", chosen: "No.", rejected: "Never, no.", bias: "length", with_trait: "rejected" },
  { prompt: "Q3", responses: ["so", "s."], bias: "jargon", with_trait: "0", human: "1" },
  {
    bias: "length",
    query: "Q4",
    response_1: "Longer than the other.",
    response_2: "Short.",
    human_preference: "response_2",
    "perturbed (bias-expressing) response": "response_1",
  },
];

Deno.test("assay probe --skew tells how often a trait wins beside people, also in the published layout", async () => {
  let written: Json[] = [];
  let summary: Json = {};
  const { status, rows, stderr } = await probe(
    ["--skew", "--output", "@/o.jsonl", "--summary", "@/s.json"],
    { rows: counterfactuals },
    async (folder) => {
      const text = await Deno.readTextFile(`${folder}/o.jsonl`);
      written = text.trim().split("\n").map((line) => JSON.parse(line));
      summary = JSON.parse(await Deno.readTextFile(`${folder}/s.json`));
    },
  );
  assert.equal(status, 0, stderr);
  const [length, jargon] = rows;
  assert.deepEqual([length!.trait, length!.pairs, length!.skew], ["length", 3, 1]);
  assert.deepEqual([length!.human_pairs, length!.human, length!.disagreement], [2, 0.125, 1]);
  assert.deepEqual([jargon!.ties, jargon!.skew, jargon!.disagreement], [1, 0.5, 0.5]);
  assert.deepEqual(written.map(({ margin }) => margin), [7, 7, 0, 16]);
  assert.equal((summary.traits as Json[]).length, 2);
});

Deno.test("assay probe --skew leaves rows out that are no counterfactual pairs, and shows a table", async () => {
  const rows = [
    ...counterfactuals,
    { prompt: "Q", responses: ["a", "b"], bias: "length" },
    { prompt: "Q", responses: ["a", "b", "c"], bias: "length", with_trait: 0 },
    { prompt: "Q", responses: ["a", "b"], with_trait: 0 },
    { prompt: "Q", responses: ["a", "b"], bias: "length", with_trait: 0, human: "most" },
    '{"prompt": "Q", "responses": ["a", "b"], "bias": "length", "with_trait": 12345678901234567890}',
  ];
  const { status, stdout, stderr } = await probe(["--skew"], { rows, isTerminal: true });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /5 of 9 rows are left out\. The first: Row 5: .*"with_trait", found nothing/,
  );
  assert.match(stdout, /length\s+3\s+100\.0 %/);
  const wrong = await probe(["--skew", "--change", "emoji"], { rows });
  assert.equal(wrong.status, 2);
});
