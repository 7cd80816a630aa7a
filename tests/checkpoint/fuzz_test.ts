import assert from "node:assert/strict";
import fc from "fast-check";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { blobFolder } from "../../src/checkpoint/folder.ts";
import { SafetensorsReader } from "../../src/checkpoint/safetensors_reader.ts";
import { AssayError } from "../../src/error.ts";
import { handMade, watchedSource, writtenFile } from "./made_files.ts";

const golden = await Deno.readFile(
  new URL("../golden/checkpoint/every_dtype.safetensors", import.meta.url),
);
const smallFile = await writtenFile([
  { name: "a", dtype: "F32", shape: [2, 3], bytes: [new Uint8Array(24)] },
  { name: "b", dtype: "BF16", shape: [4], bytes: [new Uint8Array(8)] },
]);
const index = JSON.stringify({
  metadata: { total_size: 32 },
  weight_map: { a: "model-1.safetensors", b: "model-1.safetensors" },
});

/** One change: at a place, some bytes or lexemes go and others come. */
interface Mutation {
  /** Where, in millionths of the whole. */
  readonly place: number;
  /** How many bytes or lexemes go. */
  readonly removed: number;
  /** What comes: text, or a copy of what stands at another place, in millionths. */
  readonly inserted: string | number;
}

/** Texts that mean something to a parser of headers, and numbers at the edges of number types. */
const texts = [...'{}[]:,"\\-0123456789.eE \0\xff', "null", "true", "[0,8]", '"F32"', '"a":', ""]
  .concat(["9007199254740991", "9007199254740993", "18446744073709551615", "4294967296", "1e400"])
  .concat(['"__proto__"', '"__metadata__"', '"data_offsets"', '"shape":[', '{"dtype":', '"F4"'])
  .concat(['"\\ud800"', '"../a"']);

function mutationsOf(place: fc.Arbitrary<number>): fc.Arbitrary<Mutation[]> {
  const mutation = fc.record({
    place,
    removed: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(40)),
    inserted: fc.oneof(fc.constantFrom(...texts), fc.nat(999_999)),
  });
  return fc.oneof(
    fc.array(mutation, { minLength: 1, maxLength: 1 }),
    fc.array(mutation, { maxLength: 4 }),
  );
}

const anywhere = fc.nat(999_999);
/** Half of the mutations near the start, in the header and its length. */
const early = fc.oneof(anywhere, fc.nat(99_999));

/** Mutates a list of bytes or lexemes. */
function mutateList<T>(list: T[], changes: readonly Mutation[], parse: (text: string) => T[]): T[] {
  for (const { place, removed, inserted } of changes) {
    const at = (millionths: number) => Math.floor(millionths * list.length / 1_000_000);
    const items = typeof inserted === "string" ? parse(inserted) : [list[at(inserted)]!];
    list = list.toSpliced(at(place), removed, ...items);
  }
  return list;
}

function mutateBytes(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array<ArrayBuffer> {
  const parse = (text: string) => [...text].map((character) => character.charCodeAt(0));
  return new Uint8Array(mutateList([...bytes], changes, parse));
}

/** The text with whole numbers, strings and brackets changed, so that most of it still parses. */
function mutateLexemes(text: string, changes: readonly Mutation[]): string {
  const few = changes.map((change) => ({ ...change, removed: change.removed % 3 }));
  return mutateList(text.match(/"[^"]*"|[0-9]+|./gu)!, few, (lexeme) => [lexeme]).join("");
}

/** A file whose header is changed, and whose header's length fits again. */
function mutateHeader(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array<ArrayBuffer> {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = mutateLexemes(new TextDecoder().decode(bytes.subarray(8, 8 + length)), changes);
  const data = bytes.subarray(8 + length);
  const file = handMade(header, data.length);
  file.set(data, file.length - data.length);
  return file;
}

/** Reads all of a file in every way; returns the code of the error, or "read". */
async function readAll(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const source = watchedSource(bytes);
  try {
    using reader = await SafetensorsReader.open(source);
    for (const { name, shape, byteLength } of reader.tensors.values()) {
      assert.equal((await reader.read(name)).bytes.length, byteLength);
      if (shape.length > 0 && shape[0]! > 0) await reader.gatherRows(name, [0, shape[0]! - 1]);
    }
    return "read";
  } catch (error) {
    if (error instanceof AssayError && error.code.startsWith("checkpoint/")) return error.code;
    throw error;
  } finally {
    for (const [offset, length] of source.reads) assert.ok(offset + length <= bytes.length);
  }
}

for (
  const [what, file, change, place] of [
    ["a file of every dtype", golden, mutateBytes, early],
    ["the header of a file of every dtype", golden, mutateHeader, anywhere],
    ["a small file", smallFile, mutateBytes, early],
    ["the header of a small file", smallFile, mutateHeader, anywhere],
  ] as const
) {
  Deno.test(`3000 mutations of ${what} give an AssayError or a file that reads`, async () => {
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(mutationsOf(place), async (changes) => {
        outcomes.add(await readAll(change(file, changes)));
      }),
      { numRuns: 3000 },
    );
    // Mutations that all fail the first checks would try little.
    assert.ok(outcomes.size >= 5, `only ${[...outcomes]}`);
  });
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
      const outcome = await readAll(handMade(`{${entries.join(",")}}`, dataBytes));
      assert.equal(outcome === "read", tiled && end === dataBytes, outcome);
    }),
    { numRuns: 3000 },
  );
});

/** An index that is well-formed JSON, and wrong in what it says more often than not. */
const wrongIndex = fc.record({
  weight_map: fc.oneof(
    fc.jsonValue(),
    fc.dictionary(
      fc.constantFrom("a", "b", "c"),
      fc.constantFrom("model-1.safetensors", "model-2.safetensors", "../a", "/a", "", 1, null),
    ),
  ),
}).map((value) => JSON.stringify(value));
const mutatedIndex = mutationsOf(anywhere).map((changes) => mutateLexemes(index, changes));

Deno.test("3000 mutations of an index give an AssayError or a checkpoint", async () => {
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutatedIndex, wrongIndex), async (text) => {
      const folder = blobFolder(
        "mutated",
        new Map([
          ["config.json", new Blob(["{}"])],
          ["model.safetensors.index.json", new Blob([text])],
          ["model-1.safetensors", new Blob([smallFile])],
        ]),
      );
      try {
        using checkpoint = await Checkpoint.open(folder);
        assert.deepEqual([...checkpoint.tensors.keys()], ["a", "b"]);
        outcomes.add("opened");
      } catch (error) {
        assert.ok(error instanceof AssayError, String(error));
        outcomes.add(error.code);
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(outcomes.size >= 5, `only ${[...outcomes]}`);
});
