import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

const base = new URL("../golden/parity/armo", import.meta.url).pathname;
const small = ["--backend", "cpu", "--steps", "30", "--pairs-per-step", "16"];

/** Rated rows and pairs whose better response says "gold". */
async function writeRows(path: string): Promise<void> {
  const rows = Array.from({ length: 24 }, (_, n) => {
    const prompt = `Which stone is number ${n}?`;
    const text = (word: string): string => `It is ${word} ${"stone ".repeat(n % 5)}`;
    const split = n % 4 === 3 ? "validation" : "train";
    return n % 2 === 0
      ? {
        prompt,
        split,
        response: text(n % 3 === 0 ? "gold" : "mud"),
        ratings: { quality: n % 3 === 0 ? 1 : 0, verbosity: (n % 5) / 4 },
      }
      : { prompt, split, chosen: text("gold"), rejected: text("mud") };
  });
  // The odd rows are pairs, so some rated ones are held back by name as well.
  rows[2]!.split = "validation";
  rows[12]!.split = "validation";
  await Deno.writeTextFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

Deno.test("fit armo writes a checkpoint that score loads, and reports each stage", async () => {
  await inFolder(async (folder) => {
    await writeRows(`${folder}/rows.jsonl`);
    const { output, rows, stderr } = captureOutput();
    const args = ["fit", "armo", base, `${folder}/rows.jsonl`, "--output", `${folder}/fitted`];
    const status = await main(
      [...args, "--hidden-size", "8", "--hidden-layers", "2", ...small],
      output,
    );
    assert.equal(status, 0, stderr());
    const report = rows()[0] as { objectives: { name: string; penalty: number }[] };
    assert.deepEqual(report.objectives.map(({ name }) => name), ["quality", "verbosity"]);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${folder}/fitted/fit.json`)), report);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/fitted/config.json`));
    assert.equal(config.num_objectives, 2);
    assert.equal(config.gating_hidden_dim, 8);
    using model = await RewardModel.load(`${folder}/fitted`, { backend: "cpu" });
    assert.deepEqual(model.objectives, ["quality", "verbosity"]);
    const messages = [{ role: "user", content: "?" }, { role: "assistant", content: "gold" }];
    const [verdict] = await model.score([messages]);
    assert.equal(verdict!.error, null);
    const { rewards, coefficients, gating } = verdict!;
    assert.ok(Math.abs(coefficients!.quality! - gating!.quality!) < 1e-6);
    const sum = rewards!.quality! * coefficients!.quality! +
      rewards!.verbosity! * coefficients!.verbosity!;
    assert.ok(Math.abs(sum - verdict!.score!) < 1e-6);
  });
});

Deno.test("fit features, then fit head by every loss, then the same scores as the head's own", async () => {
  await inFolder(async (folder) => {
    await writeRows(`${folder}/rows.jsonl`);
    const features = `${folder}/features`;
    const first = captureOutput();
    const rows = `${folder}/rows.jsonl`;
    const extract = ["fit", "features", base, rows, "--output", features, "--backend", "cpu"];
    assert.equal(await main(extract, first.output), 0, first.stderr());
    for (const loss of ["bradley-terry", "simcse", "swav-difference", "meta"]) {
      const { output, stderr, rows } = captureOutput();
      const meta = loss === "meta" ? ["--meta", features] : [];
      const target = `${folder}/${loss}`;
      const args = ["fit", "head", base, "--features", features, "--output", target];
      const status = await main([...args, "--loss", loss, ...meta, ...small], output);
      assert.equal(status, 0, stderr());
      const report = rows()[0] as { loss: string; train_pairs: number };
      assert.equal(report.loss, loss);
      using model = await RewardModel.load(target, { backend: "cpu" });
      assert.equal(model.headKind, "scalar");
      const [gold, mud] = await model.score(["gold", "mud"].map((word) => [
        { role: "user", content: "Which stone is number 1?" },
        { role: "assistant", content: `It is ${word} stone ` },
      ]));
      assert.ok(gold!.score! > mud!.score!, `${loss}: ${gold!.score} ${mud!.score}`);
    }
  });
});

Deno.test("fit armo mixes the pairs of sources and debiases on some of them", async () => {
  await inFolder(async (folder) => {
    const rows = Array.from({ length: 16 }, (_, n) => {
      const prompt = `Which stone is number ${n}?`;
      const split = n % 4 === 3 ? "validation" : "train";
      const [chosen, rejected] = [`gold ${"stone ".repeat(n % 5)}`, "mud"];
      const ratings = { quality: 1, verbosity: (n % 5) / 4 };
      const sides = { chosen_ratings: ratings, rejected_ratings: { quality: 0, verbosity: 0 } };
      const dataset = n < 8 ? "web" : n < 12 ? "people" : undefined;
      return { prompt, split, chosen, rejected, dataset, ...sides };
    });
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    await Deno.writeTextFile(`${folder}/rows.jsonl`, lines);
    const args = ["fit", "armo", base, `${folder}/rows.jsonl`, "--source", "dataset"];
    const options = ["--hidden-size", "8", "--output", `${folder}/fitted`, ...small];
    const mixed = captureOutput();
    const mixture = ["--mixture", "web=0.75, people=0.25", "--debias-on", "web", "--starts", "3"];
    assert.equal(await main([...args, ...mixture, ...options], mixed.output), 0, mixed.stderr());
    const report = mixed.rows()[0] as {
      train_pairs: number;
      gating: {
        start: number;
        starts: { loss: number }[];
        validation: { loss: number };
        validation_sources: Record<string, { loss: number }>;
      };
    };
    assert.equal(report.train_pairs, 9); // the pairs of no source count for nothing
    const { validation, validation_sources: by, start, starts } = report.gating;
    assert.equal(starts.length, 3);
    assert.ok(starts.every(({ loss }) => loss >= validation.loss));
    assert.deepEqual(starts[start], validation);
    assert.deepEqual(Object.keys(by), ["web", "people"]);
    const mean = 0.75 * by.web!.loss + 0.25 * by.people!.loss;
    assert.ok(Math.abs(mean - validation.loss) < 1e-12);
    const cases: [string[], RegExp][] = [
      [["--mixture", "web=1,else=1"], /pairs of the source else.*web, people/],
      [["--mixture", "web"], /SOURCE=SHARE/],
      [["--mixture", "web=-1"], /above 0/],
      [["--debias-on", "else"], /training pairs of the source else/],
    ];
    for (const [flags, expected] of cases) {
      const { output, stderr } = captureOutput();
      assert.equal(await main([...args, ...flags, ...options], output), 2);
      assert.match(stderr(), expected);
    }
  });
});

Deno.test("fit tells what is missing", async () => {
  await inFolder(async (folder) => {
    const other = { version: 1, model: base, hidden_size: 8, gates: true, rows_per_shard: 1 };
    await Deno.mkdir(`${folder}/other`);
    await Deno.writeTextFile(`${folder}/other/features.json`, JSON.stringify(other));
    const target = `${folder}/out`;
    const cases: [string[], RegExp][] = [
      [["armo", base, "--output", target], /expected INPUT or --features/],
      [["armo", base], /--output/],
      [["head", base, "--output", target, "--loss", "meta"], /--meta/],
      [["head", base, "--output", target, "--features", target], /fitting\/bad-features/],
      [["head", base, "--output", target, "--features", `${folder}/other`], /numbers a row.*8/],
      [["armo", base, "--output", target, "--held-out", "1"], /below 1/],
    ];
    for (const [args, expected] of cases) {
      const { output, stderr } = captureOutput();
      assert.equal(await main(["fit", ...args], output), 2);
      assert.match(stderr(), expected);
    }
  });
});
