import assert from "node:assert/strict";
import { chooseHead } from "../../src/heads/choose_head.ts";
import { hasCode as code, headFacts as facts } from "./head_facts.ts";

const grm = { vhead_layer_type: "mlp", vhead_num_neurons: 16, vhead_num_layers: 1 };

Deno.test("the scalar head is known by the names that published models give it", () => {
  for (const name of ["v_head", "regression_head", "value_head", "reward_head"]) {
    const plan = chooseHead(facts({ [`${name}.weight`]: [1, 64] }));
    assert.equal(plan.kind, "scalar");
    assert.deepEqual(plan.reads, { score: { at: "last" } });
    assert.deepEqual([...plan.tensors], [[`${name}.weight`, [1, 64]]]);
  }
  const biased = facts({ "v_head.weight": [1, 64], "v_head.bias": [1] });
  assert.deepEqual(chooseHead(biased).tensors.get("v_head.bias"), [1]);
  const two = facts({ "v_head.weight": [1, 64], "value_head.weight": [1, 64] });
  assert.throws(
    () => chooseHead(two),
    code("heads/missing-head", /v_head.weight, value_head.weight/),
  );
  const both = facts({ "v_head.weight": [1, 64], "score.weight": [1, 64] });
  assert.throws(() => chooseHead(both), code("heads/ambiguous-head", /belongs to 2/));
});

Deno.test("a token at the end comes from the config, or from Athene's class", () => {
  const ending = (config: Record<string, unknown>, vocabularySize = 200_000) =>
    chooseHead({ ...facts({ "v_head.weight": [1, 64] }, config), vocabularySize }).ending;
  assert.equal(ending({}), undefined);
  assert.equal(ending({ reward_token_id: 92527 }), 92527);
  assert.equal(ending({ architectures: ["AtheneForSequenceClassification"] }), 128003);
  const refused = code("checkpoint/bad-config", /reward_token_id/);
  for (const id of [-1, 1.5, "92527", 200_000]) {
    assert.throws(() => ending({ reward_token_id: id }), refused);
  }
  const athene = { architectures: ["AtheneForSequenceClassification"] };
  assert.throws(() => ending(athene, 100), refused);
  // It is the value head that is read there, and no other.
  const other = facts({ "score.weight": [1, 64] }, { reward_token_id: 7 });
  assert.equal(chooseHead(other).ending, undefined);
});

Deno.test("GRM's head is told by its keys, and held against them", () => {
  const linear = { "v_head.summary.weight": [1, 64], "v_head.summary.bias": [1] };
  assert.equal(chooseHead(facts(linear, { vhead_layer_type: "linear" })).kind, "scalar");
  const unbiased = facts({ "v_head.summary.weight": [1, 64] }, { vhead_layer_type: "linear" });
  assert.ok(chooseHead(unbiased).tensors.has("v_head.summary.bias")); // so that it is named
  assert.throws(() => chooseHead(facts(linear)), code("heads/missing-head", /v_head.summary/));
  const layers = {
    "v_head.summary.0.weight": [16, 64],
    "v_head.summary.0.bias": [16],
    "v_head.summary.2.weight": [1, 16],
    "v_head.summary.2.bias": [1],
  };
  const plan = chooseHead(facts(layers, grm));
  assert.equal(plan.kind, "mlp");
  assert.deepEqual(plan.tensors.get("v_head.summary.2.weight"), [1, 16]);
  const bad = code("checkpoint/bad-config", /vhead_num_layers.*1 hidden layers of 16 numbers/);
  for (
    const change of [
      { vhead_layer_type: "linear" },
      { vhead_num_neurons: 1024 },
      { vhead_num_layers: 2 },
    ]
  ) assert.throws(() => chooseHead(facts(layers, { ...grm, ...change })), bad);
  // What GRM's keys leave out is its class' default: 1,024 numbers in one layer.
  assert.throws(() => chooseHead(facts(layers, { vhead_num_layers: 1 })), bad);
});

Deno.test("a head of two layers is known by its first, and expects the second", () => {
  const layers = {
    "score.0.weight": [64, 64],
    "score.0.bias": [64],
    "score.2.weight": [1, 64],
    "score.2.bias": [1],
  };
  assert.equal(chooseHead(facts(layers)).kind, "mlp");
  const { "score.2.weight": _, ...half } = layers;
  // A map that is missing is expected all the same, so that it is named.
  assert.deepEqual(chooseHead(facts(half)).tensors.get("score.2.weight"), [1, 64]);
  const { "score.0.bias": _bias, ...unbiased } = layers;
  assert.deepEqual(chooseHead(facts(unbiased)).tensors.get("score.0.bias"), [64]);
});

Deno.test("Beaver's head says whether it measures a reward or a cost", () => {
  const tensors = { "score_head.weight": [1, 64] };
  const plan = (config: Record<string, unknown>, label?: string) =>
    chooseHead({ ...facts(tensors, config), label });
  assert.deepEqual(plan({ score_type: "reward" }).labels, {
    names: ["reward"],
    score: "reward",
    negated: false,
  });
  assert.equal(plan({ score_type: "cost" }).labels?.negated, true);
  assert.throws(() => plan({}), code("heads/several-labels", /--label reward or --label cost/));
  assert.equal(plan({}, "cost").labels?.negated, true);
  assert.throws(
    () => plan({ score_type: "cost" }, "reward"),
    code("heads/unknown-label", /label "cost".*found "reward"/),
  );
  const bad = (config: Record<string, unknown>, key: string) =>
    assert.throws(
      () => plan({ score_type: "reward", ...config }),
      code("checkpoint/bad-config", new RegExp(key)),
    );
  bad({ score_type: "loss" }, "score_type");
  bad({ score_dim: 2 }, "score_dim");
  bad({ bias: true }, "bias");
  bad({ mean: [1, 2] }, "mean");
  bad({ var: [-1] }, "var");
  bad({ do_normalize: "yes" }, "do_normalize");
});

const gate = (linears: readonly number[], width = 16, objectives = 3) => {
  const tensors: Record<string, number[]> = { "gating.logit_scale": [1] };
  linears.forEach((layer, i) => {
    const isLast = i === linears.length - 1;
    tensors[`gating.layers.${layer}.weight`] = [isLast ? objectives : width, i === 0 ? 64 : width];
    if (isLast) tensors[`gating.layers.${layer}.bias`] = [objectives];
    else {
      for (const part of ["weight", "bias", "running_mean", "running_var"]) {
        tensors[`gating.layers.${layer + 2}.${part}`] = [width];
      }
    }
  });
  return tensors;
};

Deno.test("a quantile head and ArmoRM's are told apart, and both layouts of the gate are read", () => {
  const config = { num_objectives: 3, num_quantiles: 4, gating_temperature: 5 };
  for (const linears of [[0, 3, 6, 9], [0, 4, 8, 11]]) {
    const transform = linears[1] === 3 ? { reward_transform_matrix: [3, 3] } : {};
    const tensors = { "regression_layer.weight": [12, 64], ...transform, ...gate(linears) };
    const plan = chooseHead(facts(tensors, config));
    assert.equal(plan.kind, "quantile");
    assert.deepEqual([...plan.tensors.keys()].sort(), Object.keys(tensors).sort());
    assert.equal(plan.parts.quantiles, null);
  }
  // The class of QRM-Llama needs no key to be told: ArmoRM's gate has no batch norms.
  const norms = { "regression_layer.weight": [57, 64], ...gate([0, 3, 6, 9]) };
  const transform = { reward_transform_matrix: [3, 3] };
  assert.equal(chooseHead(facts({ ...norms, ...transform })).kind, "quantile");
  // Without its transform it would have another score, so that it is expected all the same.
  assert.ok(chooseHead(facts(norms)).tensors.has("reward_transform_matrix"));
  const armo = facts({ "regression_layer.weight": [3, 64], "gating.layers.0.weight": [1024, 64] });
  assert.equal(chooseHead(armo).kind, "armo");
});

Deno.test("a quantile head is held against its config", () => {
  const tensors = { "regression_layer.weight": [12, 64], ...gate([0, 4, 8, 11]) };
  const config = { num_objectives: 3, num_quantiles: 4, gating_temperature: 5 };
  const refused = (change: Record<string, unknown>, key: string) =>
    assert.throws(
      () => chooseHead(facts(tensors, { ...config, ...change })),
      code("checkpoint/bad-config", new RegExp(`"${key}"`)),
    );
  refused({ num_objectives: 4 }, "num_objectives");
  refused({ num_quantiles: 5 }, "num_objectives");
  refused({ gating_n_hidden: 2 }, "gating_n_hidden");
  refused({ gating_hidden_dim: 1024 }, "gating_hidden_dim");
  // Without a transform no public class tells a default.
  refused({ gating_temperature: undefined }, "gating_temperature");
});

Deno.test("a shape that claims more than any head has is refused before anything is made of it", () => {
  const refuses = (tensors: Record<string, number[]>) =>
    assert.throws(() => chooseHead(facts(tensors)), code("checkpoint/bad-config", /at most 4096/));
  refuses({ "regression_layer.weight": [2 ** 31 - 1, 0] });
  refuses({ "weights.fc.0.weight": [64, 64], "weights.fc.4.weight": [4097, 0] });
});

Deno.test("URM's head is no scalar one of ten labels", () => {
  const tensors = {
    "score.weight": [10, 64],
    "weights.fc.0.weight": [64, 64],
    "weights.fc.4.weight": [5, 64],
  };
  const plan = chooseHead(facts(tensors));
  assert.equal(plan.kind, "urm");
  assert.equal(plan.parts.spread![0], "helpsteer-helpfulness");
  assert.deepEqual(plan.tensors.get("weights.fc.2.bias"), [64]);
  const wrong = facts(tensors, { num_labels: 5 });
  assert.throws(() => chooseHead(wrong), code("checkpoint/bad-config", /num_labels.*to be 10/));
});

Deno.test("LDL's head is known by its maps; where they lie in pickles the message says so", () => {
  const tensors = {
    "regression_layer.network.0.weight": [16, 64],
    "gating_layer.network.6.weight": [4, 16],
  };
  assert.equal(chooseHead(facts(tensors)).kind, "ldl");
  const wrong = facts(tensors, { num_objectives: 220 });
  assert.throws(() => chooseHead(wrong), code("checkpoint/bad-config", /num_objectives.*to be 40/));
  const published = facts({}, { architectures: ["LDLRewardModel27B"] });
  assert.throws(() => chooseHead(published), code("heads/missing-head", /regression_layer\.pt/));
});
