import assert from "node:assert/strict";
import { Calibrator } from "../../src/calibration/calibrator.ts";
import { EloFit, eloWinRate } from "../../src/calibration/elo_offsets.ts";
import golden from "../golden/calibration/elo_offsets.json" with { type: "json" };

const elo = new Map(Object.entries(golden.elo));

Deno.test("win rates, mismatch degrees and offsets are those of NumPy and of CHARM's published code", () => {
  const fit = new EloFit({ elo, reference: golden.reference });
  for (const [model, scores] of Object.entries(golden.scores)) {
    scores.forEach((score, index) => fit.add({ prompt: `${index}`, model, score }));
  }
  const { models, warnings } = fit.fit();
  assert.match(
    warnings.join(),
    /^tied wins 0\.\d+ with its offset/,
    "steps of a half come no closer",
  );
  assert.equal(models.length, golden.models.length);
  models.forEach((model, index) => {
    const expected = golden.models[index]!;
    assert.equal(model.model, expected.model);
    for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
      if (name === "model") continue;
      assert.ok(Math.abs(model[name] - expected[name]) < 1e-9, `${model.model} ${name}`);
    }
  });
});

Deno.test("with its offset a model's win rate is what the calibrator's scores give", () => {
  const fit = new EloFit({ elo, reference: "ref" });
  const { ref, over } = golden.scores;
  ref.forEach((score, index) => fit.add({ prompt: `${index}`, model: "ref", score }));
  over.forEach((score, index) => fit.add({ prompt: `${index}`, model: "over", score }));
  const { calibrator, models: [found] } = fit.fit();
  const again = Calibrator.parse(JSON.stringify(calibrator));
  assert.equal(again.method, "elo");
  const [model] = again.categories;
  const index = model!.indexOf("over");
  const wins = over.filter((score, prompt) => again.apply(score, { model: index }) > ref[prompt]!);
  assert.equal(wins.length / ref.length, found!.correctedWinRate);
  assert.ok(Math.abs(found!.correctedWinRate - found!.eloWinRate) < 1 / ref.length);
  assert.equal(again.apply(1.5, { model: model!.indexOf("ref") }), 1.5);
  assert.throws(() => model!.indexOf("tied"), { code: "calibration/unknown-category" });
  assert.ok(Number.isNaN(again.apply(1, { model: 9 })));
});

Deno.test("several responses to a prompt count as one prompt", () => {
  const fit = new EloFit({ elo: new Map([["a", 1000], ["b", 1000]]), reference: "a" });
  for (let prompt = 0; prompt < 20; prompt++) {
    fit.add({ prompt: `${prompt}`, model: "a", score: 0 });
    // On the first prompt b wins a hundred times, which is one win.
    const times = prompt === 0 ? 100 : 1;
    for (let i = 0; i < times; i++) {
      fit.add({ prompt: `${prompt}`, model: "b", score: prompt === 0 ? 1 : -1 - prompt });
    }
  }
  const [b] = fit.fit().models;
  assert.equal(b!.prompts, 20);
  assert.ok(Math.abs(b!.winRate - 1 / 20) < 1e-12);
});

Deno.test("models without a rating, without scores or with few prompts are told by name, and have no offset", () => {
  const ratings = new Map([["a", 1000], ["b", 1100], ["few", 900], ["none", 950]]);
  const fit = new EloFit({ elo: ratings, reference: "a" });
  for (let i = 0; i < 30; i++) {
    fit.add({ prompt: `${i}`, model: "a", score: i % 4 });
    fit.add({ prompt: `${i}`, model: "b", score: i % 5 });
    if (i < 9) fit.add({ prompt: `${i}`, model: "few", score: i });
    fit.add({ prompt: `${i}`, model: "stranger", score: 1 });
  }
  const { warnings, calibrator } = fit.fit();
  assert.deepEqual(calibrator.categories[0]!.names, ["a", "b"]);
  assert.match(warnings.join("\n"), /"stranger" has 30 scores and no rating/);
  assert.match(warnings.join("\n"), /few shares 9 prompts with a, fewer than 10/);
  assert.match(warnings.join("\n"), /none shares 0 prompts/);
});

Deno.test("scores that all differ by one amount have no offset that helps, and that is told", () => {
  const fit = new EloFit({ elo: new Map([["a", 1000], ["b", 1000]]), reference: "a" });
  for (let i = 0; i < 12; i++) {
    fit.add({ prompt: `${i}`, model: "a", score: i });
    fit.add({ prompt: `${i}`, model: "b", score: i + 1 });
  }
  const { models: [b], warnings } = fit.fit();
  assert.equal(b!.offset, 0);
  assert.match(warnings[0]!, /b wins 1\.000 with its offset where its rating says 0\.500/);
});

Deno.test("bad tables and bad scores are refused", () => {
  const refused = (elo: [string, number][], reference = "a") =>
    assert.throws(() => new EloFit({ elo: new Map(elo), reference }), {
      code: "calibration/bad-elo",
    });
  refused([["a", 1]]);
  refused([["a", 1], ["b", NaN]]);
  refused([["b", 1], ["c", 2]]);
  const fit = new EloFit({ elo: new Map([["a", 1], ["b", 2]]), reference: "a" });
  assert.throws(() => fit.add({ prompt: "", model: "a", score: NaN }), {
    code: "calibration/not-finite",
  });
  assert.throws(() => fit.fit(), { code: "calibration/too-few-rows" });
  for (let i = 0; i < 101; i++) {
    fit.add({ prompt: "", model: "a", score: i });
    fit.add({ prompt: "", model: "b", score: i });
  }
  assert.throws(() => fit.fit(), { code: "calibration/bad-prompts" });
});

Deno.test("the rating's win rate is Elo's formula", () => {
  assert.equal(eloWinRate(1000, 1000), 0.5);
  assert.ok(Math.abs(eloWinRate(1400, 1000) - 10 / 11) < 1e-15);
});

Deno.test("a file whose offsets do not fit is refused", () => {
  const component = { kind: "offsets", feature: "model", categories: ["a", "b"], offsets: [0, 1] };
  const artifact = (part: object) => ({
    format: "assay-calibrator",
    version: 1,
    method: "elo",
    components: [{ ...component, ...part }],
    settings: {},
    diagnostics: {},
  });
  assert.equal(Calibrator.fromJSON(artifact({})).features[0], "model");
  for (const part of [{ offsets: [0] }, { categories: ["a", "a"] }, { offsets: [0, null] }]) {
    assert.throws(() => Calibrator.fromJSON(artifact(part)), {
      code: "calibration/bad-calibrator",
    });
  }
});
