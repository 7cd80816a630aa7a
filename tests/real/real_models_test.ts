/**
 * Assay beside transformers on trained weights and real conversations: `deno task test:real`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { findAdapter } from "../../src/gpu/adapter.ts";
import { CausalModel } from "../../src/scoring/causal_model.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { testWhere } from "../requirement.ts";
import { missingModel, realConversations, realFolder } from "./real_models.ts";

const noAdapter = await findAdapter() === undefined
  ? "no WebGPU adapter on this machine"
  : undefined;
const backends = [
  { options: { backend: "gpu", onWarning() {} }, missing: noAdapter },
  { options: { backend: "wasm", onWarning() {} }, missing: undefined },
] as const;
/** |Δ| ≤ bound · max(1, |expected|), as of tiny checkpoints. */
const bound = 1e-4;

for (const name of ["smollm2_reward", "minilm_reward"]) {
  for (const { options, missing } of backends) {
    const title = `scores of ${name} equal transformers' (${options.backend})`;
    testWhere(missing ?? missingModel(name), title, () => compareScores(name, options));
  }
}

async function compareScores(name: string, options: LoadOptions): Promise<void> {
  const conversations = await realConversations(name);
  using model = await RewardModel.load(realFolder(name), options);
  const verdicts = await model.score(conversations.map(({ messages }) => messages));
  const differences = verdicts.map(({ score, tokens, error }, i) => {
    assert.equal(error, null);
    assert.equal(tokens, conversations[i]!.ids.length, `tokens of conversation ${i}`);
    return difference(score!, conversations[i]!.score!);
  });
  report(name, differences, "scores", model.backend);
}

for (const { options, missing } of backends) {
  const title = `log-probabilities of smollm2 equal transformers' (${options.backend})`;
  testWhere(missing ?? missingModel("smollm2"), title, () => compareTokens("smollm2", options));
}

async function compareTokens(name: string, options: LoadOptions): Promise<void> {
  const conversations = await realConversations(name);
  using model = await CausalModel.load(realFolder(name), options);
  const outcomes = await Array.fromAsync(
    model.responses(conversations.map(({ messages }) => messages)),
  );
  const differences = outcomes.flatMap(({ result }, i) => {
    if (result instanceof AssayError) throw result;
    const { ids, log_probabilities: expected } = conversations[i]!;
    assert.deepEqual([...result.ids], ids);
    // What the template puts after the end of the turn is no part of the response.
    const after = expected!.length - result.logProbabilities.length;
    assert.ok(after === 0 || after === 1, `${after} tokens after response ${i}`);
    return [...result.logProbabilities].map((found, at) => difference(found, expected![at]!));
  });
  report(name, differences, "tokens", model.backend);
}

function difference(found: number, expected: number): number {
  return Math.abs(found - expected) / Math.max(1, Math.abs(expected));
}

function report(
  name: string,
  differences: readonly number[],
  of: string,
  backend: string,
): void {
  const largest = differences.reduce((a, b) => Math.max(a, b), 0);
  console.log(
    `${name}: ${differences.length} ${of}, largest difference ${
      largest.toExponential(1)
    } on the ${backend.toUpperCase()}`,
  );
  assert.ok(differences.length >= 50);
  assert.ok(largest <= bound, `${largest}`);
}
