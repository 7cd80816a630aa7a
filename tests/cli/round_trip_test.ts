import assert from "node:assert/strict";
import { run } from "../../src/cli/main.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import { curateCommand } from "../../src/cli/curate/curate.ts";
import { calibrateCommand } from "../../src/cli/calibrate/calibrate.ts";
import type { Row } from "../../src/data/rows.ts";
import { readRows } from "../../src/data/read_rows.ts";
import type { LoadedScorer } from "../../src/tasks/score/open_scorer.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";
import { textFingerprint } from "../../src/voting/join_voters.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

/** Scores by everything that a model could be given of a conversation. */
const scorer: LoadedScorer = {
  objectives: [],
  parts: [],
  backend: "cpu",
  async *scoreStream(conversations): AsyncGenerator<Verdict> {
    for await (const conversation of conversations) {
      const { variables = null } = conversation;
      const sorted = conversation.map((message) => Object.entries(message).sort());
      const text = textFingerprint({ prompt: JSON.stringify([sorted, variables]) })!;
      const score = parseInt(text.replace("prompt:", "").slice(0, 6), 36) / 1e6;
      const nothing = {
        scoreStd: null,
        parts: {},
        rewards: null,
        coefficients: null,
        gating: null,
        error: null,
      };
      yield { ...nothing, score, tokens: text.length, truncated: false, kernels: "cpu" };
    }
  },
  [Symbol.dispose]() {},
};

async function assay(args: readonly string[]) {
  const captured = captureOutput();
  const { output } = captured;
  const commands = [
    scoreCommand(output, () => Promise.resolve(scorer)),
    voteCommand(output),
    curateCommand(output),
    calibrateCommand(output),
  ];
  const status = await run(commands, args, output);
  return { status, rows: captured.rows(), stderr: captured.stderr() };
}

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const weather = { name: "weather", parameters: { properties: { city: { type: "string" } } } };
const sum = { name: "sum", parameters: { required: ["a"], properties: { a: { default: null } } } };

const rows: readonly Row[] = [
  { prompt: [user("2+2?")], chosen: [assistant("4")], rejected: [assistant("\"5\"\n, é 'x'")] },
  { prompt: "2+2?", chosen: "4", rejected: "" },
  { chosen: [user("Q"), assistant("A")], rejected: [user("Q"), assistant("B")] },
  { chosen: "\n\nHuman: R\n\nAssistant: A", rejected: "\n\nHuman: R\n\nAssistant: B" },
  { prompt: "Q", responses: ["A", [assistant("B")], "C,\r\nD"] },
  { prompt: [user("Q")], responses: [[assistant("A")], [assistant("B")]] },
  { messages: [user([{ type: "text", text: "Q" }]), assistant("A")] },
  { messages: [{ ...user("Q"), name: "Ada" }, assistant("A")] },
  { prompt: "Q", response: "A", system: "Be brief.", tools: [weather] },
  { prompt: "Q", response: "A", tools: [sum], chat_template_kwargs: { enable_thinking: false } },
  { prompt: "Q", response: "A", documents: [{ title: "T", text: "t" }] },
  {
    messages: [
      user("Q"),
      {
        role: "assistant",
        content: null,
        tool_calls: [{ function: { name: "sum", arguments: { a: 1 } } }],
      },
      { role: "tool", content: "2", tool_call_id: "1" },
      { ...assistant("A"), reasoning_content: "Hm." },
    ],
  },
  {
    messages: [user("Q"), {
      ...assistant(""),
      tool_calls: [{ function: { name: "weather", arguments: { city: "Rome" } } }],
    }],
  },
  { messages: [{ role: "system", content: "S" }, user("Q"), assistant("A")] },
].map((row, id) => ({ id, ...row }));

/** All scores of a row, whatever its shape, in one text. */
function scoreOf({ score, chosen_score, rejected_score, scores }: Row): string {
  const list = typeof scores === "string" ? JSON.parse(scores || "[]") : scores ?? [];
  return [score, chosen_score, rejected_score, ...list].map((one) => one ? Number(one) : "").join();
}

Deno.test("scores are the same whatever format the rows have passed", async () => {
  await inFolder(async (folder) => {
    const input = `${folder}/in.jsonl`;
    await Deno.writeTextFile(input, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const first = await assay(["score", "model", input]);
    assert.equal(first.status, 0, first.stderr);
    assert.equal(new Set(first.rows.map(scoreOf)).size, rows.length);
    const extensions = ["jsonl", "csv", "tsv", "parquet", "csv.gz"];
    for (const extension of extensions) {
      let from = input;
      // Once more from its own output: a second passage must change nothing either.
      for (const to of [`${folder}/once.${extension}`, `${folder}/twice.${extension}`]) {
        const written = await assay(["score", "model", from, "--output", to]);
        assert.equal(written.status, 0, written.stderr);
        const again = await assay(["score", "model", to]);
        assert.equal(
          again.status,
          0,
          `${extension}: ${JSON.stringify(again.rows.map((r) => r.error))}`,
        );
        again.rows.forEach((row, index) => {
          assert.equal(scoreOf(row), scoreOf(first.rows[index]!), `${extension}, row ${index}`);
        });
        from = to;
      }
    }
    for (const one of extensions) {
      for (const two of extensions) {
        const voted = await assay(["vote", `${folder}/once.${one}`, `${folder}/twice.${two}`]);
        assert.equal(voted.status, 0, `${one} and ${two}: ${voted.stderr}`);
      }
    }
  });
});

Deno.test("calibrate measures, and curate turns round, what the text of messages says", async () => {
  await inFolder(async (folder) => {
    const pairs = Array.from({ length: 30 }, (_, id) => ({
      id,
      prompt: [user(`Q${id}`)],
      chosen: [assistant("x".repeat(id + 1))],
      rejected: [assistant("y".repeat(40 - id))],
      chosen_score: Math.sin(id),
      rejected_score: Math.cos(id),
      margin: Math.sin(id) - Math.cos(id),
      strength_mean: Math.sin(id) - Math.cos(id),
    }));
    const input = `${folder}/pairs.jsonl`;
    await Deno.writeTextFile(input, pairs.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const csv = `${folder}/pairs.csv`;
    const parquet = `${folder}/pairs.parquet`;
    for (const to of [csv, parquet]) {
      assert.equal((await assay(["calibrate", input, "--output", to])).status, 0);
    }
    const expected = await assay(["calibrate", input]);
    for (const from of [csv, parquet]) {
      const { rows } = await assay(["calibrate", from]);
      assert.deepEqual(
        rows.map((row) => row.calibrated_margin),
        expected.rows.map((row) => row.calibrated_margin),
      );
    }
    for (const recipe of ["flip", "goal"]) {
      const [one, two] = await Promise.all([input, csv].map(async (from, index) => {
        const to = `${folder}/${recipe}${index}.jsonl`;
        const flags = ["--recipe", recipe, "--below", "-0.5", "--output", to];
        const done = await assay([
          "curate",
          from,
          ...(recipe === "flip" ? flags : flags.toSpliced(2, 2)),
        ]);
        assert.equal(done.status, 0, done.stderr);
        const scored = await assay(["score", "model", to]);
        assert.equal(scored.status, 0, scored.stderr);
        return scored.rows.map((row) => [row.chosen_score, row.rejected_score]);
      }));
      assert.ok(one!.length > 0);
      assert.deepEqual(two, one);
    }
    const flipped: unknown[] = [];
    for await (const { row } of readRows(`${folder}/flip1.jsonl`)) {
      if (row?.flipped) flipped.push([Number(row.score_margin) > 0, Number(row.strength_mean) > 0]);
    }
    assert.ok(flipped.length > 0);
    assert.ok(flipped.every((signs) => String(signs) === "true,true"));
  });
});

Deno.test("scores of a list of one number are that number, in every command that reads them", async () => {
  await inFolder(async (folder) => {
    const scored = Array.from({ length: 30 }, (_, i) => ({
      id: i,
      score: [(i * 7 % 30) / 10],
      length: i + 1,
    }));
    const plain = scored.map((row) => ({ ...row, score: row.score[0] }));
    const texts: Record<string, string> = {
      "lists.jsonl": scored.map((row) => `${JSON.stringify(row)}\n`).join(""),
      "plain.jsonl": plain.map((row) => `${JSON.stringify(row)}\n`).join(""),
      "lists.csv": `id,score,length\n${
        scored.map((row) => `${row.id},"[[${row.score[0]!.toFixed(1)}]]",${row.length}`).join("\n")
      }\n`,
    };
    for (const [name, text] of Object.entries(texts)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const [lists, numbers, cells] = await Promise.all(
      ["lists.jsonl", "plain.jsonl", "lists.csv"].map((name) =>
        assay(["calibrate", `${folder}/${name}`])
      ),
    );
    const calibrated = (result: typeof lists) => result!.rows.map((row) => row.calibrated_score);
    assert.deepEqual(calibrated(lists), calibrated(numbers));
    assert.deepEqual(calibrated(cells), calibrated(numbers));
    const voted = await assay(["vote", `${folder}/lists.jsonl`, `${folder}/lists.csv`]);
    assert.deepEqual(voted.rows.map((row) => row.score), plain.map(({ score }) => score));
  });
});

Deno.test("lengths that a CSV cell holds are read, not measured on the texts beside them", async () => {
  await inFolder(async (folder) => {
    const candidates = Array.from({ length: 20 }, (_, i) => ({
      prompt: "Q",
      responses: ["a", "bb", "ccc"],
      scores: [Math.sin(i), Math.cos(i), i / 20],
      lengths: [100 + i, 300 - 3 * i, 50 + 7 * i],
    }));
    const input = `${folder}/in.jsonl`;
    const text = candidates.map((row) => `${JSON.stringify(row)}\n`).join("");
    await Deno.writeTextFile(input, text);
    const csv = `${folder}/out.csv`;
    assert.equal((await assay(["calibrate", input, "--output", csv])).status, 0);
    const [one, two] = await Promise.all([input, csv].map((from) => assay(["calibrate", from])));
    assert.deepEqual(
      two!.rows.map((row) => row.calibrated_scores),
      one!.rows.map((row) => row.calibrated_scores),
    );
  });
});
