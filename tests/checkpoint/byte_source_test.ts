import assert from "node:assert/strict";
import { blobSource } from "../../src/checkpoint/blob_source.ts";
import { allocateBytes } from "../../src/checkpoint/byte_source.ts";
import { failsWith } from "./made_files.ts";

Deno.test("an array larger than the engine can make is an error that says for what", async () => {
  const message = /Cannot read tensor a: expected memory for 9007199254740991 bytes/;
  const allocate = () => allocateBytes(Number.MAX_SAFE_INTEGER, "tensor a");
  await failsWith("checkpoint/out-of-memory", allocate, message);
});

Deno.test("a blob is read from a range, and no range outside it", async () => {
  using source = blobSource("a", new Blob([new Uint8Array([1, 2, 3, 4])]));
  assert.deepEqual([...await source.read(1, 2)], [2, 3]);
  assert.equal((await source.read(4, 0)).length, 0);
  await failsWith("checkpoint/out-of-range", () => source.read(3, 2), /inside its 4 bytes/);
  await failsWith("checkpoint/out-of-range", () => source.read(-1, 2));
});

Deno.test("a blob that can no longer be read is an error with its cause", async () => {
  const cause = new DOMException("the file was moved", "NotReadableError");
  const blob = new Blob(["text"]);
  blob.slice = () => {
    throw cause;
  };
  using source = blobSource("picked.safetensors", blob);
  const error = await failsWith("checkpoint/read-failed", () => source.read(0, 1), /picked/);
  assert.equal(error.cause, cause);
});
