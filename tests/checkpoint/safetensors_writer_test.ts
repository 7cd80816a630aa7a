import assert from "node:assert/strict";
import fc from "fast-check";
import { SafetensorsReader } from "../../src/checkpoint/safetensors_reader.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors_writer.ts";
import { type Dtype, dtypeBits } from "../../src/checkpoint/tensor.ts";
import { failsWith, watchedSource, writtenFile } from "./made_files.ts";
import { arbitraryTensors } from "./arbitrary_tensors.ts";

const golden = new URL("../golden/checkpoint/every_dtype.safetensors", import.meta.url);

/** One U8 tensor "a" with the given shape and pieces. */
function one(shape: readonly number[], ...pieces: number[][]): TensorToWrite[] {
  const bytes = pieces.map((piece) => new Uint8Array(piece));
  return [{ name: "a", dtype: "U8", shape, bytes }];
}

Deno.test("writeSafetensors() writes the bytes that the Python package writes", async () => {
  const expected = await Deno.readFile(golden);
  const reader = await SafetensorsReader.open(watchedSource(expected));
  const tensors: TensorToWrite[] = [];
  for (const name of [...reader.tensors.keys()].reverse()) {
    const { bytes, ...declaration } = await reader.read(name);
    tensors.push({ ...declaration, bytes: [bytes] });
  }
  assert.deepEqual(await writtenFile(tensors), expected);
});

Deno.test("what writeSafetensors() writes, SafetensorsReader reads back", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryTensors(),
      fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" })),
      async (tensors, metadata) => {
        const file = await writtenFile(tensors, { metadata });
        const reader = await SafetensorsReader.open(watchedSource(file));
        assert.deepEqual(Object.fromEntries(reader.metadata), { ...metadata });
        assert.equal(reader.tensors.size, tensors.length);
        for (const { name, dtype, shape, bytes } of tensors) {
          const [whole] = bytes;
          assert.deepEqual(await reader.read(name), { name, dtype, shape, bytes: whole });
        }
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("every tensor in a written file is aligned to its elements", async () => {
  const tensors = [...dtypeBits].map(([dtype], i) => {
    const elements = 8 * (2 * i + 1); // odd counts of the smallest whole bytes
    const bytes = [new Uint8Array(elements * dtypeBits.get(dtype)! / 8)];
    return { name: `${i}`, dtype, shape: [elements], bytes };
  });
  const source = watchedSource(await writtenFile(tensors));
  const reader = await SafetensorsReader.open(source);
  for (const [name, { dtype }] of reader.tensors) {
    source.reads.length = 0;
    await reader.read(name);
    const bytes = Math.max(1, dtypeBits.get(dtype)! / 8);
    assert.equal(source.reads[0]![0] % bytes, 0, dtype);
  }
});

Deno.test("the default metadata is what Python's loaders ask for", async () => {
  const reader = await SafetensorsReader.open(watchedSource(await writtenFile([])));
  assert.deepEqual([...reader.metadata], [["format", "pt"]]);
});

Deno.test("writeSafetensors() takes pieces as they come, when the sink is ready for them", async () => {
  const events: string[] = [];
  async function* pieces(name: string) {
    for (const piece of [1, 2]) {
      events.push(`make ${name}${piece}`);
      yield await Promise.resolve(new Uint8Array([piece]));
    }
  }
  const sink = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (chunk) => void events.push(`write ${chunk.length > 8 ? "header" : chunk[0]}`),
    close: () => void events.push("close"),
  });
  const tensor = { dtype: "U8", shape: [2] } as const;
  await writeSafetensors(sink, [
    { ...tensor, name: "b", bytes: pieces("b") },
    { ...tensor, name: "a", bytes: pieces("a") },
  ]);
  assert.deepEqual(events, [
    ...["write header", "make a1", "write 1", "make a2", "write 2"],
    ...["make b1", "write 1", "make b2", "write 2", "close"],
  ]);
});

const refusals: readonly (readonly [string, TensorToWrite[], string, RegExp])[] = [
  ["too few bytes", one([3], [1, 2]), "wrong-byte-count", /3 bytes of tensor "a".*found 2/],
  ["too many bytes", one([3], [1, 2], [3, 4]), "wrong-byte-count", /found at least 4/],
  ["a name twice", [...one([0]), ...one([0])], "duplicate-tensor", /"a" twice/],
  [
    "the name __metadata__",
    [{ ...one([0])[0]!, name: "__metadata__" }],
    "bad-tensor-name",
    /other/,
  ],
  ["a lone surrogate", [{ ...one([0])[0]!, name: "\ud800" }], "bad-tensor-name", /well-formed/],
  ["an unknown dtype", [{ ...one([0])[0]!, dtype: "F128" as Dtype }], "unknown-dtype", /"F128"/],
  ["a negative size", one([-1]), "bad-shape", /U8 \[-1\]/],
  ["a fractional size", one([0.5]), "bad-shape", /U8 \[0.5\]/],
  ["an overflow", one([2 ** 40, 2 ** 40]), "bad-shape", /U8/],
  ["half a byte", [{ ...one([3])[0]!, dtype: "F4" }], "bad-shape", /whole bytes/],
];

for (const [what, tensors, code, message] of refusals) {
  Deno.test(`writeSafetensors() refuses ${what} and aborts the sink`, async () => {
    let aborted: unknown;
    const sink = new WritableStream<Uint8Array<ArrayBuffer>>({
      abort: (reason) => void (aborted = reason),
    });
    const error = await failsWith(
      `checkpoint/${code}`,
      () => writeSafetensors(sink, tensors),
      message,
    );
    assert.equal(aborted, error);
  });
}

Deno.test("writeSafetensors() refuses a header that readers would refuse", async () => {
  const metadata = { notes: "a".repeat(100_000_000) };
  await failsWith("checkpoint/header-too-large", () => {
    return writeSafetensors(new WritableStream(), [], { metadata });
  });
});

Deno.test("writeSafetensors() refuses metadata that is not well-formed text", async () => {
  for (const metadata of [{ a: "\ud800" }, { "\udc00": "" }, { a: 1 as unknown as string }]) {
    await failsWith("checkpoint/bad-metadata", () => {
      return writeSafetensors(new WritableStream(), [], { metadata });
    });
  }
});

Deno.test("writeSafetensors() says when the sink fails, in writing and in closing", async () => {
  const full = () => Promise.reject(new Error("disk full"));
  for (const failing of [{ write: full }, { close: full }]) {
    const sink = new WritableStream<Uint8Array<ArrayBuffer>>(failing);
    await failsWith("checkpoint/write-failed", () => writeSafetensors(sink, one([0])), /disk full/);
  }
});

Deno.test("an error of the tensors' own maker comes through unchanged", async () => {
  const failure = new RangeError("no such layer");
  // deno-lint-ignore require-yield
  async function* bytes(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    throw await Promise.resolve(failure);
  }
  const tensor = { name: "a", dtype: "U8", shape: [1], bytes: bytes() } as const;
  await assert.rejects(writeSafetensors(new WritableStream(), [tensor]), failure);
});
