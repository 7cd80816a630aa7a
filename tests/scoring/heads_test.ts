import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";

/** A tensor by another name. */
type Renames = Readonly<Record<string, string>>;

/** Verdicts by a tiny checkpoint whose config and names of tensors are changed. */
async function verdictsOf(
  folder: string,
  changes: Readonly<Record<string, unknown>> = {},
  options: LoadOptions = {},
  renames: Renames = {},
): Promise<Verdict[]> {
  const files = localFolder(parityFolder(folder));
  using base = await Checkpoint.open(files);
  const config = { ...base.config, ...changes };
  const tensors = Object.entries(renames).map(([old, name]) => {
    const { dtype, shape } = base.tensors.get(old)!;
    return {
      name,
      dtype,
      shape,
      readRows: async (start: number, count: number) =>
        (await base.readRows(old, start, count)).bytes,
    };
  });
  const overlay = { config, tensors, without: new Set(Object.keys(renames)) };
  using model = await RewardModel.load(overlayFolder(folder, files, base, overlay), {
    backend: "cpu",
    onWarning: () => {},
    ...options,
  });
  const golden = await goldenConversations(folder);
  return await model.score(golden.slice(0, 3).map(({ messages }) => messages));
}

const scoresOf = (verdicts: readonly Verdict[]) => verdicts.map(({ score }) => score!);

Deno.test("a scalar head scores the same under every name that it is known by", async () => {
  const expected = scoresOf(await verdictsOf("llama"));
  for (const name of ["v_head", "regression_head", "value_head", "reward_head"]) {
    const renames = { "score.weight": `${name}.weight` };
    assert.deepEqual(scoresOf(await verdictsOf("llama", {}, {}, renames)), expected);
  }
});

Deno.test("each label of a head is its score when it is asked for, and all are told", async () => {
  const names = ["bad", "good", "neither"];
  const verdicts = await Promise.all(
    names.map((label) => verdictsOf("head_labels", {}, { label })),
  );
  verdicts.forEach((own, i) => {
    own.forEach(({ score, parts }, row) => {
      assert.deepEqual(Object.keys(parts.labels!), names);
      assert.deepEqual(parts.labels, verdicts[0]![row]!.parts.labels);
      assert.equal(score, (parts.labels as Record<string, number>)[names[i]!]);
    });
  });
  await assert.rejects(verdictsOf("head_labels"), { code: "heads/several-labels" });
  await assert.rejects(verdictsOf("head_labels", {}, { label: "best" }), {
    code: "heads/unknown-label",
  });
  await assert.rejects(verdictsOf("head_labels", { id2label: { 0: "one" } }), {
    code: "heads/contradicted-labels",
  });
});

Deno.test("a token that a head wants at the end is put there once, and counts", async () => {
  const [own] = await goldenConversations("head_ending");
  const [verdict] = await verdictsOf("head_ending");
  assert.equal(verdict!.tokens, own!.ids.length);
  // The end of turn is there already.
  const [there] = await verdictsOf("head_ending", { reward_token_id: own!.ids.at(-2) });
  assert.equal(there!.tokens, own!.ids.length - 1);
  assert.notEqual(there!.score, verdict!.score);
  // The pad token may end a turn: it is not what is read.
  const padded = { pad_token_id: own!.ids.at(-2) };
  const onWarning = (message: string) => assert.doesNotMatch(message, /--pooling/);
  const [still] = await verdictsOf("head_ending", padded, { onWarning });
  assert.equal(still!.score, verdict!.score);
  // It needs room too.
  const [none] = await verdictsOf("head_ending", {}, { maxTokens: own!.ids.length - 1 });
  assert.equal(none!.error?.code, "text/too-long");
  const cut = { maxTokens: own!.ids.length - 1, truncate: "left" } as const;
  const [shorter] = await verdictsOf("head_ending", {}, cut);
  assert.ok(shorter!.truncated || shorter!.error !== null);
});

Deno.test("Beaver's normaliser centres rewards and scales costs, which count negated", async () => {
  const std = Math.sqrt(2.25) + 1e-8;
  const rewards = scoresOf(await verdictsOf("head_beaver"));
  const raw = scoresOf(await verdictsOf("head_beaver", { do_normalize: false }));
  const costs = await verdictsOf("head_beaver", { score_type: "cost" });
  const critics = scoresOf(await verdictsOf("head_beaver", { score_type: "critic" }));
  assert.deepEqual(critics, raw);
  raw.forEach((x, i) => {
    assert.equal(rewards[i], (x - 1.5) / std);
    const { score, parts } = costs[i]!;
    assert.equal(score, -x / std);
    assert.deepEqual(parts.labels, { cost: x / std });
  });
  // Statistics of the tensors stand; the config's only where there are none.
  assert.deepEqual(scoresOf(await verdictsOf("head_beaver", { mean: [9], var: [9] })), rewards);
});

Deno.test("what explains a gated score makes it up, and its quantiles have it as their mean", async () => {
  for (const folder of ["head_quantile", "head_quantile_gemma2", "head_urm", "head_ldl"]) {
    for (const { score, scoreStd, rewards, coefficients, parts } of await verdictsOf(folder)) {
      const sum = Object.keys(rewards!)
        .reduce((sum, name) => sum + rewards![name]! * coefficients![name]!, 0);
      assert.ok(Math.abs(sum - score!) < 1e-9);
      const quantiles = parts.quantiles as readonly number[] | undefined;
      if (quantiles === undefined) {
        const spread = parts.spread as Record<string, number>;
        const squares = Object.keys(spread).map((name) =>
          (spread[name]! * coefficients![name]!) ** 2
        );
        assert.ok(Math.abs(scoreStd! ** 2 - squares.reduce((a, b) => a + b, 0)) < 1e-9);
        continue;
      }
      const mean = quantiles.reduce((a, b) => a + b, 0) / quantiles.length;
      assert.ok(Math.abs(mean - score!) < 1e-9);
      const variance = quantiles.reduce((a, q) => a + (q - mean) ** 2, 0) / quantiles.length;
      assert.ok(Math.abs(scoreStd! ** 2 - variance) < 1e-9);
    }
  }
});

Deno.test("keys of a head's config move its score", async () => {
  const changes: readonly (readonly [string, Record<string, unknown>])[] = [
    ["head_quantile", { gating_temperature: 10 }],
    ["head_quantile_gemma2", { gating_temperature: 1 }],
    ["head_ldl", { softmax: true }],
    ["head_ldl", { softmax: true, temperature: 2 }],
    ["armo", { gating_temperature: 20 }],
  ];
  const seen = new Set<number>();
  for (const [folder, change] of changes) {
    const [usual] = scoresOf(await verdictsOf(folder));
    const [changed] = scoresOf(await verdictsOf(folder, change));
    assert.ok(Math.abs(usual! - changed!) > 1e-3, JSON.stringify(change));
    seen.add(changed!);
  }
  assert.equal(seen.size, changes.length);
  // A softmax of temperature 1 by hand: weights that are positive and add up to 1.
  for (const { coefficients } of await verdictsOf("head_ldl", { softmax: true })) {
    const weights = Object.values(coefficients!);
    assert.ok(weights.every((weight) => weight > 0));
    assert.ok(Math.abs(weights.reduce((a, b) => a + b, 0) - 1) < 1e-9);
  }
});
