import { applyGate } from "../../ops/apply_gate.ts";
import { causalConvolution } from "../../ops/causal_convolution.ts";
import { gatedDeltaRule } from "../../ops/gated_delta_rule.ts";
import type { Backend } from "../../ops/backend.ts";
import type { Matrix } from "../../ops/matrix.ts";
import type { Linear } from "../../ops/weight_loader.ts";
import { linear } from "./linear.ts";
import type { PackStream } from "./pack_stream.ts";
import { headNormed, type RmsNorm } from "./rms_norm.ts";

/** How linear attention is divided among heads. */
export interface LinearAttentionShape {
  readonly heads: number;
  /** Heads of queries and keys, which neighbouring heads of values share. */
  readonly keyHeads: number;
}

/** A linear map and the short convolution, [outputs, taps], that its result goes through. */
export interface ConvolvedMap {
  readonly map: Linear;
  readonly convolution: Matrix;
}

/** The weights of linear attention by the gated delta rule. */
export interface LinearAttention {
  readonly query: ConvolvedMap;
  readonly key: ConvolvedMap;
  readonly value: ConvolvedMap;
  /** How much is forgotten, and how much of a change is made; a number for each head. */
  readonly decay: Linear;
  readonly strength: Linear;
  /** [2, heads], as the operation takes them. */
  readonly parameters: Matrix;
  /** By head: to length 1, queries divided by √keyDim besides. */
  readonly queryNorm: RmsNorm;
  readonly keyNorm: RmsNorm;
  /** By head, of what the states give. */
  readonly norm: RmsNorm;
  readonly gate: Linear;
}

/**
 * Linear attention by the gated delta rule (Yang et al. 2024, arXiv 2412.06464), up to its output
 * projection, [rows, heads · valueDim]: a state for each head goes through the rows of a conversation in
 * their order, so nothing of two conversations can be shared.
 *
 * @param input What it reads, [rows, hidden].
 */
export function linearAttention(
  stream: PackStream,
  input: Matrix,
  weights: LinearAttention,
  { heads, keyHeads }: LinearAttentionShape,
): Matrix {
  const { backend, starts } = stream;
  const queries = headNormed(backend, convolved(stream, input, weights.query), weights.queryNorm);
  const keys = headNormed(backend, convolved(stream, input, weights.key), weights.keyNorm);
  const values = convolved(stream, input, weights.value);
  const decays = linear(backend, input, weights.decay);
  const strengths = linear(backend, input, weights.strength);
  const output = backend.matrix(values.rows, values.columns);
  const { parameters } = weights;
  backend.run(gatedDeltaRule, {
    queries,
    keys,
    values,
    decays,
    strengths,
    parameters,
    starts,
    heads,
    keyHeads,
    output,
  });
  backend.release(queries, keys, values, decays, strengths);
  const normed = headNormed(backend, output, weights.norm);
  return gated(backend, linear(backend, input, weights.gate), normed, "silu");
}

/** activation(gate) · input, in the gate's place; the input is given back. */
export function gated(
  backend: Backend,
  gate: Matrix,
  input: Matrix,
  activation: "silu" | "sigmoid",
): Matrix {
  backend.run(applyGate, { gate, input, activation });
  backend.release(input);
  return gate;
}

function convolved(
  { backend, queries: { spans } }: PackStream,
  input: Matrix,
  { map, convolution }: ConvolvedMap,
): Matrix {
  const mapped = linear(backend, input, map);
  const output = backend.matrix(mapped.rows, mapped.columns);
  backend.run(causalConvolution, { input: mapped, weights: convolution, spans, output });
  backend.release(mapped);
  return output;
}
