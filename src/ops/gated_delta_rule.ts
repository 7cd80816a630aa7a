import { gatedDeltaRuleShader } from "../../shaders/shaders.ts";
import type { Indices, Matrix } from "./matrix.ts";
import { expectApart, expectRelation, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { nanWhereOverflown } from "./overflow.ts";

/** Operands of {@link gatedDeltaRule}. */
export interface GatedDeltaRuleOperands {
  /** [rows, keyHeads · keyDim], keyDim a multiple of 4; normed by head. */
  readonly queries: Matrix;
  /** As `queries`. */
  readonly keys: Matrix;
  /** [rows, heads · valueDim] */
  readonly values: Matrix;
  /** What is forgotten of the state, before softplus, [rows, heads]. */
  readonly decays: Matrix;
  /** How much of a change is made, before the sigmoid, [rows, heads]. */
  readonly strengths: Matrix;
  /** [2, heads]: what softplus is multiplied by, below 0, and what is added before it. */
  readonly parameters: Matrix;
  /** Where each conversation begins, and where the last one ends; its rows lie one after another. */
  readonly starts: Indices;
  /** A multiple of `keyHeads`: neighbours share queries and keys. */
  readonly heads: number;
  readonly keyHeads: number;
  /** As `values`; another matrix than the others. */
  readonly output: Matrix;
}

const name = "gated_delta_rule";
const lanes = 32;

/**
 * Linear attention by the gated delta rule (Yang et al. 2024, arXiv 2412.06464). Each head of a
 * conversation has a state S [keyDim, valueDim], zeros at first, that goes from row to row:
 *
 *     S ← S · exp(rate · softplus(decay + offset))
 *     S ← S + k ⊗ ((v − k · S) · sigmoid(strength))
 *     output = q · S
 */
export const gatedDeltaRule: Operation<GatedDeltaRuleOperands> = {
  name,

  check(operands): void {
    const { queries, keys, values, decays, strengths, parameters, starts, output } = operands;
    const { heads, keyHeads } = operands;
    const { rows } = queries;
    expectWhole(name, "heads", heads);
    expectWhole(name, "keyHeads", keyHeads);
    expectWhole(name, "heads over keyHeads", heads / keyHeads);
    expectWhole(name, "the queries' columns over keyHeads", queries.columns / keyHeads, {
      least: 4,
      step: 4,
    });
    expectWhole(name, "the values' columns over heads", values.columns / heads);
    expectShape(name, "keys", keys, queries, "as queries");
    expectShape(name, "values", values, { rows, columns: values.columns }, "the queries' rows");
    expectShape(name, "decays", decays, { rows, columns: heads }, "the queries' rows, heads");
    expectShape(name, "strengths", strengths, { rows, columns: heads }, "as decays");
    expectShape(name, "parameters", parameters, { rows: 2, columns: heads }, "two for each head");
    expectRelation(
      name,
      starts.length >= 2,
      "starts to have 2 numbers or more",
      `${starts.length}`,
    );
    expectShape(name, "output", output, values, "as values");
    expectApart(name, output, { queries, keys, values, decays, strengths, parameters });
  },

  onCpu(operands): void {
    const { queries, keys, values, decays, strengths, parameters, starts, output } = operands;
    const { heads, keyHeads } = operands;
    const keyDim = queries.columns / keyHeads;
    const valueDim = values.columns / heads;
    for (let head = 0; head < heads; head++) {
      const keyHead = Math.floor(head / (heads / keyHeads));
      for (let i = 0; i + 1 < starts.length; i++) {
        const state = new Float64Array(keyDim * valueDim);
        for (let row = starts.host[i]!; row < starts.host[i + 1]!; row++) {
          const from = row * queries.columns + keyHead * keyDim;
          const k = keys.host.subarray(from, from + keyDim);
          const q = queries.host.subarray(from, from + keyDim);
          const at = row * heads + head;
          const rate = parameters.host[head]!;
          const decay = Math.exp(
            rate * softplus(decays.host[at]! + parameters.host[heads + head]!),
          );
          const strength = 1 / (1 + Math.exp(-nanWhereOverflown(strengths.host[at]!)));
          for (let column = 0; column < valueDim; column++) {
            let known = 0;
            for (let n = 0; n < keyDim; n++) {
              known += (state[n * valueDim + column]! *= decay) * k[n]!;
            }
            const change = (values.host[at * valueDim + column]! - known) * strength;
            let sum = 0;
            for (let n = 0; n < keyDim; n++) {
              sum += (state[n * valueDim + column]! += k[n]! * change) * q[n]!;
            }
            output.host[at * valueDim + column] = sum;
          }
        }
      }
    }
  },

  onWasm(engine, operands): void {
    const { queries, keys, values, decays, strengths, parameters, starts, output } = operands;
    const { heads, keyHeads } = operands;
    const keyDim = queries.columns / keyHeads;
    engine.reserveScratch(engine.kernels.delta_rule_scratch(keyDim));
    engine.kernels.gated_delta_rule(
      ...[queries.address, keys.address, values.address, decays.address] as const,
      ...[strengths.address, parameters.address, starts.address, starts.length - 1] as const,
      ...[heads, keyHeads, keyDim, values.columns / heads, output.address] as const,
    );
  },

  onGpu(recorder, operands): void {
    const { queries, keys, values, decays, strengths, parameters, starts, output } = operands;
    const { heads, keyHeads } = operands;
    const valueDim = values.columns / heads;
    recorder.dispatch({
      shader: gatedDeltaRuleShader,
      constants: {
        KEY_DIM: queries.columns / keyHeads,
        VALUE_DIM: valueDim,
        KEY_HEADS: keyHeads,
        HEADS: heads,
      },
      bindings: [queries, keys, values, decays, strengths, parameters, starts, output]
        .map(({ device }) => device),
      workgroups: [heads * Math.ceil(valueDim / lanes), starts.length - 1],
    });
  },
};

function softplus(x: number): number {
  return Math.max(nanWhereOverflown(x), 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
