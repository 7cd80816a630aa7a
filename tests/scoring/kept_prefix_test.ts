import assert from "node:assert/strict";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { WasmBackend } from "../../src/ops/wasm_backend.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import {
  goldenConversations,
  hasDynamicRope,
  isRecurrent,
  parityModels,
  readsEveryToken,
  readsPairs,
} from "../golden/parity.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { isLookedAt, loadGolden, varied } from "./golden_model.ts";

for (const model of parityModels) {
  for (const { kernelSet, missing } of testedKernelSets) {
    if (!isLookedAt(model, kernelSet)) continue;
    testWhere(
      missing,
      `a prompt of ${model} that goes on in further packs gives the same bits (${kernelSet})`,
      () => checkKeptPrefix(model, { backend: "gpu", kernels: kernelSet }),
    );
  }
  Deno.test(
    `a prompt of ${model} that goes on in further packs gives the same bits (wasm)`,
    () => checkKeptPrefix(model, { backend: "wasm" }),
  );
  Deno.test(
    `a prompt of ${model} that goes on in further packs gives the same bits on the CPU twins`,
    () => checkKeptPrefix(model, { backend: "cpu" }),
  );
}

const backends = { gpu: GpuBackend, wasm: WasmBackend, cpu: CpuBackend };

/** Scores responses to one prompt in packs that hold a few of them each, layers resident and streamed. */
async function checkKeptPrefix(
  model: string,
  options: LoadOptions & { backend: keyof typeof backends },
): Promise<void> {
  const conversations = varied(await goldenConversations(model), 12).slice(-12);
  using apart = await loadGolden(model, { ...options, sharePrefixes: false });
  const reference = await apart.score(conversations);
  for (const layers of ["resident", "streamed"] as const) {
    using packed = await loadGolden(model, { ...options, layers, tokensPerPack: 128 });
    using lasting = callsOf(backends[options.backend!].prototype, "lasting");
    const before = packed.deviceBytes;
    assert.deepEqual(await packed.score(conversations), reference);
    const sharesNone = await hasDynamicRope(model) || await readsPairs(model) ||
      await readsEveryToken(model) || await isRecurrent(model);
    assert.ok(lasting.count > 0 || sharesNone, "no prefix was kept");
    for await (const verdict of packed.scoreStream(conversations)) {
      assert.deepEqual(verdict, reference[0]);
      break; // while the prefix is kept
    }
    assert.ok(packed.deviceBytes - before <= packed.plan.matrixBytes, "a prefix stayed behind");
    assert.deepEqual(await packed.score(conversations), reference);
  }
}

/** Counts the calls of a method, until disposed of. */
function callsOf<Name extends string>(
  of: Record<Name, (...operands: never[]) => unknown>,
  name: Name,
): { count: number } & Disposable {
  const method = of[name];
  const calls = { count: 0, [Symbol.dispose]: () => void (of[name] = method) };
  of[name] = function (...operands) {
    calls.count++;
    return method.apply(this, operands);
  };
  return calls;
}
