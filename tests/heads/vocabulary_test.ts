import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { chooseHead } from "../../src/heads/choose_head.ts";
import { planFor } from "../../src/scoring/model_plan.ts";
import { parityFolder } from "../golden/parity.ts";
import { hasCode, headFacts } from "./head_facts.ts";

const asked = { logits: [{ id: 3, text: "yes" }] } as const;

Deno.test("a logit is read from the output matrix, or the embedding where the two are tied", () => {
  const own = chooseHead({ ...headFacts({ "lm_head.weight": [100, 64] }), asked });
  assert.deepEqual([own.kind, own.rowsOf, own.reads.score], ["vocabulary", "lm_head.weight", {
    at: "last",
  }]);
  const tied = { ...headFacts({}, { tie_word_embeddings: true }), asked };
  assert.equal(chooseHead(tied).rowsOf, "model.embed_tokens.weight");
  assert.equal(
    chooseHead({ ...headFacts({}), asked, tiedByDefault: true }).rowsOf,
    "model.embed_tokens.weight",
  );
});

Deno.test("two tokens that are shown alike are told apart by their numbers", () => {
  const twins = { logits: [{ id: 3, text: "\ufffd" }, { id: 4, text: "\ufffd" }] } as const;
  const { parts } = chooseHead({ ...headFacts({ "lm_head.weight": [100, 64] }), asked: twins });
  assert.deepEqual(parts.logits, ["id:3", "id:4"]);
});

Deno.test("no logit is read where its matrix is not certain", () => {
  const refused = (facts: Parameters<typeof chooseHead>[0], code: string, words: RegExp): void =>
    assert.throws(() => chooseHead(facts), hasCode(code, words));
  const matrix = { "lm_head.weight": [100, 64] };
  const code = "heads/no-output-matrix";
  refused({ ...headFacts({}), asked }, code, /found neither/);
  refused({ ...headFacts({ ...matrix, "lm_head.bias": [100] }), asked }, code, /lm_head.bias/);
  refused({ ...headFacts(matrix), asked, causal: false }, code, /found an encoder/);
  refused(
    { ...headFacts({ "lm_head.weight": [99, 64] }), asked },
    "checkpoint/wrong-shape",
    /\[100,64\]/,
  );
  const far = { logits: [{ id: 100, text: "?" }] } as const;
  refused({ ...headFacts(matrix), asked: far }, "heads/unknown-token", /below 100/);
});

Deno.test("an output matrix by another name is read, and is not left over", async () => {
  using checkpoint = await Checkpoint.open(parityFolder("internlm2"));
  const tensors = new Map([...checkpoint.tensors].filter(([name]) => !name.startsWith("v_head")));
  const embedding = tensors.get("model.tok_embeddings.weight")!;
  tensors.set("output.weight", { ...embedding, name: "output.weight" });
  const { name, config } = checkpoint;
  const facts = { name, config, tensors };
  const plan = planFor(facts, { head: "reward", asked });
  assert.equal(plan.head.rowsOf, "output.weight");
  assert.ok(!plan.tensors.has("output.weight")); // not counted as if it were loaded whole
});
