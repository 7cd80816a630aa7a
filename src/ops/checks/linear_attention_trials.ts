import { applyGate } from "../apply_gate.ts";
import { causalConvolution } from "../causal_convolution.ts";
import { gatedDeltaRule } from "../gated_delta_rule.ts";
import { rmsNorm } from "../rms_norm.ts";
import { poisoned, type Random, type Trial, uses } from "./draws.ts";

/** Trials of the kernels that linear attention is made of. */
export const linearAttentionTrials: Readonly<Record<string, Trial>> = {
  apply_gate(backend, random) {
    const rows = random.integer(1, random.large ? 300 : 40);
    const columns = 4 * random.integer(1, 40);
    const input = backend.matrix(rows, columns, random.pick(uses));
    backend.run(rmsNorm, {
      input: backend.upload(rows, columns, random.numbers(rows * columns)),
      weight: backend.upload(1, columns, random.numbers(columns)),
      epsilon: 1e-5,
      output: input,
    });
    const gate = backend.upload(rows, columns, random.numbers(rows * columns).map((x) => 4 * x));
    backend.run(applyGate, { gate, input, activation: random.pick(["silu", "sigmoid"] as const) });
    return gate;
  },

  causal_convolution(backend, random) {
    const starts = conversations(random);
    const rows = starts.at(-1)!;
    const columns = random.integer(1, random.large ? 200 : 60);
    const taps = random.pick([1, 3, 4]);
    const spans = new Uint32Array(4 * rows);
    for (let row = 0; row < rows; row++) {
      spans[4 * row] = row - starts.findLast((start) => start <= row)!;
    }
    const output = poisoned(backend, rows, columns);
    backend.run(causalConvolution, {
      input: backend.upload(rows, columns, random.numbers(rows * columns)),
      weights: backend.upload(columns, taps, random.numbers(columns * taps)),
      spans: backend.uploadIndices(spans),
      output,
    });
    return output;
  },

  gated_delta_rule(backend, random) {
    const starts = conversations(random);
    const rows = starts.at(-1)!;
    const keyHeads = random.integer(1, 2);
    const heads = keyHeads * random.integer(1, 3);
    const keyDim = random.pick(random.large ? [4, 12, 256] : [8, 16]);
    const valueDim = random.pick(random.large ? [1, 7, 130] : [8, 40]);
    // Keys and queries as norms leave them, about 1 long.
    const drawn = (columns: number, size = 1) =>
      backend.upload(rows, columns, random.numbers(rows * columns).map((x) => size * x));
    const parameters = random.numbers(2 * heads);
    for (let head = 0; head < heads; head++) parameters[head] = -Math.abs(parameters[head]!);
    const output = poisoned(backend, rows, heads * valueDim);
    backend.run(gatedDeltaRule, {
      queries: drawn(keyHeads * keyDim, Math.sqrt(3 / keyDim)),
      keys: drawn(keyHeads * keyDim, Math.sqrt(3 / keyDim)),
      values: drawn(heads * valueDim),
      decays: drawn(heads, 4),
      strengths: drawn(heads, 4),
      parameters: backend.upload(2, heads, parameters),
      starts: backend.uploadIndices(Uint32Array.from(starts)),
      heads,
      keyHeads,
      output,
    });
    return output;
  },
};

/** Where a few conversations begin, and where the last one ends. */
function conversations(random: Random): number[] {
  const starts = [0];
  for (let i = random.integer(1, 4); i > 0; i--) {
    starts.push(starts.at(-1)! + random.integer(1, 20));
  }
  return starts;
}
