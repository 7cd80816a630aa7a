/** The tests that the kit runs: those whose outcome depends on the adapter. */
const folders = ["tests/ops", "tests/gpu"] as const;
const files = [
  "tests/models/parity_test.ts",
  "tests/models/rehearsal_test.ts",
  "tests/models/toy_family_test.ts",
  "tests/scoring/backbone_test.ts",
  "tests/scoring/causal_model_test.ts",
  "tests/scoring/not_finite_test.ts",
  "tests/scoring/kept_prefix_test.ts",
  "tests/scoring/parity_scores_test.ts",
  "tests/scoring/reward_model_test.ts",
  "tests/scoring/same_bits_test.ts",
  "tests/scoring/packs/memory_bound_test.ts",
] as const;

/** What the tests step runs, as `deno test` takes it; the kit packs what these files import. */
export const testedPaths: readonly string[] = [...folders, ...files];

/**
 * Without what runs on the processor alone: the WebAssembly engine ("wasm" in a test's name), and models on
 * the CPU twins (at its end). Deno's filter has nothing that says "not".
 */
const filter = "/^([^w]|w[^a]|wa[^s]|was[^m])*([^s]|[^n]s|[^i]ns|[^w]ins)$/";

/** The arguments of `deno test`. */
export function boundedTests(quick: boolean): string[] {
  return ["--filter", filter, ...(quick ? ["tests/gpu/device_test.ts"] : testedPaths)];
}
