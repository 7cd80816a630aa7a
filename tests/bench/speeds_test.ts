import assert from "node:assert/strict";
import { type EngineResult, tablesOf } from "../../bench/sections/tables_without_gpu.ts";
import { fastest, timesAsFast } from "../../bench/speeds.ts";

function result(name: string, wanted: Partial<EngineResult>): EngineResult {
  return {
    name,
    kind: "peer",
    sets: ["AVX2"],
    tokens: 100,
    facts: {},
    milliseconds: [],
    numbers: null,
    loadMilliseconds: 1,
    peakBytes: undefined,
    failure: undefined,
    ...wanted,
  };
}

const wasm = result("Assay, `wasm`", { kind: "wasm", milliseconds: [100, 200], numbers: [0.5] });
const lavapipe = result("Assay, lavapipe", {
  kind: "lavapipe",
  milliseconds: [50, 400],
  numbers: [0.5],
});
const twins = result("Assay, `cpu`", { kind: "twins", tokens: 10, milliseconds: [1000, 500] });
const missing = result("PyTorch, f32", { failure: "no Python" });
const peer = result("onnxruntime-node", { milliseconds: [400, 100], numbers: [0.25] });

Deno.test("engines are compared by tokens/s, round by round, whatever each has scored", () => {
  assert.deepEqual(timesAsFast(wasm, peer), [4, 0.5]);
  assert.deepEqual(timesAsFast(wasm, twins), [100, 25]);
  assert.deepEqual(timesAsFast(wasm, missing), [NaN]);
  assert.deepEqual(timesAsFast(undefined, peer), [NaN]);
});

Deno.test("the fastest engine has the best median, and one that failed is none", () => {
  assert.equal(fastest([missing, wasm, lavapipe]), lavapipe);
  assert.equal(fastest([missing]), undefined);
});

Deno.test("a table has the engines of its instruction set, and says why one was left out", () => {
  const wide = result("llama.cpp", { sets: ["AVX-512"], milliseconds: [100, 100] });
  const [heading, rows, conclusion] = tablesOf("One sequence", ["AVX2"], [
    wasm,
    lavapipe,
    twins,
    missing,
    peer,
    wide,
  ]) as [string, string, string];
  assert.equal(heading, "### One sequence, AVX2");
  const lines = rows.split("\n").slice(2).map((line) => line.split(" | "));
  assert.deepEqual(lines.map(([name]) => name), [
    "| Assay, `wasm`",
    "| Assay, lavapipe",
    "| Assay, `cpu`, 10 tokens",
    "| PyTorch, f32",
    "| onnxruntime-node",
  ]);
  assert.equal(lines[0]![2], "1");
  assert.equal(lines[3]![1], "left out: no Python");
  assert.deepEqual(lines[4]!.slice(2, 5), ["2.25 (0.500–4.00)", "4.13 (0.250–8.00)", "2.5e-1"]);
  assert.equal(lines[2]![4], "–", "another sequence has another score");
  assert.match(conclusion, /better engine here is lavapipe, 1125 tokens\/s: .* × Assay, `cpu`; /);
  assert.doesNotMatch(conclusion, /PyTorch/);
});
