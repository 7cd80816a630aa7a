import { blobFolder, Checkpoint, toFloat32, writeSafetensors } from "@assay/assay/checkpoint";
import type { Findings, Place } from "./program.ts";

/** Writes a checkpoint and reads it back; reads one that lies in files, or behind HTTP. */
export default async function ({ repository }: Place): Promise<Findings> {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
  const weights = new Response(readable).blob();
  const bytes = [new Uint8Array(new Float32Array([0.5, -1, 2]).buffer)];
  await writeSafetensors(writable, [{ name: "w", dtype: "F32", shape: [1, 3], bytes }]);
  const files = new Map([
    ["config.json", new Blob(['{"model_type":"llama"}'])],
    ["model.safetensors", await weights],
  ]);
  using made = await Checkpoint.open(blobFolder("made", files));
  using demo = await Checkpoint.open(`${repository}/tests/golden/parity/llama`);
  const tensor = demo.tensors.keys().find((name) => name.endsWith("norm.weight"))!;
  return {
    written: [...toFloat32(await made.read("w"))],
    tensors: demo.tensors.size,
    read: [...toFloat32(await demo.read(tensor))],
  };
}
