import assert from "node:assert/strict";
import { ggufFile } from "../../bench/models/gguf_file.ts";
import { bytesField, floatField, numberField, type Piece } from "../../bench/models/protobuf.ts";
import { formatNumber, median } from "../../bench/statistics.ts";

async function bytesOf(pieces: readonly Piece[]): Promise<number[]> {
  const all: number[] = [];
  for (const piece of pieces) {
    all.push(...piece instanceof Uint8Array ? piece : await piece.make());
  }
  return all;
}

Deno.test("protobuf fields are those of the encoding's documentation", async () => {
  assert.deepEqual(await bytesOf(numberField(1, 150)), [0x08, 0x96, 0x01]);
  assert.deepEqual(
    await bytesOf(bytesField(2, "testing")),
    [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67],
  );
  const minusOne = [0x08, ...new Array(9).fill(0xff), 0x01];
  assert.deepEqual(await bytesOf(numberField(1, -1)), minusOne);
  assert.deepEqual(await bytesOf(floatField(2, 1)), [0x15, 0x00, 0x00, 0x80, 0x3f]);
});

Deno.test("a GGUF file's tensor data begin at a multiple of 32 bytes, each tensor too", async () => {
  const tensor = (name: string, value: number) => ({
    name,
    type: "F32" as const,
    shape: [3],
    make: () => Promise.resolve(new Uint8Array(new Float32Array(3).fill(value).buffer)),
  });
  const file = await bytesOf(ggufFile({ "general.architecture": { text: "llama" } }, [
    tensor("a", 1),
    tensor("b", 2),
  ]));
  assert.equal(new TextDecoder().decode(Uint8Array.from(file.slice(0, 4))), "GGUF");
  assert.equal(file.length % 32, 0);
  const floats = new Float32Array(Uint8Array.from(file.slice(-64)).buffer);
  assert.deepEqual([...floats.subarray(0, 3)], [1, 1, 1]);
  assert.deepEqual([...floats.subarray(8, 11)], [2, 2, 2]);
});

Deno.test("medians and numbers of the bench's tables", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(formatNumber(1234.5), "1235");
  assert.equal(formatNumber(0.012345), "0.0123");
});
