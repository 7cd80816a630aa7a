import assert from "node:assert/strict";
import { calibrateCommand } from "../../src/cli/calibrate/calibrate.ts";
import { run } from "../../src/cli/main.ts";
import { fit } from "../../src/calibration/fit.ts";
import { poolOfPairs } from "../../src/calibration/pool.ts";
import { biasedPairs } from "../calibration/pools.ts";
import { captureOutput, inFolder, runAssay } from "./captured_output.ts";

type Json = Record<string, unknown>;

async function calibrate(...args: readonly string[]) {
  const captured = captureOutput();
  const command = calibrateCommand(captured.output);
  const status = await run([command], ["calibrate", ...args], captured.output);
  return {
    status,
    get rows(): Json[] {
      return captured.rows();
    },
    stderr: captured.stderr(),
    stdout: captured.stdout(),
  };
}

function lines(rows: readonly unknown[]): string {
  return rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join("");
}

const pairs = biasedPairs(60, 0.01);
const pairRows = pairs.map(({ chosen, rejected, subset }, id) => ({
  id: `p${id}`,
  subset,
  chosen_score: chosen.score,
  rejected_score: rejected.score,
  chosen_length: chosen.features.length,
  rejected_length: rejected.features.length,
  chosen_markdown: chosen.features.markdown,
  rejected_markdown: rejected.features.markdown,
  tags: ["kept", { as: "it is" }],
}));

Deno.test("assay calibrate adds the pair's columns and leaves the others as they are", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/pairs.jsonl`, lines(pairRows));
    const { status, rows, stderr } = await calibrate(`${folder}/pairs.jsonl`);
    assert.equal(status, 0, stderr);
    const pool = poolOfPairs(pairs);
    const expected = fit(pool, { features: ["length"] });
    rows.forEach((row, i) => {
      const chosen = expected.scores[i]!;
      const rejected = expected.scores[60 + i]!;
      assert.deepEqual(row, {
        ...pairRows[i],
        chosen_calibrated_score: chosen,
        rejected_calibrated_score: rejected,
        calibrated_margin: chosen - rejected,
      });
    });
    assert.match(stderr, /Spearman of score and length: 0\.\d+ before, -?0\.\d+ after/);
    assert.match(stderr, /preferences changed: \d+\.\d % of labelled pairs/);
    assert.match(stderr, /accuracy on 60 pairs: .* the longer one wins .* the shorter one wins/);
    assert.match(stderr, /accuracy where shorter is better: \d+\.\d % before, \d+\.\d % after/);
  });
});

Deno.test("assay calibrate saves a calibrator that --apply gives the same rows with", async () => {
  await inFolder(async (folder) => {
    const input = `${folder}/pairs.jsonl`;
    await Deno.writeTextFile(input, lines(pairRows));
    const [saved, summary] = [`${folder}/calibrator.json`, `${folder}/summary.json`];
    const methods = [
      ["--method", "lwr", "--frac", "0.5", "--iterations", "1", "--gamma", "1.4"],
      [
        "--method",
        "mean",
        "--minimum-count",
        "4",
        "--ratio",
        "8",
        "--compat",
        "repo",
        "--seed",
        "3",
      ],
      ["--feature", "length", "--feature", "markdown", "--cycles", "3", "--gamma", "length=0.5"],
      [
        "--method",
        "lwr-penalty",
        "--penalty",
        "0.01",
        "--penalty-feature",
        "length",
        "--no-center",
      ],
      ["--method", "penalty", "--normalized-penalty", "--gamma", "auto"],
    ];
    for (const flags of methods) {
      const fitted = await calibrate(input, "--fit", saved, "--summary", summary, ...flags);
      assert.equal(fitted.status, 0, fitted.stderr);
      const applied = await calibrate(input, "--apply", saved);
      assert.equal(applied.status, 0, applied.stderr);
      assert.deepEqual(applied.rows, fitted.rows, flags.join(" "));
      const { method, accuracy, features } = JSON.parse(await Deno.readTextFile(summary));
      assert.equal(method, flags[0] === "--method" ? flags[1] : "lwr");
      assert.deepEqual(Object.keys(accuracy.subsets), ["odd", "even"]);
      assert.equal(typeof features.length.spearmanAfter, "number");
    }
  });
});

Deno.test("assay calibrate reads single rows from CSV, lengths measured on the response", async () => {
  await inFolder(async (folder) => {
    const texts = Array.from({ length: 30 }, (_, i) => "👍".repeat(1 + (i * 7) % 30));
    const csv = "name,score,response,note\n" +
      texts.map((text, i) => `r${i},${[...text].length / 10 + (i % 3)},${text},"a, b"\n`).join("");
    await Deno.writeTextFile(`${folder}/rows.csv`, csv);
    const { status, rows, stderr } = await calibrate(`${folder}/rows.csv`);
    assert.equal(status, 0, stderr);
    const scores = texts.map((text, i) => [...text].length / 10 + (i % 3));
    const length = texts.map((text) => [...text].length);
    const expected = fit({ scores, features: { length } }).scores;
    rows.forEach((row, i) => {
      assert.deepEqual(row, {
        name: `r${i}`,
        score: String(scores[i]),
        response: texts[i],
        note: "a, b",
        calibrated_score: expected[i],
      });
    });
  });
});

Deno.test("assay calibrate works in a pipe, and needs no permission for it", async () => {
  const input = lines(pairRows);
  const { status, stdout, stderr } = await runAssay(["calibrate"], { input, permissions: [] });
  assert.equal(status, 0, stderr);
  const rows = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const expected = fit(poolOfPairs(pairs), { features: ["length"] }).scores;
  assert.deepEqual(rows.map((row) => row.chosen_calibrated_score), [...expected.slice(0, 60)]);
});

Deno.test("assay calibrate gives bad rows their own errors and calibrates the others as if alone", async () => {
  await inFolder(async (folder) => {
    const good = Array.from({ length: 20 }, (_, i) => ({ score: i % 5, length: i }));
    const bad: [unknown, string, RegExp][] = [
      ['{"score": NaN, "length": 5}', "calibration/not-finite", /finite number, found NaN/],
      ['{"score": Infinity, "length": 5}', "calibration/not-finite", /found Infinity/],
      ['{"score": 1, "length": NaN}', "calibration/not-finite", /feature "length"/],
      [{ score: 1 }, "calibration/missing-feature", /"length"/],
      [{ score: "high", length: 5 }, "data/bad-row", /"score".*the text "high"/],
      [{ score: null, length: 5 }, "data/bad-row", /a number in "score", found nothing/],
      [{ chosen_score: 1, chosen_length: 2 }, "data/bad-row", /"rejected_score", found no such/],
      [{ reward: 1 }, "data/bad-row", /the columns "reward" \(--column score=NAME/],
      ["not json", "data/bad-row", /line 29/],
    ];
    const path = `${folder}/rows.jsonl`;
    await Deno.writeTextFile(path, lines([...good, ...bad.map(([row]) => row)]));
    const { status, rows, stderr } = await calibrate(path);
    assert.equal(status, 1);
    bad.forEach(([row, code, message], i) => {
      const { error, ...rest } = rows[20 + i] as { error: { code: string; message: string } };
      assert.equal(error.code, code, JSON.stringify(row));
      assert.match(error.message, message);
      for (const [name, value] of Object.entries(rest)) {
        if (name.includes("calibrated")) assert.equal(value, null);
      }
    });
    const alone = fit({
      scores: good.map(({ score }) => score),
      features: { length: good.map(({ length }) => length) },
    });
    assert.deepEqual(rows.slice(0, 20).map((row) => row.calibrated_score), [...alone.scores]);
    assert.match(stderr, /29 rows, 9 failed/);
  });
});

Deno.test("assay calibrate keeps the error of a row that could not be scored", async () => {
  await inFolder(async (folder) => {
    const error = { code: "text/too-long", message: "too long" };
    const rows = [
      ...Array.from({ length: 10 }, (_, i) => ({ score: i, length: i })),
      { score: null, length: 3, error },
    ];
    await Deno.writeTextFile(`${folder}/rows.jsonl`, lines(rows));
    const found = await calibrate(`${folder}/rows.jsonl`);
    assert.equal(found.status, 1);
    assert.deepEqual(found.rows[10], { ...rows[10], calibrated_score: null });
  });
});

Deno.test("assay calibrate calibrates candidates of one prompt and says which is best", async () => {
  await inFolder(async (folder) => {
    const rows = Array.from({ length: 40 }, (_, i) => {
      const lengths = [40 + (i * 211) % 860, 40 + (i * 97) % 860, 40 + (i * 353) % 860];
      return {
        prompt: "Q",
        responses: lengths.map((length) => "x".repeat(length)),
        // The third is the best by 2, which a length of 200 outweighs.
        scores: lengths.map((length, place) => length / 100 + (place === 2 ? 2 : 0)),
      };
    });
    const broken = { ...rows[0]!, scores: [1, null, 2] };
    await Deno.writeTextFile(`${folder}/rows.jsonl`, lines([...rows, broken]));
    const { status, rows: found, stderr } = await calibrate(`${folder}/rows.jsonl`);
    assert.equal(status, 0, stderr);
    const best = found.slice(0, 40).map((row) => row.calibrated_best);
    const before = rows.filter(({ scores }) => Math.max(...scores) === scores[2]).length;
    assert(before < 30 && best.every((place) => place === 2), `${before} ${best}`);
    const last = found[40]!.calibrated_scores as (number | null)[];
    assert.deepEqual(last.map((score) => score === null), [false, true, false]);
  });
});

Deno.test("assay calibrate reads other names with --column, tokens with --tokenizer", async () => {
  await inFolder(async (folder) => {
    const rows = pairRows.map((row) => ({
      a: row.chosen_score,
      b: row.rejected_score,
      prompt: "How many?",
      chosen: "one two ".repeat(1 + Number(row.chosen_length) % 9),
      rejected: "three ".repeat(1 + Number(row.rejected_length) % 7),
    }));
    await Deno.writeTextFile(`${folder}/rows.jsonl`, lines(rows));
    const summary = `${folder}/summary.json`;
    const { status, rows: found, stderr } = await calibrate(
      `${folder}/rows.jsonl`,
      ...["--column", "chosen_score=a", "--column", "rejected_score=b"],
      ...["--feature", "tokens", "--feature", "templated_length"],
      ...["--tokenizer", "tests/golden/parity/armo", "--summary", summary],
    );
    assert.equal(status, 0, stderr);
    assert.equal(typeof found[0]!.calibrated_margin, "number");
    const { features } = JSON.parse(await Deno.readTextFile(summary));
    assert.deepEqual(Object.keys(features).sort(), ["length", "templated_length", "tokens"]);
  });
});

Deno.test("assay calibrate draws SVG and HTML, and rows as a table", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/pairs.jsonl`, lines(pairRows));
    const svg = await calibrate(`${folder}/pairs.jsonl`, "--plot", `${folder}/plot.svg`);
    assert.equal(svg.status, 0, svg.stderr);
    assert.match(await Deno.readTextFile(`${folder}/plot.svg`), /^<svg xmlns/);
    const saved = `${folder}/calibrator.json`;
    await calibrate(`${folder}/pairs.jsonl`, "--fit", saved);
    const html = await calibrate(
      `${folder}/pairs.jsonl`,
      ...["--apply", saved, "--plot", `${folder}/plot.html`, "--format", "table"],
    );
    assert.equal(html.status, 0, html.stderr);
    assert.match(await Deno.readTextFile(`${folder}/plot.html`), /Accuracy on/);
    const [header, first] = html.stdout.split("\n");
    assert.match(header!, /^row +shape +score +calibrated +result/);
    assert.match(first!, /^p0 +pair +-?\d/);
  });
});

Deno.test("assay calibrate writes CSV and Parquet, and reads them again", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/pairs.jsonl`, lines(pairRows));
    for (const extension of ["csv", "parquet"]) {
      const out = `${folder}/out.${extension}`;
      const { status, stdout, stderr } = await calibrate(`${folder}/pairs.jsonl`, "--output", out);
      assert.equal(status, 0, stderr);
      assert.equal(stdout, "");
      const again = await calibrate(
        out,
        "--column",
        "chosen_score=chosen_calibrated_score",
        "--column",
        "rejected_score=rejected_calibrated_score",
      );
      assert.equal(again.status, 0, again.stderr);
      assert.match(again.stderr, /Spearman of score and length: -?0\.0\d+ before/);
    }
  });
});

Deno.test("assay calibrate --preferences tells win rates as they came, calibrated, length-controlled", async () => {
  await inFolder(async (folder) => {
    const rows = Array.from({ length: 120 }, (_, i) => {
      const model = i % 2 === 0 ? "long" : "short";
      const difference = (model === "long" ? 300 : -300) + ((i * 137) % 400) - 200;
      const preference = 1 / (1 + Math.exp(-difference / 400 + (i % 5) / 5 - 0.4));
      return i % 3 === 0
        ? { model, preference, length_difference: difference }
        : { model, preference, length: 1000 + difference, baseline_length: 1000 };
    });
    const alpaca = {
      preference: 1.75,
      output_1: "short",
      output_2: "much longer",
      generator_2: "alpaca",
    };
    const path = `${folder}/judged.jsonl`;
    await Deno.writeTextFile(
      path,
      lines([...rows, alpaca, { preference: 7, length_difference: 1 }]),
    );
    const summary = `${folder}/summary.json`;
    const found = await calibrate(path, "--preferences", "--summary", summary);
    assert.equal(found.status, 1);
    assert.equal((found.rows[121] as { error: Json }).error.code, "calibration/bad-preference");
    assert.equal(found.rows[120]!.preference, 1.75);
    const calibrated = found.rows.slice(0, 121).map((row) => row.calibrated_preference as number);
    assert(calibrated.every((value) => value >= 0 && value <= 1));
    const { models, lengthControlled } = JSON.parse(await Deno.readTextFile(summary));
    assert(models.long.winRate > 60 && Math.abs(models.long.calibratedWinRate - 50) < 6);
    assert.equal(models.alpaca.winRate, 75);
    assert.deepEqual(Object.keys(lengthControlled), ["long", "short"]);
    assert.match(found.stderr, /long: win rate 6\d\.\d+, calibrated .* length-controlled/);
  });
});

Deno.test("assay calibrate --preferences counts no comparison where the judge gave no preference", async () => {
  await inFolder(async (folder) => {
    const judged = Array.from({ length: 30 }, (_, i) => ({
      preference: 1 + (i % 4) / 3,
      output_1: "a baseline",
      output_2: "an answer".repeat(1 + i % 5),
      generator_2: "model",
    }));
    const ties = [0, 1.5].map((preference) => ({ ...judged[0]!, preference }));
    const none = { ...judged[0]!, preference: null };
    const path = `${folder}/annotations.jsonl`;
    await Deno.writeTextFile(path, lines([none, ...judged, none, ...ties]));
    const summary = `${folder}/summary.json`;
    const found = await calibrate(path, "--preferences", "--summary", summary);
    assert.equal(found.status, 1);
    const { overall } = JSON.parse(await Deno.readTextFile(summary));
    assert.equal(overall.comparisons, 32);
    const sum = judged.reduce((all, { preference }) => all + preference - 1, 1);
    assert(Math.abs(overall.winRate - 100 * sum / 32) < 1e-9);
    for (const row of [found.rows[0], found.rows[31]]) {
      assert.equal((row as { error: Json }).error.code, "calibration/not-judged");
    }
    assert.equal(typeof found.rows[32]!.calibrated_preference, "number");
  });
});

Deno.test("assay calibrate says what is wrong with its flags, its calibrator, its rows; exit 2", async () => {
  await inFolder(async (folder) => {
    const input = `${folder}/pairs.jsonl`;
    await Deno.writeTextFile(input, lines(pairRows));
    await Deno.writeTextFile(`${folder}/empty.jsonl`, "");
    await Deno.writeTextFile(`${folder}/few.jsonl`, lines([{ score: 1, length: 1 }]));
    await Deno.writeTextFile(`${folder}/unscored.jsonl`, lines([{ text: "a" }, { text: "b" }]));
    await Deno.writeTextFile(`${folder}/old.json`, '{"format":"assay-calibrator","version":0}');
    const cases: [string[], RegExp][] = [
      [[input, "--method", "magic"], /Allowed choices are lwr, mean/],
      [[input, "--gamma", "much"], /Expected a number.*cli\/usage/],
      [[input, "--frac", "2"], /from 0 to 1/],
      [[input, "--iterations", "-1"], /whole number/],
      [[input, "--column", "score"], /NAME=COLUMN/],
      [[input, "--plot", `${folder}/plot.png`], /\.svg or \.html/],
      [[input, "--apply", `${folder}/old.json`, "--frac", "0.3"], /cannot be used with/],
      [[input, "--apply", `${folder}/old.json`], /old\.json: expected version 1, found 0/],
      [[input, "--apply", `${folder}/none.json`], /no such file \[calibration\/bad-calibrator\]/],
      [[input, "--apply", input], /pairs\.jsonl.*calibration\/bad-calibrator/],
      [[input, "--output", input], /expected another file than the inputs/],
      [[`${folder}/none.jsonl`], /none\.jsonl.*data\/no-such-file/],
      [[`${folder}/empty.jsonl`], /expected rows with scores, found none/],
      [[`${folder}/few.jsonl`], /at least 3 rows.*found 1/],
      [[`${folder}/few.jsonl`, "--gamma", "auto"], /labelled pairs.*calibration\/no-labels/],
      [[`${folder}/unscored.jsonl`], /any of 2 rows\. The first: .*"text"/],
      [[input, "--feature", "depth"], /any of 60 rows\. The first: .*"depth"/],
    ];
    for (const [args, message] of cases) {
      const { status, stderr, stdout } = await calibrate(...args);
      assert.equal(status, 2, args.join(" "));
      assert.match(stderr, message, args.join(" "));
      assert.equal(stdout, "");
    }
  });
});

Deno.test("assay calibrate --help shows examples", async () => {
  const { status, stdout } = await calibrate("--help");
  assert.equal(status, 0);
  assert.match(stdout, /assay calibrate --apply calibrator\.json/);
});
