import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { chooseHead } from "../../src/heads/choose_head.ts";
import type { HeadFacts } from "../../src/heads/head.ts";
import { headFacts } from "./head_facts.ts";

/** What an encoder's checkpoint has beside its backbone, of 64 numbers. */
function facts(
  tensors: Record<string, number[]>,
  config: Record<string, unknown> = {},
  label?: string,
): HeadFacts {
  return { ...headFacts(tensors, config), causal: false, label };
}

function map(name: string, outputs: number): Record<string, number[]> {
  return { [`${name}.weight`]: [outputs, 64], [`${name}.bias`]: [outputs] };
}

const bert = (labels: number) => ({
  ...map("bert.pooler.dense", 64),
  ...map("classifier", labels),
});
const roberta = { ...map("classifier.dense", 64), ...map("classifier.out_proj", 1) };

Deno.test("chooseHead() tells the classifiers of encoders by their tensors; they read the first token", () => {
  const pooled = chooseHead(facts(bert(1)));
  assert.equal(pooled.kind, "bert");
  assert.deepEqual(pooled.reads, { score: { at: "first" } });
  assert.deepEqual([...pooled.tensors.keys()], [
    "bert.pooler.dense.weight",
    "bert.pooler.dense.bias",
    "classifier.weight",
    "classifier.bias",
  ]);
  const other = chooseHead(facts(roberta));
  assert.equal(other.kind, "roberta");
  assert.deepEqual(other.reads, { score: { at: "first" } });
});

Deno.test("an encoder's head must have its biases, which transformers would make up", () => {
  const { "classifier.bias": _, ...without } = bert(1);
  assert.deepEqual(chooseHead(facts(without)).tensors.get("classifier.bias"), [1]);
});

Deno.test("of an encoder's labels one is the score, as --label says", () => {
  const config = { id2label: { 0: "NEGATIVE", 1: "POSITIVE" } };
  const several = (error: unknown) =>
    error instanceof AssayError && error.code === "heads/several-labels";
  assert.throws(() => chooseHead(facts(bert(2), config)), several);
  const { labels, parts } = chooseHead(facts(bert(2), config, "POSITIVE"));
  assert.equal(labels?.score, "POSITIVE");
  assert.deepEqual(parts, { labels: ["NEGATIVE", "POSITIVE"] });
});

Deno.test("a pooler without a classifier, and a classifier of tokens, score no conversation", () => {
  for (
    const tensors of [
      map("bert.pooler.dense", 64),
      map("classifier", 2),
      map("classifier.dense", 64),
    ]
  ) {
    // A classifier of tokens scores steps, once it is told what ends one.
    const code = "classifier.weight" in tensors ? "heads/no-step-token" : "heads/missing-head";
    assert.throws(
      () => chooseHead(facts(tensors, { architectures: ["BertForTokenClassification"] })),
      (error) => error instanceof AssayError && error.code === code,
    );
  }
});

const modernbert = (labels: number) => ({
  "head.dense.weight": [64, 64],
  "head.norm.weight": [64],
  ...map("classifier", labels),
});
const deberta = { ...map("pooler.dense", 64), ...map("classifier", 1) };

Deno.test("chooseHead() tells ModernBERT's head, which reads what classifier_pooling says", () => {
  const plan = chooseHead(facts(modernbert(1)));
  assert.equal(plan.kind, "modernbert");
  assert.deepEqual(plan.reads, { score: { at: "first" } });
  assert.deepEqual([...plan.tensors.keys()], Object.keys(modernbert(1)));
  const mean = { classifier_pooling: "mean", classifier_bias: true, norm_bias: true };
  const other = chooseHead(facts(modernbert(1), mean));
  assert.deepEqual(other.reads, { score: { at: "mean" } });
  assert.ok(other.tensors.has("head.dense.bias") && other.tensors.has("head.norm.bias"));
  const [first, second] = ["LABEL_0", "LABEL_1"];
  assert.equal(chooseHead(facts(modernbert(2), {}, second)).labels?.score, second);
  assert.deepEqual(chooseHead(facts(modernbert(2), {}, first)).parts, { labels: [first, second] });
  for (const config of [{ classifier_pooling: "max" }, { classifier_activation: "mish" }]) {
    const [key] = Object.keys(config);
    assert.throws(() => chooseHead(facts(modernbert(1), config)), new RegExp(`"${key}"`));
  }
});

Deno.test("ModernBERT's classifier of tokens scores no conversation", () => {
  const config = { architectures: ["ModernBertForTokenClassification"] };
  assert.throws(
    () => chooseHead(facts(modernbert(2), config, "LABEL_1")),
    (error) => error instanceof AssayError && error.code.startsWith("heads/"),
  );
});

Deno.test("chooseHead() tells DeBERTa's head, with the activation of its pooler", () => {
  const plan = chooseHead(facts(deberta));
  assert.equal(plan.kind, "deberta");
  assert.deepEqual(plan.reads, { score: { at: "first" } });
  assert.deepEqual(plan.settings, { activation: "gelu" });
  const tanh = chooseHead(facts(deberta, { pooler_hidden_act: "tanh" }));
  assert.deepEqual(tanh.settings, { activation: "tanh" });
  assert.throws(
    () => chooseHead(facts(deberta, { pooler_hidden_act: "mish" })),
    /pooler_hidden_act/,
  );
});
