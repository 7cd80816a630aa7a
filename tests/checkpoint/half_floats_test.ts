import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  bf16ToFloat32,
  f16ToFloat32,
  float32ToBf16,
  float32ToF16,
} from "../../src/checkpoint/half_floats.ts";

const checksums: Record<string, string> = JSON.parse(
  readFileSync(new URL("../golden/checkpoint/half_floats.json", import.meta.url), "utf8"),
);
const everyHalf = Uint16Array.from({ length: 65536 }, (_, half) => half);
const formats = {
  F16: { widen: f16ToFloat32, narrow: float32ToF16, nan: 0x7e00 },
  BF16: { widen: bf16ToFloat32, narrow: float32ToBf16, nan: 0x7fc0 },
} as const;

function sha256(bits: Uint16Array | Uint32Array): string {
  return createHash("sha256").update(new Uint8Array(bits.buffer)).digest("hex");
}

/** Bit patterns with every NaN as `nan`, as in the golden script: machines choose NaNs freely. */
function bitsOf(values: Float32Array<ArrayBuffer>): Uint32Array {
  const bits = new Uint32Array(values.buffer);
  return bits.map((word, i) => Number.isNaN(values[i]!) ? 0x7fc00000 : word);
}

/** The golden script's inputs: all ties with their neighbours and a million spread patterns. */
function roundedInputs(widen: typeof f16ToFloat32): Float32Array<ArrayBuffer> {
  const finite = widen(everyHalf.subarray(0, 0x8000)).filter((value) => Number.isFinite(value));
  const ties = Float32Array.from(finite.subarray(1), (value, i) => (finite[i]! + value) / 2);
  const bits = new Uint32Array(ties.buffer);
  const all: number[] = [];
  for (const step of [-1, 0, 1]) for (const word of bits) all.push(word + step);
  for (let i = 0; i < 2 ** 20; i++) all.push(Math.imul(i, 2654435761) >>> 0);
  const both = new Uint32Array(2 * all.length);
  both.set(all);
  both.set(Uint32Array.from(all, (word) => word ^ 0x80000000), all.length);
  return new Float32Array(both.buffer);
}

for (const [name, { widen, narrow, nan }] of Object.entries(formats)) {
  Deno.test(`all 65,536 ${name} patterns widen to the floats that torch gives`, () => {
    assert.equal(sha256(bitsOf(widen(everyHalf))), checksums[`${name} to F32`]);
  });

  Deno.test(`floats round to ${name} as torch rounds them, at every tie and all over the range`, () => {
    const values = roundedInputs(widen);
    const halves = narrow(values).map((half, i) => Number.isNaN(values[i]!) ? nan : half);
    assert.equal(sha256(halves), checksums[`F32 to ${name}`]);
  });

  Deno.test(`every ${name} pattern survives widening and narrowing, and NaNs stay NaNs`, () => {
    const values = widen(everyHalf);
    const back = narrow(values);
    for (const half of everyHalf) {
      if (Number.isNaN(values[half]!)) {
        const infinity = name === "F16" ? 0x7c00 : 0x7f80;
        assert.ok((back[half]! & 0x7fff) > infinity, `${half.toString(16)} became a number`);
        assert.equal(back[half]! & 0x8000, half & 0x8000);
      } else {
        assert.equal(back[half], half);
      }
    }
  });
}

Deno.test("every NaN of 32 bits rounds to a NaN, even where its payload is in the low bits only", () => {
  const bits = Uint32Array.of(0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7f801fff);
  const nans = new Float32Array(bits.buffer);
  for (const half of float32ToF16(nans)) assert.ok((half & 0x7fff) > 0x7c00);
  for (const half of float32ToBf16(nans)) assert.ok((half & 0x7fff) > 0x7f80);
});

Deno.test("conversions read a view from its own offset", () => {
  const values = new Float32Array([9, 1.5, -2]).subarray(1);
  assert.deepEqual([...bf16ToFloat32(float32ToBf16(values))], [1.5, -2]);
  assert.deepEqual([...f16ToFloat32(float32ToF16(values))], [1.5, -2]);
});
