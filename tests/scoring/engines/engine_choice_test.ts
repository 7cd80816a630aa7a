import assert from "node:assert/strict";
import type { AdapterDescription } from "../../../src/gpu/adapter.ts";
import {
  choiceByRule,
  chooseForModel,
  type ModelChoice,
  worthTiming,
} from "../../../src/scoring/engines/engine_choice.ts";
import type { EngineWork } from "../../../src/scoring/engines/engine_work.ts";

const lavapipe: AdapterDescription = {
  vendor: "65541",
  architecture: "",
  device: "0",
  description: "llvmpipe (LLVM 15.0.6, 256 bits)",
  software: true,
  openGl: false,
  vectorBits: 256,
};
const graphicsCard = { ...lavapipe, description: "NVIDIA H100", software: false };

const large: EngineWork = {
  name: "llama, 32 layers, 6979 M weights, 1",
  weights: 7e9,
  layers: 32,
  products: [],
  attention: undefined,
};

/** A store that counts, and a race that must not be run unless a winner is given. */
function circumstances(winner?: "gpu" | "wasm", remembered: string[] = [], lasts = true) {
  const held = new Map(remembered.map((engine) => [large.name, engine]));
  let races = 0;
  const choice: ModelChoice = {
    work: large,
    fitsWasm: true,
    store: {
      read: () => Promise.resolve(held),
      add: (choices) => {
        for (const [name, engine] of choices) held.set(name, engine);
        return Promise.resolve(lasts);
      },
    },
    race: () => {
      races++;
      if (winner === undefined) assert.fail("must not be timed");
      return Promise.resolve(winner);
    },
  };
  return { choice, held, races: () => races };
}

Deno.test("auto takes a graphics card, and WebAssembly where there is no adapter, without looking on", () => {
  assert.equal(choiceByRule(graphicsCard, {})?.engine, "gpu");
  assert.equal(choiceByRule(undefined, {})?.engine, "wasm");
  assert.equal(choiceByRule({ ...lavapipe, openGl: true }, {})?.engine, "wasm");
  assert.equal(choiceByRule(lavapipe, {}), undefined);
});

Deno.test("auto takes WebGPU where its kernels or tiles are asked for, and times nothing with tuning off", () => {
  for (const adapter of [undefined, lavapipe, { ...lavapipe, openGl: true }, graphicsCard]) {
    assert.equal(choiceByRule(adapter, { kernels: "tiled" })?.engine, "gpu");
    assert.equal(choiceByRule(adapter, { kernels: "texture", tuning: "off" })?.engine, "gpu");
    assert.equal(choiceByRule(adapter, { tuning: "16x64x16" })?.engine, "gpu");
  }
  assert.equal(choiceByRule(lavapipe, { tuning: "off" })?.engine, "wasm");
  assert.equal(choiceByRule(graphicsCard, { tuning: "off" })?.engine, "gpu");
});

Deno.test("a small model, or one that nothing is known of, takes WebAssembly and is never timed", async () => {
  for (const work of [undefined, { ...large, weights: worthTiming - 1 }]) {
    const { choice, held } = circumstances(undefined, ["gpu"]);
    const before = [...held];
    assert.equal((await chooseForModel({ ...choice, work })).engine, "wasm");
    assert.deepEqual([...held], before);
  }
});

Deno.test("a large model is timed once, and what was found is kept", async () => {
  for (const winner of ["gpu", "wasm"] as const) {
    const first = circumstances(winner);
    assert.equal((await chooseForModel(first.choice)).engine, winner);
    assert.equal(first.races(), 1);
    const later = { ...first.choice, race: () => assert.fail("must not be timed again") };
    assert.equal((await chooseForModel(later)).engine, winner);
    const other = { ...large, name: "another shape", weights: worthTiming };
    assert.equal((await chooseForModel({ ...first.choice, work: other })).engine, winner);
    assert.equal(first.races(), 2);
  }
});

Deno.test("a remembered engine that is none is not trusted, but timed anew", async () => {
  for (const stale of ["cpu", "texture", "", "toString"]) {
    const { choice, held, races } = circumstances("gpu", [stale]);
    assert.equal((await chooseForModel(choice)).engine, "gpu");
    assert.equal(races(), 1);
    assert.equal(held.get(large.name), "gpu");
  }
});

Deno.test("where nothing lasts the clock is not asked: runs would differ from each other", async () => {
  const { choice } = circumstances(undefined, [], false);
  const { engine, why } = await chooseForModel(choice);
  assert.equal(engine, "wasm");
  assert.match(why, /remembered/);
});

Deno.test("a model that WebAssembly has no room for goes to the adapter, whatever was remembered", async () => {
  const { choice } = circumstances(undefined, ["wasm"]);
  assert.equal((await chooseForModel({ ...choice, fitsWasm: false })).engine, "gpu");
});
