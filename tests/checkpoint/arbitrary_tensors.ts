import fc from "fast-check";
import { type Dtype, dtypeBits } from "../../src/checkpoint/tensor.ts";

/** A tensor whose bytes come as one piece. */
export interface WholeTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: readonly [Uint8Array<ArrayBuffer>];
}

const tensor: fc.Arbitrary<WholeTensor> = fc.record({
  name: fc.string({ unit: "grapheme", maxLength: 8 }).filter((name) => name !== "__metadata__"),
  dtype: fc.constantFrom(...dtypeBits.keys()),
  shape: fc.array(fc.nat(5), { maxLength: 4 }),
  seed: fc.nat(255),
}).map(({ name, dtype, shape, seed }) => {
  const bits = dtypeBits.get(dtype)!;
  const sizes = bits < 8 ? [...shape, 4] : shape; // whole bytes
  const length = sizes.reduce((product, size) => product * size, bits) / 8;
  const bytes = new Uint8Array(length).map((_, i) => (i * 31 + seed) % 256);
  return { name, dtype, shape: sizes, bytes: [bytes] };
});

/** Up to twelve tensors of any dtype and small shapes, scalars and empty ones among them. */
export function arbitraryTensors(): fc.Arbitrary<WholeTensor[]> {
  return fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 12 });
}
