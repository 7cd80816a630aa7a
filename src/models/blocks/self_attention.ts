import { attention } from "../../ops/attention.ts";
import type { Backend } from "../../ops/backend.ts";
import { gatherRows } from "../../ops/gather_rows.ts";
import { matmul } from "../../ops/matmul.ts";
import type { Matrix } from "../../ops/matrix.ts";
import { rope } from "../../ops/rope.ts";
import type { Linear } from "../../ops/weight_loader.ts";
import { linear } from "./linear.ts";
import type { PackStream } from "./pack_stream.ts";

/** How attention is divided among heads, and what becomes of its scores. */
export interface AttentionShape {
  readonly heads: number;
  readonly keyHeads: number;
  /** Numbers of a head, zeros of padding left out. */
  readonly headDim: number;
  /** Whether a query sees no key after its own position, the default; else all of its conversation's. */
  readonly causal?: boolean | undefined;
  /** What scores are multiplied by; 1/√headDim by default. */
  readonly scale?: number | undefined;
  /** c of c · tanh(score / c); 0, the default, for none. */
  readonly softcap?: number | undefined;
}

/** Keys and values of all rows that a pack's queries see, as the linear maps give them. */
export interface KeysAndValues {
  /** [seen rows, keyHeads · headDim] */
  readonly keys: Matrix;
  readonly values: Matrix;
}

/**
 * Computes a pack's keys and values, puts those of a carried prefix before them, and keeps those of a
 * prefix that later packs need.
 *
 * @param input What the layer's attention reads, [rows, hidden].
 */
export function keysAndValues(
  stream: PackStream,
  input: Matrix,
  { key, value }: { readonly key: Linear; readonly value: Linear },
  layer: number,
): KeysAndValues {
  const keys = seenRows(stream, input, key, (prefix) => prefix.layers[layer]!.keys);
  const values = seenRows(stream, input, value, (prefix) => prefix.layers[layer]!.values);
  keep(stream, { keys, values });
  return { keys, values };
}

/** A linear map's result for all rows that are seen: a carried prefix's, then the pack's own. */
function seenRows(
  { backend, carried, firstOwnRow }: PackStream,
  input: Matrix,
  map: Linear,
  keptOf: (prefix: NonNullable<PackStream["carried"]>["prefix"]) => Matrix,
): Matrix {
  if (carried === undefined) return linear(backend, input, map);
  const { weight, bias } = map;
  const seen = backend.matrix(firstOwnRow + input.rows, weight.rows);
  backend.run(matmul, { input, weight, bias, output: seen.view(firstOwnRow, input.rows) });
  const { prefix, rows } = carried;
  backend.run(gatherRows, { input: keptOf(prefix), rows, output: seen.view(0, prefix.length) });
  return seen;
}

/** Keeps a prefix's keys and values of a layer for later packs. */
function keep({ backend, kept }: PackStream, { keys, values }: KeysAndValues): void {
  if (kept === undefined) return;
  const { prefix, rows } = kept;
  const copied = (input: Matrix): Matrix => {
    const output = backend.lasting(rows.length, input.columns);
    backend.run(gatherRows, { input, rows, output });
    return output;
  };
  prefix.layers.push({ keys: copied(keys), values: copied(values) });
}

/**
 * Queries or keys turned by their positions; the input is given back.
 *
 * @param headDim Numbers of a head as it lies on the backend (`paddedHeadDim`), of which as many are
 *   turned as there are columns of angles; by default all.
 */
export function turned(
  backend: Backend,
  input: Matrix,
  angles: Matrix,
  headDim: number = angles.columns,
): Matrix {
  const output = backend.matrix(input.rows, input.columns, "operand");
  backend.run(rope, { input, angles, headDim, output });
  backend.release(input);
  return output;
}

/**
 * What the rows that ask take from those that they see, [queries, heads · headDim]; queries, keys and
 * values are given back.
 *
 * @param window A query sees only keys less than `window` positions away; 0 for all.
 */
export function attend(
  { backend, queries: { spans, blocks } }: PackStream,
  queries: Matrix,
  { keys, values }: KeysAndValues,
  { heads, keyHeads, headDim, causal, scale, softcap }: AttentionShape,
  window: number,
): Matrix {
  const output = backend.matrix(queries.rows, queries.columns, "operand");
  const paddedDim = queries.columns / heads;
  backend.run(attention, {
    queries,
    keys,
    values,
    spans,
    blocks,
    heads,
    keyHeads,
    headDim: paddedDim,
    causal,
    window,
    scale: scale ?? (paddedDim === headDim ? undefined : 1 / Math.sqrt(headDim)),
    softcap,
    output,
  });
  backend.release(queries, keys, values);
  return output;
}
