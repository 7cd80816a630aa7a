import assert from "node:assert/strict";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { goldenConversations, parityModels, parityTolerance } from "../golden/parity.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { loadGolden } from "./golden_model.ts";

async function checkParity(model: string, options: LoadOptions): Promise<void> {
  using loaded = await loadGolden(model, options);
  const golden = await goldenConversations(model);
  const verdicts = await loaded.score(golden.map(({ messages }) => messages));
  const { score: bound } = await parityTolerance(model);
  verdicts.forEach((verdict, i) => {
    const expected = golden[i]!;
    assert.equal(verdict.error, null);
    const { kernels = options.backend } = options;
    assert.equal(verdict.kernels, kernels === "wasm" ? loaded.kernels : kernels);
    assert.equal(verdict.tokens, expected.ids.length);
    close(verdict.score!, expected.score, bound, `${expected.name}: score`);
    const { rewards, gating, coefficients } = expected.parts ?? expected;
    for (const [part, numbers] of Object.entries({ rewards, gating, coefficients })) {
      const view = verdict[part as "rewards" | "gating" | "coefficients"];
      closeByObjective(view, numbers, bound, `${expected.name}: ${part}`);
    }
    for (const [part, numbers] of Object.entries(expected.parts ?? {})) {
      closeByObjective(verdict.parts[part] ?? null, numbers, bound, `${expected.name}: ${part}`);
    }
    if (expected.score_std === undefined) assert.equal(verdict.scoreStd, null);
    else close(verdict.scoreStd!, expected.score_std, bound, `${expected.name}: score_std`);
  });
}

/** |Δ| ≤ bound · max(1, |expected|). */
function close(actual: number, expected: number, bound: number, where: string): void {
  const most = bound * Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= most, `${where}: ${actual} against ${expected}`);
}

function closeByObjective(
  actual: Readonly<Record<string, number>> | readonly number[] | null,
  expected: readonly number[] | undefined,
  bound: number,
  where: string,
): void {
  if (expected === undefined) return assert.equal(actual, null);
  const values = Object.values(actual!);
  assert.equal(values.length, expected.length);
  values.forEach((value, i) => close(value, expected[i]!, bound, `${where} ${i}`));
}

for (const model of parityModels) {
  for (const { kernelSet, missing } of testedKernelSets) {
    testWhere(
      missing,
      `scores of ${model} equal the reference's (${kernelSet} kernels)`,
      () => checkParity(model, { backend: "gpu", kernels: kernelSet }),
    );
  }
  Deno.test(
    `scores of ${model} equal the reference's (wasm)`,
    () => checkParity(model, { backend: "wasm" }),
  );
  Deno.test(
    `scores of ${model} equal the reference's on the CPU twins`,
    () => checkParity(model, { backend: "cpu" }),
  );
}
