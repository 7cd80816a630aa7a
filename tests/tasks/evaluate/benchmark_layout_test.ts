import assert from "node:assert/strict";
import type { Row } from "../../../src/data/rows.ts";
import {
  benchmarkNamed,
  benchmarkOfRow,
  benchmarks,
} from "../../../src/evaluation/benchmarks/benchmarks.ts";
import { AssayError } from "../../../src/error.ts";
import { evaluateBenchmark } from "../../../src/tasks/evaluate/evaluate_benchmark.ts";
import { benchmarkRows } from "../../../src/tasks/evaluate/benchmark_layout.ts";
import { rowsInMemory } from "../../../src/tasks/repeatable_rows.ts";

/** The rows that Assay scores, without `benchmark`; codes of errors in place of rows. */
async function read(name: string, rows: readonly Row[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (
    const { row, error } of benchmarkRows(rowsInMemory(rows).read(), benchmarkNamed(name)!)
  ) {
    const { benchmark, ...rest } = row ?? {};
    if (error === undefined) assert.equal(benchmark, name);
    found.push(error === undefined ? rest : error.code);
  }
  return found;
}

/** One published row of each layout, and Assay's. */
const layouts: readonly (readonly [name: string, published: Row, own: Row])[] = [
  [
    "rewardbench",
    { prompt: "p", chosen: "c", rejected: "r", subset: "hep-go", id: 3 },
    { prompt: "p", chosen: "c", rejected: "r", subset: "hep-go", id: 3 },
  ],
  [
    "rewardbench2",
    {
      id: "tied:1",
      prompt: "p",
      chosen: ["a", "b"],
      rejected: ["c"],
      num_correct: 2n,
      subset: "ties",
    },
    { id: "tied:1", prompt: "p", num_correct: 2, subset: "ties", responses: ["a", "b", "c"] },
  ],
  [
    "rm-bench",
    { id: 1, prompt: "p", chosen: ["a", "b", "c"], rejected: ["d", "e", "f"], domain: "chat" },
    {
      id: 1,
      prompt: "p",
      domain: "chat",
      subset: "chat",
      responses: ["a", "b", "c", "d", "e", "f"],
      num_correct: 3,
    },
  ],
  [
    "judgebench",
    {
      pair_id: "x",
      source: "livecodebench",
      question: "p",
      response_A: "a",
      response_B: "b",
      label: "B>A",
    },
    {
      pair_id: "x",
      id: "x",
      source: "livecodebench",
      subset: "livecodebench",
      label: "B>A",
      prompt: "p",
      chosen: "b",
      rejected: "a",
    },
  ],
  [
    "rmb",
    {
      bon_uid: "7",
      category_path: "BoN_set/Harmlessness/S1",
      conversation_input: [{ role: "user", content: "p", language: "English" }],
      bon_best: { llm_name: "x", answer: "best" },
      loser_list: [{ llm_name: "y", answer: "l" }, { llm_name: "z", answer: "m" }],
    },
    {
      bon_uid: "7",
      id: "7",
      category_path: "BoN_set/Harmlessness/S1",
      subset: "BoN_set/Harmlessness/S1",
      prompt: [{ role: "user", content: "p" }],
      responses: ["best", "l", "m"],
      num_correct: 1,
    },
  ],
  [
    "ppe",
    {
      question_id: "q",
      prompt: "p",
      response_1: "a",
      response_2: "b",
      scores: [false, true],
      model_name: "m",
    },
    {
      question_id: "q",
      id: "q",
      prompt: "p",
      model_name: "m",
      subset: "m",
      responses: ["a", "b"],
      correct: [false, true],
    },
  ],
  [
    "helpsteer",
    {
      prompt: "p\n<extra_id_1>Assistant\nq\n<extra_id_1>User\nr",
      response_1: "a",
      response_2: "b",
      preference_strength: -2,
    },
    {
      preference_strength: -2,
      prompt: [
        { role: "user", content: "p" },
        { role: "assistant", content: "q" },
        { role: "user", content: "r" },
      ],
      chosen: "a",
      rejected: "b",
    },
  ],
  [
    "helpsteer",
    {
      domain: "code",
      context: [{ role: "user", content: "p" }],
      response1: "a",
      response2: "b",
      overall_preference: 0,
    },
    {
      domain: "code",
      subset: "code",
      overall_preference: 0,
      prompt: [{ role: "user", content: "p" }],
      responses: ["a", "b"],
      qualities: [0, 0],
    },
  ],
  [
    "helpsteer",
    { prompt: "p", response: "a", helpfulness: 3, correctness: 1, coherence: 2 },
    { prompt: "p", responses: ["a"], qualities: [3] },
  ],
  [
    "ultrafeedback",
    {
      instruction: "p",
      completions: [{ response: "a", overall_score: 7 }, { response: "b", overall_score: 3.5 }],
    },
    { prompt: "p", responses: ["a", "b"], qualities: [7, 3.5] },
  ],
  [
    "ultrafeedback",
    { prompt: "p", chosen: "a", rejected: "b", score_chosen: 4, score_rejected: 4, messages: [] },
    { prompt: "p", score_chosen: 4, score_rejected: 4, responses: ["b", "a"], qualities: [0, 0] },
  ],
  [
    "shp",
    { history: "p", human_ref_A: "a", human_ref_B: "b", labels: 1, domain: "askculinary" },
    {
      labels: 1,
      domain: "askculinary",
      subset: "askculinary",
      prompt: "p",
      chosen: "a",
      rejected: "b",
    },
  ],
  ["hh", { chosen: "\n\nHuman: p\n\nAssistant: a", rejected: "\n\nHuman: p\n\nAssistant: b" }, {
    chosen: "\n\nHuman: p\n\nAssistant: a",
    rejected: "\n\nHuman: p\n\nAssistant: b",
  }],
  [
    "nectar",
    {
      prompt: "p",
      num_responses: 2,
      answers: [{ answer: "a", rank: 2 }, { answer: "b", rank: 1 }],
    },
    { prompt: "p", num_responses: 2, responses: ["a", "b"], qualities: [-2, -1] },
  ],
  [
    "prm800k",
    {
      question: { problem: "p" },
      label: {
        steps: [
          {
            completions: [{ text: "a", rating: 1 }, { text: "x", rating: -1 }],
            chosen_completion: 0,
          },
          { completions: [{ text: "b", rating: -1 }], chosen_completion: null },
        ],
        finish_reason: "found_error",
      },
    },
    { prompt: "p", steps: ["a", "b"], label: 1 },
  ],
  [
    "processbench",
    { id: "gsm8k-3", problem: "p", steps: ["a", "b"], label: -1, final_answer_correct: true },
    {
      id: "gsm8k-3",
      subset: "gsm8k",
      prompt: "p",
      steps: ["a", "b"],
      label: -1,
      final_answer_correct: true,
    },
  ],
];

Deno.test("each published layout is read into Assay's columns, and read again as it is", async () => {
  for (const [name, published, own] of layouts) {
    const [found] = await read(name, [published]);
    assert.deepEqual(found, own, name);
    const scored = { ...own, scores: [1], benchmark: name };
    const [again] = await read(name, [scored]);
    assert.deepEqual(again, { ...own, scores: [1] }, name);
  }
  const tested = new Set(layouts.map(([name]) => name));
  assert.deepEqual(benchmarks.map(({ name }) => name).filter((name) => !tested.has(name)), []);
});

Deno.test("a layout that is recognised is recognised as its own, and a plain pair as none", () => {
  for (const [name, published] of layouts) {
    const found = benchmarkOfRow(published)?.name;
    assert.ok(found === undefined || found === name, `${name} is taken for ${found}`);
  }
  assert.equal(benchmarkOfRow({ prompt: "p", chosen: "a", rejected: "b" }), undefined);
  assert.equal(benchmarkOfRow({ prompt: "p", steps: ["a"], label: 1 }), undefined);
  assert.equal(benchmarkOfRow({ benchmark: "shp" })?.name, "shp");
});

Deno.test("rated answers of one prompt that follow each other are one row", async () => {
  const answer = (prompt: string, response: string, helpfulness: number) => ({
    prompt,
    response,
    helpfulness,
    correctness: 1,
    coherence: 1,
    complexity: 1,
    verbosity: 1,
  });
  const rows = [answer("p", "a", 3), answer("p", "b", 4), answer("q", "c", 1), answer("p", "d", 0)];
  assert.deepEqual(await read("helpsteer", rows), [
    { prompt: "p", responses: ["a", "b"], qualities: [3, 4] },
    { prompt: "q", responses: ["c"], qualities: [1] },
    { prompt: "p", responses: ["d"], qualities: [0] },
  ]);
});

Deno.test("what is not certain in a row is refused by name, and the rows beside it are read", async () => {
  const wrong: readonly (readonly [name: string, change: Row])[] = [
    ["rewardbench", { subset: null }],
    ["rewardbench2", { num_correct: 1 }],
    ["rewardbench2", { chosen: [1, 2] }],
    ["rm-bench", { domain: "poetry" }],
    ["rm-bench", { rejected: ["a", "b"] }],
    ["judgebench", { label: "A=B" }],
    ["judgebench", { source: 3 }],
    ["rmb", { category_path: "Elsewhere/Harmlessness" }],
    ["rmb", { loser_list: ["text"] }],
    ["ppe", { scores: [0.5, 1] }],
    ["ppe", { scores: [true, true, false] }],
    ["helpsteer", { preference_strength: 5 }],
    ["ultrafeedback", { completions: [{ response: "a" }] }],
    ["shp", { labels: 2 }],
    ["nectar", { answers: [{ answer: "a", rank: "first" }] }],
    ["prm800k", { label: { steps: [{ completions: [{ text: "a", rating: 3 }] }] } }],
    ["processbench", { label: 2 }],
  ];
  for (const [name, change] of wrong) {
    const [, published, own] = layouts.find(([one]) => one === name)!;
    const found = await read(name, [{ ...published, ...change }, published]);
    assert.deepEqual(found, ["evaluation/layout", own], `${name} ${JSON.stringify(change)}`);
  }
  const other = await Array.fromAsync(
    benchmarkRows(rowsInMemory([layouts[3]![1]]).read(), benchmarkNamed("shp")!),
  );
  assert.match(
    other[0]!.error!.message,
    /one of SHP: expected its columns, found the columns "pair_id".*as rows of JudgeBench have; its rows have "history"/,
  );
  assert.deepEqual(await read("shp", [{ benchmark: "rmb", chosen_score: 1 }]), [
    "evaluation/layout",
  ]);
});

/** A row with one value in it, at any depth, changed. */
function* spoilt(value: unknown): Generator<unknown> {
  const odd = [null, 7n, -1, "", "text", [], {}, [null], [[1n]], { length: 3 }, true];
  yield* odd;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const one of spoilt(item)) yield value.with(index, one);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      for (const one of spoilt(item)) yield { ...value, [name]: one };
    }
  }
}

Deno.test("whatever a row holds, reading and judging it ends in a figure or an error of its own", async () => {
  for (const [name, published, own] of layouts) {
    const benchmark = benchmarkNamed(name)!;
    const scores = { scores: [1, 1], chosen_score: 2, rejected_score: 1, step_scores: [0.2, 0.9] };
    const rows = [published, { ...own, ...scores }].flatMap((row) =>
      Object.keys(row).flatMap((column) =>
        [...spoilt(row[column as keyof typeof row])].map((value) => ({ ...row, [column]: value }))
      )
    );
    for (const row of rows) {
      benchmarkOfRow(row);
      try {
        await evaluateBenchmark(rowsInMemory([row]).read(), benchmark, { draws: 3 });
      } catch (error) {
        const text = `${name}: ${error} of ${Deno.inspect(row)}`;
        assert.ok(error instanceof AssayError, text);
        assert.match(error.message, /expected|Expected/, text);
      }
    }
  }
});
