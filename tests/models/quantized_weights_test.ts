import assert from "node:assert/strict";
import type { TensorInfo } from "../../src/checkpoint/tensor.ts";
import { AssayError } from "../../src/error.ts";
import type { ModelFacts } from "../../src/models/family.ts";
import { refuseQuantized } from "../../src/models/quantized.ts";
import { ownQuantization, withoutScales } from "../../src/models/quantized_weights.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";

type Header = readonly [dtype: TensorInfo["dtype"], shape: readonly number[]];

/** Facts of a checkpoint, by its tensors' types and shapes. */
function factsOf(tensors: Readonly<Record<string, Header>>, settings?: unknown): ModelFacts {
  const infos = Object.entries(tensors).map(([name, [dtype, shape]]) => {
    const bytes = { I8: 1, U8: 1, F16: 2, F32: 4 }[dtype as "I8"] ?? 2;
    const byteLength = shape.reduce((product, size) => product * size, bytes);
    return [name, { name, dtype, shape, byteLength, file: "model.safetensors" }] as const;
  });
  const config = settings === undefined ? {} : { quantization_config: settings };
  return { name: "folder", config, tensors: new Map(infos) };
}

const settings = { quant_method: "assay", version: 1, bits: 8, group_size: 32 };
const whole: Record<string, Header> = {
  "layers.0.up.weight": ["I8", [6, 70]],
  "layers.0.up.weight_scale": ["F16", [6, 3]],
  "norm.weight": ["F32", [70]],
};

Deno.test("a quantized weight is one with its scales, in the shape of its numbers", () => {
  const { tensors } = withoutScales(factsOf(whole, settings));
  assert.deepEqual([...tensors.keys()], ["layers.0.up.weight", "norm.weight"]);
  const { shape, byteLength, quantized } = tensors.get("layers.0.up.weight")!;
  assert.deepEqual([shape, byteLength, quantized], [[6, 70], 420 + 36, { bits: 8, group: 32 }]);
  const half = { ...whole, "layers.0.up.weight": ["U8", [6, 35]] as Header };
  const four = withoutScales(factsOf(half, { ...settings, bits: 4 })).tensors;
  assert.deepEqual(four.get("layers.0.up.weight")!.shape, [6, 70]);
});

const weight = "layers.0.up.weight";
const bad: readonly [what: string, facts: ModelFacts, message: RegExp][] = [
  ["no scales", factsOf({ [weight]: whole[weight]! }, settings), /up\.weight_scale" in F16 .*none/],
  [
    "scales of another shape",
    factsOf({ ...whole, [`${weight}_scale`]: ["F16", [6, 2]] }, settings),
    /of shape \[6,3\], found F16 \[6,2\]/,
  ],
  [
    "scales of another type",
    factsOf({ ...whole, [`${weight}_scale`]: ["F32", [6, 3]] }, settings),
    /found F32 \[6,3\]/,
  ],
  [
    "numbers of another type",
    factsOf({ ...whole, [weight]: ["U8", [6, 70]] }, settings),
    /"layers\.0\.up\.weight" as a matrix in I8, found U8 \[6,70\]/,
  ],
  [
    "a vector",
    factsOf({ ...whole, [weight]: ["I8", [70]] }, settings),
    /as a matrix in I8, found I8 \[70\]/,
  ],
  [
    "scales beside plain weights",
    factsOf({ ...whole, [weight]: ["F32", [6, 70]] }, settings),
    /a quantized weight beside the tensor "layers\.0\.up\.weight_scale", found F32/,
  ],
  ["3 bits", factsOf(whole, { ...settings, bits: 3 }), /8 or 4 bits, found 3/],
  ["a group of 48", factsOf(whole, { ...settings, group_size: 48 }), /32 or 128, found 48/],
  ["a later version", factsOf(whole, { ...settings, version: 2 }), /version 1, found 2: update/],
  ["another key", factsOf(whole, { ...settings, zeros: true }), /no other keys, found zeros/],
];

for (const [what, facts, message] of bad) {
  Deno.test(`Assay's own quantization is refused with ${what}`, () => {
    assert.throws(() => withoutScales(facts), { code: "models/bad-quantization", message });
  });
}

const methods: readonly [method: string, tensor: string, dtype: TensorInfo["dtype"]][] = [
  ["GPTQ", "layers.0.up.g_idx", "I32"],
  ["GPTQ or AWQ", "layers.0.up.qweight", "I32"],
  ["bitsandbytes", "layers.0.up.weight.absmax", "U8"],
  ["bitsandbytes", "layers.0.up.SCB", "F32"],
  ["compressed-tensors", "layers.0.up.weight_packed", "I32"],
  ["fp8", "layers.0.up.weight_scale_inv", "F32"],
  ["HQQ or quanto", "layers.0.up.W_q", "U8"],
];

for (const [method, tensor, dtype] of methods) {
  Deno.test(`${tensor} is told to be ${method}'s, with what to do`, () => {
    const facts = factsOf({ ...whole, [tensor]: [dtype, [4]] });
    const message = new RegExp(`${method} has them\\); take the model as it was .*--weights int4`);
    assert.throws(() => refuseQuantized(facts), { code: "models/quantized", message });
  });
}

Deno.test("whatever headers and settings say, quantized weights are joined or refused by name", () => {
  const next = seededRandom(5);
  const pick = <Choice>(choices: readonly Choice[]): Choice =>
    choices[Math.floor(next() * choices.length)]!;
  const counts = { joined: 0, refused: 0 };
  for (let round = 0; round < 3000; round++) {
    const tensors = Object.fromEntries(
      Object.entries(whole).flatMap(([name, header]) => {
        const [dtype, shape] = header;
        if (next() < 0.05) return [];
        const changed = [
          next() < 0.1 ? pick(["I8", "U8", "F16", "F32", "I64", "F8_E4M3"] as const) : dtype,
          shape.map((size) => (next() < 0.1 ? pick([0, 1, 3, 35, 70, 2 ** 31]) : size))
            .slice(next() < 0.05 ? 1 : 0),
        ] as Header;
        return [[name, changed] as const];
      }),
    );
    const changed = {
      ...settings,
      bits: pick([8, 8, 8, 4, 3, "8", null]),
      group_size: pick([32, 32, 32, 128, 0, -1, 1e9]),
    };
    const facts = factsOf(tensors, pick([changed, settings, settings, null, "assay", [settings]]));
    try {
      const joined = withoutScales(facts);
      if (ownQuantization(facts) === undefined) continue;
      counts.joined++;
      for (const { quantized, dtype } of joined.tensors.values()) {
        assert.equal(quantized !== undefined, dtype === "I8" || dtype === "U8");
      }
    } catch (error) {
      assert.ok(
        error instanceof AssayError && error.code === "models/bad-quantization",
        String(error),
      );
      counts.refused++;
    }
  }
  assert.ok(counts.joined > 300 && counts.refused > 300, JSON.stringify(counts));
});
