import assert from "node:assert/strict";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { gpuTest } from "../adapter.ts";

const conversation = [
  { role: "user", content: "How much is 2+2?" },
  { role: "assistant", content: "Four." },
];

/** The kernels that score the demo, and what was warned of. */
async function scoredBy(options: LoadOptions = {}): Promise<{ by: string; warnings: string[] }> {
  const warnings: string[] = [];
  const onWarning = (message: string): void => void warnings.push(message);
  using model = await RewardModel.load("models/demo", { onWarning, ...options });
  const [verdict] = await model.score([conversation]);
  assert.ok(Number.isFinite(verdict!.score));
  return { by: verdict!.kernels, warnings };
}

/** Replaces a property of an object for as long as something runs. */
async function having<Result>(
  owner: object,
  name: string,
  value: unknown,
  work: () => Promise<Result>,
): Promise<Result> {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  try {
    return await work();
  } finally {
    if (before === undefined) delete (owner as Record<string, unknown>)[name];
    else Object.defineProperty(owner, name, before);
  }
}

/** An adapter that only tells its name. */
function adapterNamed(description: string): { requestAdapter(): Promise<unknown> } {
  const info = { vendor: "", architecture: "", device: "", description };
  const requestDevice = () => Promise.reject(new Error("no device in this test"));
  return {
    requestAdapter: () =>
      Promise.resolve({ info, limits: {}, features: new Set<string>(), requestDevice }),
  };
}

Deno.test("auto scores by WebAssembly where there is no adapter, without a word of warning", async () => {
  const found = await having(navigator, "gpu", undefined, scoredBy);
  assert.deepEqual(found, { by: "wasm", warnings: [] });
});

Deno.test("auto opens no device of a software adapter for a small model", async () => {
  const lavapipe = adapterNamed("llvmpipe (LLVM 15.0.6, 256 bits)");
  const found = await having(navigator, "gpu", lavapipe, scoredBy);
  assert.deepEqual(found, { by: "wasm", warnings: [] });
});

Deno.test("auto takes a graphics card, and tells where it does not open", async () => {
  await having(
    navigator,
    "gpu",
    adapterNamed("NVIDIA H100"),
    () => assert.rejects(scoredBy(), { code: "gpu/no-device" }),
  );
});

Deno.test("without vectors and without an adapter auto scores with plain loops, and says so", async () => {
  const { by, warnings } = await having(
    navigator,
    "gpu",
    undefined,
    () => having(WebAssembly, "validate", () => false, scoredBy),
  );
  assert.equal(by, "cpu");
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /128-bit vectors.*no WebGPU adapter either.*slowly/s);
});

Deno.test("WebAssembly that is asked for and not there, or not allowed, is an error of its own", async () => {
  const load = () => scoredBy({ backend: "wasm" });
  await having(WebAssembly, "validate", () => false, async () => {
    await assert.rejects(load, { code: "wasm/no-simd" });
  });
  await having(globalThis, "WebAssembly", undefined, async () => {
    await assert.rejects(load, { code: "wasm/no-simd" });
  });
  const forbidden = () => Promise.reject(new WebAssembly.CompileError("forbidden by the test"));
  await having(WebAssembly, "compile", forbidden, async () => {
    await assert.rejects(load, { code: "wasm/refused", message: /wasm-unsafe-eval/ });
  });
  class Forbidden {
    constructor() {
      throw new WebAssembly.CompileError("forbidden by the test");
    }
  }
  // As a page's policy does it: of both ways.
  await having(
    WebAssembly,
    "Module",
    Forbidden,
    () =>
      having(WebAssembly, "compile", forbidden, async () => {
        await assert.rejects(load, { code: "wasm/refused", message: /forbidden by the test/ });
      }),
  );
});

gpuTest("without vectors auto takes the adapter that there is", async () => {
  const { by, warnings } = await having(WebAssembly, "validate", () => false, scoredBy);
  assert.ok(by === "texture" || by === "tiled", by);
  assert.deepEqual(warnings, []);
});

gpuTest("auto takes the adapter where its kernels are asked for", async () => {
  assert.equal((await scoredBy({ kernels: "tiled" })).by, "tiled");
});

Deno.test("where the memory can't be shared one thread scores, with the same bits", async () => {
  const scores = async (options: LoadOptions): Promise<unknown> => {
    using model = await RewardModel.load("models/demo", { backend: "wasm", ...options });
    return await model.score([conversation]);
  };
  const expected = await scores({ onWarning: (message) => assert.fail(message) });
  const told: string[] = [];
  const onWarning = (message: string): void => void told.push(message);
  await having(globalThis, "crossOriginIsolated", false, async () => {
    assert.deepEqual(await scores({ onWarning }), expected);
    assert.deepEqual(told, []); // the model is small
    assert.deepEqual(await scores({ onWarning, threads: 2 }), expected);
  });
  assert.equal(told.length, 1);
  assert.match(told[0]!, /one thread.*cross-origin isolated/);
});

Deno.test("an option of an engine that does not compute is refused", async () => {
  const refused: readonly [LoadOptions, RegExp][] = [
    [{ backend: "cpu", threads: 2 }, /"threads" for the WebAssembly engine alone.*"cpu"/],
    [{ backend: "gpu", threads: 2 }, /"threads" for the WebAssembly engine alone.*"gpu"/],
    [{ kernels: "tiled", threads: 2 }, /"threads" for the WebAssembly engine alone.*"kernels"/],
    [{ backend: "wasm", kernels: "tiled" }, /"kernels".*for a GPU alone.*"wasm"/],
    [{ backend: "cpu", kernels: "tiled" }, /"kernels".*for a GPU alone.*"cpu"/],
    [{ threads: 0 }, /from 1 to 32/],
    [{ threads: 33 }, /from 1 to 32/],
    [{ threads: 1.5 }, /from 1 to 32/],
  ];
  for (const [options, message] of refused) {
    await assert.rejects(scoredBy(options), { code: "scoring/bad-option", message });
  }
  assert.equal((await scoredBy({ backend: "wasm", threads: 32 })).by, "wasm");
});
