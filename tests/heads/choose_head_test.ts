import assert from "node:assert/strict";
import { chooseHead } from "../../src/heads/choose_head.ts";
import { hasCode as code, headFacts as facts } from "./head_facts.ts";

Deno.test("chooseHead() tells heads by tensors, whatever the architecture is called", () => {
  const scalar = facts({ "score.weight": [1, 64] }, {
    architectures: ["LlamaForRewardModelWithGating"],
  });
  assert.equal(chooseHead(scalar).kind, "scalar");
  const armo = facts({ "regression_layer.weight": [6, 64] });
  const plan = chooseHead(armo);
  assert.equal(plan.kind, "armo");
  assert.equal(plan.parts.rewards!.length, 6);
  assert.deepEqual(plan.reads.gate, { at: "header" });
  assert.deepEqual(plan.tensors.get("gating.layers.3.weight"), [6, 1024]);
});

Deno.test("chooseHead() has OpenAssistant's head read what its config pools", () => {
  const tensors = { "out_proj.weight": [1, 64], "out_proj.bias": [1] };
  const read = (config: Record<string, unknown>) => chooseHead(facts(tensors, config)).reads.score;
  assert.deepEqual(read({}), { at: "last" });
  assert.deepEqual(read({ pooling: "last" }), { at: "last" });
  assert.deepEqual(read({ pooling: "mean" }), { at: "mean" });
  assert.throws(() => read({ pooling: "max" }), code("checkpoint/bad-config", /"pooling"/));
});

Deno.test("chooseHead() never makes a head up", () => {
  const none = facts({ "v_head.summary.weight": [1, 64] });
  assert.throws(() => chooseHead(none), code("heads/missing-head", /v_head.summary.weight/));
});

Deno.test("chooseHead() names only the heads that are near what it found", () => {
  const near = (tensors: Record<string, number[]>, told: RegExp) =>
    assert.throws(() => chooseHead(facts(tensors)), code("heads/missing-head", told));
  near({ "lm_head.weight": [100, 64] }, /a reward head, found lm_head\.weight; .* --logits by/);
  near({ "other.weight": [1, 64] }, /a reward head, found other\.weight; .*reference\/heads\.md/);
  const pooler = { "bert.pooler.dense.weight": [64, 64], "bert.pooler.dense.bias": [64] };
  const bert = /such as "bert\.pooler\.dense" and "classifier" \(BERT\), found bert/;
  near({ ...pooler, "cls.weight": [1, 64] }, bert);
  // Its pooler has the right name, though DeBERTa's ends like it.
  near({ ...pooler, "cls.weight": [1, 64] }, /^(?!.*rename the tensors)/);
});

Deno.test("chooseHead() refuses a checkpoint with two heads", () => {
  const two = facts({ "score.weight": [1, 64], "regression_layer.weight": [6, 64] });
  assert.throws(() => chooseHead(two), code("heads/ambiguous-head", /regression_layer/));
});

Deno.test("chooseHead() names objectives by the checkpoint, else as ArmoRM, else by number", () => {
  const names = ["quality", "harmlessness"];
  const own = facts({ "regression_layer.weight": [2, 64] }, { objective_names: names });
  assert.deepEqual(chooseHead(own).parts.rewards, names);
  const armo = facts({ "regression_layer.weight": [19, 64] });
  assert.equal(chooseHead(armo).parts.rewards![4], "helpsteer-verbosity");
  const other = facts({ "regression_layer.weight": [2, 64] });
  assert.deepEqual(chooseHead(other).parts.rewards, ["objective-0", "objective-1"]);
  const wrong = facts({ "regression_layer.weight": [3, 64] }, { objective_names: names });
  assert.throws(() => chooseHead(wrong), code("checkpoint/bad-config", /objective_names/));
});

Deno.test("chooseHead() holds labels against the rows of the head", () => {
  const one = { "score.weight": [1, 64] };
  const names = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [i, `LABEL_${i}`]));
  const labels = (tensors: Record<string, number[]>, config: Record<string, unknown>) => () =>
    chooseHead(facts(tensors, config));
  const contradicted = (words: RegExp) => code("heads/contradicted-labels", words);
  assert.throws(
    labels(one, { id2label: names(2) }),
    contradicted(/2 labels \(id2label\).* 1 row;/),
  );
  assert.throws(labels(one, { num_labels: 2 }), contradicted(/2 labels \(num_labels\)/));
  const rows = { "score.weight": [2, 64] };
  assert.throws(labels(rows, { num_labels: 1 }), contradicted(/1 label \(num_labels\).* 2 rows;/));
  for (const config of [{}, { num_labels: 2 }, { id2label: names(2) }]) {
    const several = code("heads/several-labels", /"LABEL_0", "LABEL_1".*--label NAME/);
    assert.throws(labels(rows, config), several);
  }
  for (
    const id2label of [{ 0: "a", 2: "b" }, { 0: "a", 1: "a" }, { 0: "a", 1: "" }, { 0: 1, 1: 2 }]
  ) {
    assert.throws(labels(rows, { id2label }), code("checkpoint/bad-config", /id2label/));
  }
  // A default that some versions of transformers write, and a class of its own does not read.
  const idle = { architectures: ["InternLM2ForRewardModel"], id2label: names(2) };
  const own = facts({ "v_head.weight": [1, 64] }, idle);
  assert.deepEqual(chooseHead(own).labels, { names: ["LABEL_0"], score: "LABEL_0" });
  const standard = { ...idle, architectures: ["LlamaForSequenceClassification"] };
  assert.throws(labels(one, standard), contradicted(/2 labels/));
  // transformers counts the names where there are some.
  const named = facts(one, { id2label: names(1), num_labels: 2 });
  assert.deepEqual(chooseHead(named).labels, { names: ["LABEL_0"], score: "LABEL_0" });
});

Deno.test("chooseHead() takes the label that was asked for, and none that is not there", () => {
  const config = { id2label: { 0: "bad", 1: "good" } };
  const several = { ...facts({ "score.weight": [2, 64], "score.bias": [2] }, config) };
  const plan = chooseHead({ ...several, label: "good" });
  assert.deepEqual(plan.labels, { names: ["bad", "good"], score: "good" });
  assert.deepEqual(plan.parts, { labels: ["bad", "good"] });
  assert.deepEqual([...plan.tensors], [["score.weight", [2, 64]], ["score.bias", [2]]]);
  const unknown = code("heads/unknown-label", /"bad", "good".*found "better"/);
  assert.throws(() => chooseHead({ ...several, label: "better" }), unknown);
  const armo = { ...facts({ "regression_layer.weight": [6, 64] }), label: "good" };
  assert.throws(() => chooseHead(armo), code("heads/unknown-label", /armo head has no labels/));
});

Deno.test("chooseHead() leaves token classifiers to heads that read every token", () => {
  const tokens = facts({ "score.weight": [2, 64], "score.bias": [2] }, {
    architectures: ["Qwen2ForTokenClassification"],
  });
  assert.throws(
    () => chooseHead({ ...tokens, label: "LABEL_1" }),
    code("heads/no-step-token", /--step-token/),
  );
});

Deno.test("chooseHead() refuses steps that were asked of a head without any", () => {
  const steps = { end: { id: 7, text: "." }, reduction: "last" } as const;
  const of = (tensors: Record<string, number[]>, config = {}) => () =>
    chooseHead({ ...facts(tensors, config), asked: { steps } });
  const refused = code("heads/no-steps", /one for the whole conversation/);
  assert.throws(of({ "v_head.weight": [1, 64] }), refused);
  assert.throws(of({ "regression_layer.weight": [6, 64] }), refused);
  const grm = { "v_head.summary.0.weight": [16, 64], "v_head.summary.2.weight": [1, 16] };
  const config = { vhead_layer_type: "mlp", vhead_num_neurons: 16, vhead_num_layers: 1 };
  assert.throws(of(grm, config), refused);
  // An option may say that a head of two labels is one of steps.
  assert.equal(of({ "score.weight": [2, 64], "score.bias": [2] })().kind, "process");
});

Deno.test("chooseHead() does not guess whether a reward is rescaled", () => {
  for (const key of ["normalize_reward", "do_normalize"]) {
    const scaled = facts({ "score.weight": [1, 64] }, { [key]: true, mean: 1, std: 2 });
    assert.throws(() => chooseHead(scaled), code("heads/unclear-scale", new RegExp(key)));
  }
  chooseHead(facts({ "score.weight": [1, 64] }, { normalize_reward: false }));
});

Deno.test("chooseHead() bounds counts by the tensors", () => {
  const head = (config: Record<string, unknown>) => () =>
    chooseHead(facts({ "regression_layer.weight": [6, 64] }, config));
  for (const [key, value] of [["num_objectives", 1e9], ["gating_n_hidden", 1e8]] as const) {
    assert.throws(head({ [key]: value }), code("checkpoint/bad-config", new RegExp(key)));
  }
});

Deno.test("chooseHead() hints at --implicit, and at the prefixes of wrappers", () => {
  const causal = facts({ "lm_head.weight": [100, 64] }, { architectures: ["LlamaForCausalLM"] });
  assert.throws(() => chooseHead(causal), code("heads/missing-head", /--implicit/));
  const wrapped = facts({ "base_model.model.score.weight": [1, 64] });
  assert.throws(() => chooseHead(wrapped), code("heads/missing-head", /--adapter/));
});
