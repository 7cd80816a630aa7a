import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import type { Dtype } from "../../src/checkpoint/tensor.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import { bytes, floats, tinyFolder } from "./tiny_checkpoint.ts";

const folder = await tinyFolder("base", [
  floats("w", [3, 2], [1, 2, 3, 4, 5, 6]),
  floats("scalar", [], [9], "BF16"),
  bytes("mask", "U8", [3], [1, 0, 1]),
], { "tokenizer.json": "{}" });

Deno.test("overlayFolder() without changes reads as the base does", async () => {
  using base = await Checkpoint.open(folder);
  using same = await Checkpoint.open(overlayFolder("same", folder, base, {}));
  assert.deepEqual([...same.tensors.keys()].sort(), [...base.tensors.keys()].sort());
  for (const name of base.tensors.keys()) {
    assert.deepEqual(await same.read(name), await base.read(name));
  }
  assert.equal(await same.readText("tokenizer.json"), "{}");
  assert.equal(await same.readText("missing.json"), undefined);
});

Deno.test("overlayFolder() replaces, adds and leaves out tensors, and replaces the configuration", async () => {
  using base = await Checkpoint.open(folder);
  const overlay = overlayFolder("changed", folder, base, {
    tensors: [{
      name: "w",
      dtype: "U8",
      shape: [4, 3],
      readRows: (start, count) =>
        Promise.resolve(Uint8Array.from({ length: count * 3 }, (_, i) => start * 3 + i)),
    }],
    without: ["mask"],
    config: { model_type: "tiny" },
  });
  using changed = await Checkpoint.open(overlay);
  assert.deepEqual([...changed.tensors.keys()].sort(), ["scalar", "w"]);
  assert.equal(changed.config.model_type, "tiny");
  assert.deepEqual([...(await changed.read("w")).bytes], [...Array(12).keys()]);
  assert.deepEqual([...(await changed.readRows("w", 2, 1)).bytes], [6, 7, 8]);
});

Deno.test("overlayFolder() refuses ranges outside, and tensors of the wrong size", async () => {
  using base = await Checkpoint.open(folder);
  const readRows = () => Promise.resolve(new Uint8Array(1));
  const overlay = overlayFolder("broken", folder, base, {
    tensors: [{ name: "w", dtype: "F32", shape: [2], readRows }],
  });
  using broken = await Checkpoint.open(overlay);
  await assert.rejects(broken.read("w"), { code: "voting/wrong-byte-count" });
  using source = await overlay.open("model.safetensors");
  await assert.rejects(source!.read(0, source!.byteLength + 1), {
    code: "checkpoint/out-of-range",
  });
});

Deno.test("overlayFolder() takes every dtype of whole bytes, and refuses the others", async () => {
  const overlaid = async (dtype: Dtype, shape: number[], count: number): Promise<Uint8Array> => {
    const values = Array.from({ length: count }, (_, i) => i);
    const odd = await tinyFolder("odd", [bytes("codes", dtype, shape, values)]);
    using base = await Checkpoint.open(odd);
    using same = await Checkpoint.open(overlayFolder("same", odd, base, {}));
    return (await same.read("codes")).bytes;
  };
  assert.deepEqual([...await overlaid("F8_E4M3FNUZ", [3], 3)], [0, 1, 2]);
  assert.deepEqual([...await overlaid("F64", [1], 8)], [...Array(8).keys()]);
  await assert.rejects(() => overlaid("F4", [4], 2), { code: "voting/unsupported-dtype" });
});
