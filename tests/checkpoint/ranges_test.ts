import assert from "node:assert/strict";
import fc from "fast-check";
import { SafetensorsReader } from "../../src/checkpoint/safetensors_reader.ts";
import { AssayError } from "../../src/error.ts";
import { handMade, watchedSource } from "./made_files.ts";

/** Reads a file; returns the code of the error, or "read". Mutated files are in `tests/fuzz/`. */
async function outcomeOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  try {
    using _reader = await SafetensorsReader.open(watchedSource(bytes));
    return "read";
  } catch (error) {
    if (error instanceof AssayError && error.code.startsWith("checkpoint/")) return error.code;
    throw error;
  }
}

Deno.test("a file reads where its ranges follow one another to its end, and only there", async () => {
  const size = fc.nat(6);
  const ranges = fc.oneof(
    fc.array(fc.tuple(size, size), { maxLength: 3 }),
    // Ranges that do follow one another, in any order.
    fc.array(size, { maxLength: 4 }).chain((sizes) => {
      let end = 0;
      const all = sizes.map((size): [number, number] => {
        end += size;
        return [end - size, size];
      });
      return fc.shuffledSubarray(all, { minLength: all.length });
    }),
  );
  await fc.assert(
    fc.asyncProperty(ranges, fc.nat(8), fc.boolean(), async (all, other, exact) => {
      const sum = all.reduce((total, [, size]) => total + size, 0);
      const dataBytes = exact ? sum : other;
      const entries = all.map(([begin, size], i) =>
        `"${i}":{"dtype":"U8","shape":[${size}],"data_offsets":[${begin},${begin + size}]}`
      );
      let end = 0;
      const sorted = all.toSorted(([a, m], [b, n]) => a - b || m - n);
      const tiled = sorted.every(([begin, size]) => begin === end && ((end += size), true));
      const outcome = await outcomeOf(handMade(`{${entries.join(",")}}`, dataBytes));
      assert.equal(outcome === "read", tiled && end === dataBytes, outcome);
    }),
    { numRuns: 3000 },
  );
});
