import assert from "node:assert/strict";
import { meantConfig, meantTemplate, meantTokenizer } from "../../src/merging/soup_settings.ts";

type Settings = Record<string, unknown>;

function means(config: Settings, other: Settings): boolean {
  const [one, two] = [meantConfig(config), meantConfig(other)].map((meant) =>
    JSON.stringify([...meant].sort())
  );
  return one === two;
}

Deno.test("meantConfig() takes spellings of one setting for the same, and values for what they are", () => {
  const four = {
    rope_theta: 5e5,
    rope_scaling: { type: "linear", factor: 2 },
    torch_dtype: "float32",
    transformers_version: "4.44.0",
    num_attention_heads: 4,
    hidden_size: 64,
  };
  const five = {
    rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 5e5 },
    dtype: "float32",
    transformers_version: "5.1.0",
    use_cache: false,
    _attn_implementation_autoset: true,
    num_attention_heads: 4,
    hidden_size: 64,
    head_dim: 16,
    num_key_value_heads: 4,
    attention_bias: false,
    layer_types: ["full_attention", "full_attention"],
  };
  assert.ok(means(four, five));
  assert.ok(means({ rope_theta: 1e4, rope_scaling: null }, {}));
  assert.ok(means({}, { rope_parameters: { rope_type: "default", rope_theta: 1e4 } }));
  assert.ok(
    means({ use_sliding_window: false, sliding_window: 4096 }, { use_sliding_window: false }),
  );
  const others: Settings[] = [
    { rope_theta: 1e4 },
    { rope_scaling: { type: "linear", factor: 4 } },
    { rope_scaling: { type: "dynamic", factor: 2 } },
    { rope_scaling: null },
    { attention_bias: true },
    { num_key_value_heads: 2 },
    { head_dim: 32 },
    { layer_types: ["full_attention", "sliding_attention"] },
    { rms_norm_eps: 1e-6 },
  ];
  for (const other of others) {
    assert.ok(!means(four, { ...four, ...other }), JSON.stringify(other));
  }
});

Deno.test("meantTokenizer() takes merges as lists and as strings for the same, other merges not", () => {
  const tokenizer = (merges: unknown, rest: Settings = {}) =>
    meantTokenizer({
      version: "1.0",
      model: { type: "BPE", vocab: { a: 0 }, merges, ...rest },
    });
  const plain = tokenizer(["a b", "ab c"]);
  assert.equal(
    tokenizer([["a", "b"], ["ab", "c"]], { ignore_merges: false, dropout: null }),
    plain,
  );
  assert.notEqual(tokenizer([["a", "bc"], ["ab", "c"]]), plain);
  assert.notEqual(tokenizer(["a b", "ab c"], { byte_fallback: true }), plain);
});

Deno.test("meantTemplate() takes a template for the same wherever it stands", () => {
  const source = "{% for m in messages %}\n{{ m.content }}{% endfor %}";
  const named = [{ name: "default", template: source }];
  assert.equal(meantTemplate(`${source}\n`, undefined), meantTemplate(undefined, source));
  assert.equal(meantTemplate(source.replace("\n", "\r\n"), null), meantTemplate(undefined, named));
  assert.notEqual(meantTemplate(`${source} `, undefined), meantTemplate(undefined, source));
});
