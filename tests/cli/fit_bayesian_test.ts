import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { fitBayesianPairs } from "../../src/fitting/bayesian_pairs.ts";
import { whiten } from "../../src/fitting/evidence.ts";
import { FeatureSet } from "../../src/fitting/feature_set.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

const base = new URL("../golden/parity/llama", import.meta.url).pathname;

function text(word: string, n: number): string {
  return `It is ${word} ${"stone ".repeat(n % 5)}${n}`;
}

const pairs = Array.from({ length: 24 }, (_, n) => ({
  prompt: `Which stone is number ${n}?`,
  chosen: text(n % 5 === 0 ? "mud" : "gold", n),
  rejected: text(n % 5 === 0 ? "gold" : "mud", n),
  split: n % 4 === 3 ? "validation" : "train",
}));

const rated = pairs.map(({ prompt, chosen, split }, n) => ({
  prompt,
  response: chosen,
  split,
  ratings: { quality: n % 5 === 0 ? 1 : 4 + (n % 3) / 4, other: null },
}));

async function assay(args: readonly string[]) {
  const captured = captureOutput();
  const status = await main([...args, "--backend", "cpu"], captured.output);
  return { status, rows: captured.rows(), stderr: captured.stderr() };
}

async function writeRows(path: string, rows: readonly unknown[]): Promise<void> {
  await Deno.writeTextFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

Deno.test("fit head --bayesian on pairs, then score with the deviations of the posterior", async () => {
  await inFolder(async (folder) => {
    await writeRows(`${folder}/pairs.jsonl`, pairs);
    const input = ["fit", "head", base, `${folder}/pairs.jsonl`, "--bayesian", "--output"];
    const fit = await assay([...input, `${folder}/rm`]);
    assert.equal(fit.status, 0, fit.stderr);
    const report = fit.rows[0]!;
    assert.deepEqual([report.loss, report.train_rows, report.validation_rows], ["bayesian", 18, 6]);
    assert.match(fit.stderr, /weights determined: .* held-back pairs in order/);

    const features = await FeatureSet.open(`${folder}/rm/features`);
    const own = await features.last([...features.rows.keys()]);
    const { dimension } = features;
    const at = features.pairs.filter(({ chosen }) => features.rows[chosen]!.split === "train");
    const head = fitBayesianPairs({
      dimension,
      features: own,
      pairs: Uint32Array.from(at.flatMap(({ chosen, rejected }) => [chosen, rejected])),
    });
    assert.ok(Math.abs(head.penalty / Number(report.penalty) - 1) < 1e-9);
    const scored = await assay(["score", `${folder}/rm`, `${folder}/pairs.jsonl`]);
    assert.equal(scored.status, 0, scored.stderr);
    const row = scored.rows[0]! as Record<string, number>;
    const whitened = [0, 1].map((side) =>
      whiten(head.factor, own.subarray(side * dimension, (side + 1) * dimension))
    );
    const norm = (values: Float64Array) => Math.hypot(...values);
    const close = (found: number, expected: number) =>
      assert.ok(Math.abs(found / expected - 1) < 1e-4, `${found} for ${expected}`);
    close(row.chosen_score_std!, norm(whitened[0]!));
    close(row.rejected_score_std!, norm(whitened[1]!));
    const margin = norm(whitened[0]!.map((value, i) => value - whitened[1]![i]!));
    close(row.margin_std!, margin);
    // What both share falls out: independent scores would be less certain.
    assert.ok(margin < 0.9 * Math.hypot(row.chosen_score_std!, row.rejected_score_std!));

    // For other programs it is a scalar head; a new head drops the posterior and its noise.
    const config = JSON.parse(await Deno.readTextFile(`${folder}/rm/config.json`));
    assert.deepEqual(config.architectures, ["LlamaForSequenceClassification"]);
    const again = ["fit", "head", `${folder}/rm`, "--features", `${folder}/rm/features`];
    const plain = await assay([...again, "--steps", "2", "--output", `${folder}/plain`]);
    assert.equal(plain.status, 0, plain.stderr);
    using model = await RewardModel.load(`${folder}/plain`, { backend: "cpu" });
    assert.equal(model.headKind, "scalar");
  });
});

Deno.test("fit head --bayesian --objective on ratings adds the noise to every deviation", async () => {
  await inFolder(async (folder) => {
    await writeRows(`${folder}/rated.jsonl`, rated);
    const input = ["fit", "head", base, `${folder}/rated.jsonl`, "--bayesian", "--objective"];
    const fit = await assay([...input, "quality", "--output", `${folder}/rm`]);
    assert.equal(fit.status, 0, fit.stderr);
    const report = fit.rows[0]! as { noise_variance: number; validation: { within_95: number } };
    assert.ok(report.noise_variance > 0);
    assert.ok(report.validation.within_95 >= 0.5);
    const two = [{ prompt: "Which?", chosen: text("gold", 1), rejected: text("mud", 1) }];
    await writeRows(`${folder}/pairs.jsonl`, two);
    const scored = await assay(["score", `${folder}/rm`, `${folder}/pairs.jsonl`]);
    const row = scored.rows[0]! as Record<string, number>;
    assert.ok(row.chosen_score_std! ** 2 > report.noise_variance);
    assert.ok(row.margin_std! ** 2 > 2 * report.noise_variance);
    const none = await assay([...input, "other", "--output", `${folder}/none`]);
    assert.equal(none.status, 2);
    assert.match(none.stderr, /fitting\/no-labels/);
  });
});

Deno.test("fit head refuses flags that a closed form has no use for", async () => {
  const start = ["fit", "head", base, "none.jsonl", "--output", "none"];
  for (
    const [flags, message] of [
      [["--bayesian", "--loss", "simcse"], /cannot be used with/],
      [["--bayesian", "--steps", "5"], /cannot be used with/],
      [["--objective", "quality"], /are for --bayesian/],
      [["--penalty", "0"], /above 0/],
    ] as const
  ) {
    const { status, stderr } = await assay([...start, ...flags]);
    assert.equal(status, 2, flags.join(" "));
    assert.match(stderr, message);
  }
});
