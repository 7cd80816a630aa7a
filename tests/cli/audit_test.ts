import assert from "node:assert/strict";
import { parseHTML } from "linkedom";
import { auditCommand } from "../../src/cli/audit/audit.ts";
import { run } from "../../src/cli/main.ts";
import type { Row } from "../../src/data/rows.ts";
import type { AuditReport } from "../../src/tasks/audit/audit_report.ts";
import { heldOutCoverage } from "../../src/calibration/conformal_coverage.ts";
import { benchmarkNamed } from "../../src/evaluation/benchmarks/benchmarks.ts";
import { fitIntervals } from "../../src/tasks/calibrate/conformal_rows.ts";
import { evaluateBenchmark } from "../../src/tasks/evaluate/evaluate_benchmark.ts";
import { Skew } from "../../src/tasks/probe/skew_rows.ts";
import { fitCalibrator } from "../../src/tasks/calibrate/fit_calibrator.ts";
import { evaluateRows } from "../../src/tasks/evaluate/evaluate_rows.ts";
import { rowsInMemory } from "../../src/tasks/repeatable_rows.ts";
import { hostileSubset, scoredPairs } from "../tasks/audit/scored_rows.ts";
import { stubScorer } from "../tasks/score/stub_scorer.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

/** What is used of a parsed page; Deno has no types of a document's elements. */
interface Element {
  readonly textContent: string;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

/** Runs `assay audit` in a folder of these files; `@` in an argument stands for the folder. */
async function audit(files: Readonly<Record<string, readonly Row[]>>, args: readonly string[]) {
  const captured = captureOutput();
  let status = -1;
  let texts: [json: string, html: string] = ["null", ""];
  await inFolder(async (folder) => {
    for (const [name, rows] of Object.entries(files)) {
      const text = rows.map((row) => JSON.stringify(row)).join("\n");
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const command = auditCommand(captured.output, () => Promise.resolve(stubScorer()));
    const given = args.map((arg) => arg.replace("@", folder));
    status = await run(
      [command],
      ["audit", ...given, "--output", `${folder}/out`],
      captured.output,
    );
    if (status < 2) {
      const read = (name: string) => Deno.readTextFile(`${folder}/out/${name}`);
      texts = [await read("audit.json"), await read("audit.html")];
    }
  });
  const [json, page] = texts;
  const { document } = parseHTML(page) as unknown as { document: Element };
  const stdout = captured.stdout();
  return { status, report: JSON.parse(json) as AuditReport, page, document, stdout, captured };
}

/** Every number at any depth. */
function numbersIn(value: unknown, found: Set<number> = new Set()): Set<number> {
  if (typeof value === "number") found.add(value);
  else if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) numbersIn(inner, found);
  }
  return found;
}

Deno.test("assay audit tells two models side by side, with the same numbers in the page and in audit.json", async () => {
  const rows = scoredPairs(80);
  const { status, report, page, document, captured } = await audit(
    { "a.jsonl": rows, "b.jsonl": scoredPairs(80, 2) },
    ["@/a.jsonl", "@/b.jsonl"],
  );
  assert.equal(status, 0, captured.stderr());
  assert.deepEqual(report.models.map(({ name }) => name), ["a.jsonl", "b.jsonl"]);
  const [model] = report.models;
  assert.ok(model !== undefined && "groups" in model.accuracy && "changes" in model.length);
  assert.ok("asGiven" in model.reliability && "differences" in report.comparison);

  const evaluated = await evaluateRows(rowsInMemory(rows).read());
  assert.deepEqual(
    model.accuracy.groups.map(({ name, accuracy }) => [name, accuracy.estimate]),
    evaluated.report.groups.map(({ name, accuracy }) => [name, accuracy]),
  );
  const { diagnostics } = await fitCalibrator(rowsInMemory(rows).read());
  assert.equal(model.length.spearmanBefore, diagnostics.features.length!.spearmanBefore);
  assert.equal(model.length.spearmanAfter, diagnostics.features.length!.spearmanAfter);
  const { overall, whereLongerIsBetter, whereShorterIsBetter } = diagnostics.accuracy!;
  const parts = [overall, whereLongerIsBetter!, whereShorterIsBetter!];
  assert.deepEqual(
    model.length.changes.slice(0, 3).map(({ before, after }) => [before.estimate, after.estimate]),
    parts.map(({ before, after }) => [before, after]),
  );
  assert.deepEqual(report.intervals, {
    coverage: 0.95,
    over: "prompts",
    clusters: 40,
    draws: 10_000,
    seed: 0,
  });

  const shown = [...document.querySelectorAll("data")];
  const known = numbersIn(report);
  assert.ok(shown.length > 100);
  for (const each of shown) {
    const value = Number(each.getAttribute("value"));
    assert.ok(known.has(value), `the page shows ${value}, which audit.json lacks`);
  }
  const values = new Set(shown.map((each) => Number(each.getAttribute("value"))));
  for (const { accuracy, length, reliability } of report.models) {
    assert.ok("groups" in accuracy && "changes" in length && "asGiven" in reliability);
    const told = [
      ...accuracy.groups.map((group) => group.accuracy.estimate),
      ...length.changes.map(({ difference }) => difference.estimate),
      reliability.asGiven.ece.estimate,
    ];
    for (const value of told) assert.ok(values.has(value!), `the page lacks ${value}`);
  }
  assert.ok(page.length < 500_000);
});

Deno.test("the page loads and runs nothing, and names from rows are text in it", async () => {
  const { page, document } = await audit({ "a.jsonl": scoredPairs(40) }, ["@/a.jsonl"]);
  assert.match(page, /Content-Security-Policy" content="default-src &#39;none&#39;/);
  assert.equal([...document.querySelectorAll("script, iframe, object, img, base")].length, 0);
  const links = [...document.querySelectorAll("[href], [src]")].map((each) =>
    each.getAttribute("href") ?? each.getAttribute("src")!
  );
  assert.deepEqual(links.filter((link) => !link.startsWith("#") && link !== "data:,"), []);
  const told = [...document.querySelectorAll("th bdi")].map(({ textContent }) => textContent);
  assert.ok(told.includes(hostileSubset.replace("\u202E", "\uFFFD")));
  for (const svg of document.querySelectorAll("svg")) {
    assert.equal(svg.getAttribute("role"), "img");
    const [title, text] = svg.getAttribute("aria-labelledby")!.split(" ");
    assert.ok([...svg.querySelectorAll(`#${title}, #${text}`)].length === 2);
  }
});

Deno.test("assay audit scores rows with a model; parts that they do not allow say what they need", async () => {
  const rows = [
    { prompt: "a", response: "one" },
    { prompt: "b", response: "four" },
    { prompt: "c", response: "seven" },
    { prompt: "d", response: "NAN" },
  ];
  const { status, report, document, stdout } = await audit({ "rows.jsonl": rows }, [
    "models/demo",
    "@/rows.jsonl",
  ]);
  assert.equal(status, 1);
  const [model] = report.models;
  assert.deepEqual([model!.name, model!.rows.single, model!.rows.failed], ["models/demo", 3, 1]);
  assert.ok("missing" in model!.accuracy);
  assert.match(model!.accuracy.missing, /right answer is known/);
  assert.ok("bands" in model!.length);
  assert.equal(model!.length.spearmanBefore, 1); // the stub's score is the length
  assert.deepEqual(model!.length.changes, []);
  const missing = [...document.querySelectorAll(".missing")].map(({ textContent }) => textContent);
  assert.ok(missing.some((text) => text.includes("a second model")), missing.join("\n"));
  assert.equal(JSON.parse(stdout).model, "models/demo");
});

Deno.test("a model is probed on rows spread over the file, and what it likes comes first", async () => {
  const rows = Array.from({ length: 5 }, (_, row) => ({
    prompt: `Why ${row}?`,
    chosen: "Because it is so, and always was.",
    rejected: "It is not.",
  }));
  const files = { "rows.jsonl": rows };
  const args = ["models/demo", "@/rows.jsonl", "--probe-rows", "2"];
  const { report, document } = await audit(files, args);
  const [{ probe, summary } = assert.fail()] = report.models;
  assert.ok("changes" in probe);
  assert.equal(probe.rows.read, 2);
  const [first] = probe.changes;
  assert.equal(first!.kind, "length"); // which the stub's score is
  const told = summary.find(({ about }) => about === "Probe")!.text;
  assert.ok(told.includes(`most of all ${first!.change}`), told);
  assert.equal([...document.querySelectorAll("#probe svg")].length, 2);
  const none = await audit(files, [...args.slice(0, 3), "0"]);
  assert.ok("missing" in none.report.models[0]!.probe);
});

Deno.test("a benchmark's figures are those of its own rules", async () => {
  const row = { domain: "chat", prompt: "?", chosen: ["a", "b", "c"], rejected: ["d", "e", "f"] };
  const files = { "rows.jsonl": [{ ...row, scores: [1, 2, 3, 1, 2, 3] }] };
  const { report } = await audit(files, ["@/rows.jsonl", "--benchmark", "rm-bench"]);
  const [{ benchmark } = assert.fail()] = report.models;
  assert.ok("figures" in benchmark);
  assert.equal(benchmark.figures.find(({ metric }) => metric === "easy")?.estimate, 1);
});

Deno.test("a model scores a benchmark's rows as they are published, and is judged by its rules", async () => {
  const row = {
    domain: "chat",
    prompt: "?",
    chosen: ["long one", "a", "ab"],
    rejected: ["b", "bcd", "c"],
  };
  const args = ["models/demo", "@/rows.jsonl", "--benchmark", "rm-bench"];
  const { status, report, document, captured } = await audit({ "rows.jsonl": [row] }, args);
  assert.equal(status, 0, captured.stderr());
  const [{ benchmark, rows } = assert.fail()] = report.models;
  assert.equal(rows.bestOfN, 1);
  assert.ok("figures" in benchmark);
  // The stub's score is the length.
  const scores = [...row.chosen, ...row.rejected].map((text) => text.length);
  const scored = rowsInMemory([{ ...row, scores }]);
  const { report: expected } = await evaluateBenchmark(scored.read(), benchmarkNamed("rm-bench")!);
  assert.deepEqual(benchmark, { command: benchmark.command, ...expected });
  assert.ok([...document.querySelectorAll("#benchmark td")].length > 0);
  const other = await audit({ "rows.jsonl": [{ prompt: "?", response: "a" }] }, args);
  assert.match(other.captured.stderr(), /evaluation\/layout/);
});

Deno.test("with a target, intervals hold what those of calibrate --conformal do", async () => {
  const rows = scoredPairs(120).map((row, index) => ({ ...row, strength: index % 7 }));
  const { report, document, captured } = await audit(
    { "rows.jsonl": [...rows, ...scoredPairs(3)] },
    ["@/rows.jsonl", "--target", "strength"],
  );
  const [{ coverage, summary } = assert.fail()] = report.models;
  assert.ok("reports" in coverage, captured.stderr());
  const options = { alpha: 0.1, target: "strength" };
  const fitted = await fitIntervals(rowsInMemory(rows).read(), options);
  const expected = heldOutCoverage(fitted.rows, { alpha: 0.1, of: "margin" });
  assert.equal(expected.rows, 60);
  assert.deepEqual(coverage.reports[1], expected);
  const shown = [...document.querySelectorAll("#reliability data")].map((each) =>
    Number(each.getAttribute("value"))
  );
  assert.ok(shown.includes(expected.coverage.estimate!));
  assert.match(
    summary.find(({ about }) => about === "How sure")!.text,
    /made for 90.0 % of strength/,
  );
  const few = await audit({ "rows.jsonl": rows.slice(0, 3) }, [
    "@/rows.jsonl",
    "--target",
    "strength",
  ]);
  assert.ok("missing" in few.report.models[0]!.coverage);
});

Deno.test("pairs that differ in a trait alone give the skew that probe --skew gives", async () => {
  const rows: Row[] = Array.from({ length: 6 }, (_, row) => ({
    prompt: `Why ${row >> 1}?`,
    chosen: row % 3 === 0 ? "Since it is so, my friend." : "It is.",
    rejected: "It is, you see.",
    bias: "length",
    with_trait: "rejected",
    human: 0.25,
  }));
  const skew = new Skew();
  const scorer = stubScorer();
  for await (const _ of skew.run(rowsInMemory(rows).read(), scorer));
  const bad = { ...rows[0], with_trait: "both" };
  const { report, document } = await audit({ "rows.jsonl": [...rows, bad] }, [
    "models/demo",
    "@/rows.jsonl",
    "--probe-rows",
    "0",
  ]);
  const [{ skew: found, accuracy, summary } = assert.fail()] = report.models;
  assert.ok("traits" in found && "groups" in accuracy);
  assert.deepEqual(found.traits, skew.report().traits);
  assert.deepEqual(found.rows, { read: 7, failed: 1 });
  assert.match(summary.find(({ about }) => about === "Traits")!.text, /leans most to length/);
  const shown = [...document.querySelectorAll("#probe data")].map((each) =>
    Number(each.getAttribute("value"))
  );
  assert.ok(shown.includes(found.traits[0]!.skew.estimate!));
});

Deno.test("always taking the most Markdown is told where all texts are there", async () => {
  const scores = { chosen_score: 1, rejected_score: 0 };
  const rows = [
    { prompt: "a", chosen: "**yes**", rejected: "no", ...scores },
    { prompt: "b", chosen: "yes", rejected: "- no\n- **never**", ...scores },
    { prompt: "c", chosen: "# Yes\n- and", rejected: "- no", ...scores },
    { prompt: "d", chosen: "yes", rejected: "no", ...scores },
  ];
  const wins = async (rows: readonly Row[]) => {
    const { report } = await audit({ "rows.jsonl": rows }, ["@/rows.jsonl"]);
    const [{ accuracy } = assert.fail()] = report.models;
    assert.ok("groups" in accuracy);
    return accuracy.groups[0]!.formattedWins;
  };
  assert.equal(await wins(rows), 2.5 / 4);
  assert.equal(await wins([...rows, { prompt: "e", ...scores }]), null);
  const bold = { prompt: "f", chosen: "**a**", rejected: "never", ...scores };
  const { stdout } = await audit({ "rows.jsonl": [bold] }, ["@/rows.jsonl"]);
  assert.match(stdout, /taking the response with the most Markdown would give 100.0 %/);
});

Deno.test("a row whose candidates are all right is left out, and ends nothing", async () => {
  const rows = [{ scores: [1, 2], num_correct: 2 }, { scores: [1, 2, 3], num_correct: 1 }];
  const { status, report } = await audit({ "rows.jsonl": rows }, ["@/rows.jsonl"]);
  assert.equal(status, 1);
  assert.equal(report.models[0]!.rows.firstFailure?.code, "evaluation/bad-row");
});

Deno.test("candidates with a quality give the best of n, by the scores and by calibrated ones", async () => {
  const rows = Array.from({ length: 12 }, (_, row) => ({
    scores: [0, 1, 2, 3].map((place) => place + (row * place) % 3),
    gold: [0.1, 0.4, 0.3, 0.2],
    lengths: [10, 20 + row, 40, 80 + row],
  }));
  const { report, document } = await audit({ "rows.jsonl": rows }, [
    "@/rows.jsonl",
    "--quality",
    "gold",
  ]);
  const [{ bestOf } = assert.fail()] = report.models;
  assert.ok("curves" in bestOf);
  const evaluated = await evaluateRows(rowsInMemory(rows).read(), { quality: "gold" });
  assert.deepEqual(
    bestOf.curves[0]!.points.map(({ gold }) => gold.estimate),
    evaluated.gold!.curves[0]!.points.map(({ gold }) => gold.estimate),
  );
  assert.deepEqual(bestOf.curves.map(({ proxy }) => proxy), ["score", "calibrated score"]);
  assert.equal([...document.querySelectorAll("#best-of svg")].length, 1);
});

Deno.test("a column with * is one model for each name that fits", async () => {
  const rows = scoredPairs(30).map(({ chosen_score, rejected_score, ...row }) => ({
    ...row,
    x_good: chosen_score,
    x_bad: rejected_score,
    y_good: rejected_score,
    y_bad: chosen_score,
    z_good: 1,
  }));
  const columns = ["--column", "chosen_score=*_good", "--column", "rejected_score=*_bad"];
  const { report } = await audit({ "rows.jsonl": rows }, ["@/rows.jsonl", ...columns]);
  assert.deepEqual(report.models.map(({ name }) => name), ["x", "y"]);
  const [x, y] = report.models.map(({ accuracy }) => "groups" in accuracy ? accuracy.groups : []);
  assert.equal(x![0]!.accuracy.estimate, 1 - y![0]!.accuracy.estimate!);
  const { status, captured } = await audit({ "rows.jsonl": rows }, [
    "@/rows.jsonl",
    "--column",
    "chosen_score=*_none",
  ]);
  assert.equal(status, 2);
  assert.match(captured.stderr(), /evaluation\/no-columns/);
});

Deno.test("what can't be audited is refused by name", async () => {
  const rows = [{ prompt: "a", response: "one" }];
  const unscored = await audit({ "rows.jsonl": rows }, ["@/rows.jsonl"]);
  assert.equal(unscored.status, 2);
  assert.match(unscored.captured.stderr(), /Cannot audit any of 1 rows.*data\/bad-row/);
  const empty = await audit({ "rows.jsonl": [] }, ["@/rows.jsonl"]);
  assert.match(empty.captured.stderr(), /expected rows, found none/);
  const twoFiles = await audit({ "rows.jsonl": rows }, ["models/demo", "@/rows.jsonl", "more"]);
  assert.match(twoFiles.captured.stderr(), /expected one file of rows after it.*cli\/usage/);
  const lost = await audit({}, ["@/none.jsonl"]);
  assert.match(lost.captured.stderr(), /data\/no-such-file/);
});
