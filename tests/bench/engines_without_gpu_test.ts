import assert from "node:assert/strict";
import { ModelFiles } from "../../bench/models/model_files.ts";
import { modelShape } from "../../bench/models/model_shape.ts";
import type { Bench } from "../../bench/section.ts";
import { enginesWithoutGpu } from "../../bench/sections/engines_without_gpu.ts";
import { readSettings } from "../../bench/settings.ts";

/** No file of it is written: programs are only made where they are run. */
const bench: Bench = {
  settings: readSettings([]),
  files: new ModelFiles("/nowhere", modelShape(1)),
  packages: "/nowhere",
  cores: 2,
  vectorBits: 512,
  onProgress: () => {},
};
const holding = { library: undefined, reason: "no compiler", caches: "/nowhere" };
const choice = { holding, tokens: 256, tokensOfTwins: 16, long: false };

Deno.test("what chooses by the processor is measured with each instruction set, the rest once", () => {
  const engines = enginesWithoutGpu(bench, { ...choice, sets: ["AVX-512", "AVX2"] });
  const setsOf = (name: string) =>
    engines.filter((engine) => engine.name === name).map(({ sets }) => sets.join());
  for (const name of ["onnxruntime-node, f32", "llama.cpp, BF16", "PyTorch, f32"]) {
    assert.deepEqual(setsOf(name), ["AVX-512", "AVX2"], name);
  }
  assert.deepEqual(setsOf("Assay, lavapipe, 256-bit vectors"), ["AVX-512", "AVX2"]);
  assert.deepEqual(setsOf("Assay, lavapipe, 512-bit vectors"), ["AVX-512"]);
  assert.deepEqual(setsOf("Assay, `wasm`, 2 threads"), ["AVX-512,AVX2"]);
  assert.deepEqual(setsOf("ONNX Runtime Web, WASM, 2 threads, f32 (Node)"), ["AVX-512,AVX2"]);
  assert.equal(engines.find(({ kind }) => kind === "twins")!.tokens, 16);
});

Deno.test("a processor without AVX-512 is measured as it is", () => {
  const engines = enginesWithoutGpu({ ...bench, vectorBits: 256 }, { ...choice, sets: ["AVX2"] });
  assert.equal(engines.every(({ sets }) => sets.join() === "AVX2"), true);
  assert.equal(new Set(engines.map(({ name }) => name)).size, engines.length);
});

Deno.test("where AVX-512 can't be hidden, an engine held to AVX2 says why it is left out", async () => {
  const files = { ...bench.files, onnx: () => Promise.resolve("model.onnx"), shape: modelShape(1) };
  const engines = enginesWithoutGpu(
    { ...bench, files: files as ModelFiles },
    { ...choice, sets: ["AVX-512", "AVX2"] },
  );
  const held = engines.find(({ name, sets }) =>
    name.startsWith("onnxruntime-node") && sets[0] === "AVX2"
  );
  await assert.rejects(held!.program(), /can't be held to AVX2: no compiler/);
});
