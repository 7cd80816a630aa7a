import assert from "node:assert/strict";
import { blobFolder } from "../../src/checkpoint/folder.ts";
import type { TensorToWrite } from "../../src/checkpoint/safetensors_writer.ts";
import { applyLinearHeads, readLinearHeads } from "../../src/voting/linear_heads.ts";
import { floats, safetensorsBlob } from "../merging/tiny_checkpoint.ts";

async function folderWith(tensors: readonly TensorToWrite[]) {
  return blobFolder("model", new Map([["voters.safetensors", await safetensorsBlob(tensors)]]));
}

Deno.test("readLinearHeads() reads voters with and without biases", async () => {
  const weight = floats("voters.weight", [2, 3], [1, 2, 3, 4, 5, 6], "BF16");
  const plain = await readLinearHeads(await folderWith([weight]), "voters.safetensors", 3);
  assert.deepEqual(plain.names, ["voters[0]", "voters[1]"]);
  assert.deepEqual(applyLinearHeads(plain, [1, 0, -1]), [-2, -2]);
  const bias = floats("voters.bias", [2], [0.5, -0.5]);
  const biased = await readLinearHeads(await folderWith([weight, bias]));
  assert.deepEqual(applyLinearHeads(biased, [1, 1, 1]), [6.5, 14.5]);
});

Deno.test("readLinearHeads() refuses files that hold no heads for the backbone", async () => {
  const refused = { code: "voting/bad-heads" };
  const weight = floats("voters.weight", [2, 3], [1, 2, 3, 4, 5, 6]);
  await assert.rejects(readLinearHeads(blobFolder("model", new Map())), refused);
  await assert.rejects(readLinearHeads(await folderWith([weight]), undefined, 4), refused);
  for (
    const tensors of [
      [floats("score.weight", [1, 3], [1, 2, 3])],
      [floats("voters.weight", [3], [1, 2, 3])],
      [floats("voters.weight", [0, 3], [])],
      [weight, floats("voters.bias", [3], [1, 2, 3])],
      [floats("voters.weight", [1, 1], [Infinity])],
    ]
  ) {
    await assert.rejects(readLinearHeads(await folderWith(tensors)), refused);
  }
  const model = Array.from({ length: 99 }, (_, i) => floats(`layer.${i}`, [1], [1]));
  await assert.rejects(readLinearHeads(await folderWith(model)), {
    message: /found only (?:layer\.\d+, ){5}…/,
  });
});
