import assert from "node:assert/strict";
import { checkTensors } from "../../src/checkpoint/check_tensors.ts";
import { namingHint } from "../../src/checkpoint/tensor_names.ts";
import type { Dtype, TensorInfo } from "../../src/checkpoint/tensor.ts";

const embedding = "model.embed_tokens.weight";

Deno.test("namingHint() knows the prefixes that wrappers save", () => {
  const hint = (name: string, expected = embedding) => namingHint([name], expected);
  assert.match(hint("base_model.model.model.embed_tokens.weight"), /--adapter/);
  assert.match(hint("transformer.embed_tokens.weight"), /"transformer\." should be "model\."/);
  assert.match(hint("model.model.embed_tokens.weight"), /"model\.model\." should be "model\."/);
  assert.match(hint("embed_tokens.weight"), /"" should be "model\."/);
  assert.match(hint("transformer.score.weight", "score.weight"), /"transformer\." should be ""/);
  assert.equal(hint("v_head.weight"), "");
});

Deno.test("checkTensors() says what to do with types that it does not compute with", () => {
  const expected = new Map([["a", [8, 8]]]);
  const advice: [Dtype, RegExp][] = [
    ["F64", /64-bit weights must be converted/],
    ["F8_E4M3", /quantized/],
    ["U8", /quantized/],
    ["BOOL", /no weight has such a type/],
  ];
  for (const [dtype, words] of advice) {
    const info: TensorInfo = { name: "a", dtype, shape: [8, 8], byteLength: 64, file: "f" };
    assert.throws(() => checkTensors(new Map([["a", info]]), expected, "tiny"), words);
  }
});
