import { attention } from "../../ops/attention.ts";
import type { Backend } from "../../ops/backend.ts";
import { gatherRows } from "../../ops/gather_rows.ts";
import { matmul } from "../../ops/matmul.ts";
import type { Matrix } from "../../ops/matrix.ts";
import { queryKeyValue } from "../../ops/query_key_value.ts";
import { rope } from "../../ops/rope.ts";
import type { Linear } from "../../ops/weight_loader.ts";
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

/** Linear maps of what attention reads. */
export interface AttentionMaps {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
}

/** Keys and values, with queries where those were computed with them. */
export interface Projected extends KeysAndValues {
  /** Queries, [rows, heads · headDim]. */
  readonly asked: Matrix | undefined;
}

/**
 * Computes a pack's keys and values, puts those of a carried prefix before them, and keeps those of a
 * prefix that later packs need.
 *
 * @param input What the layer's attention reads, [rows, hidden].
 * @param allAsk Whether every row asks, so that queries are computed with them: in all layers but the last.
 */
export function keysAndValues(
  stream: PackStream,
  input: Matrix,
  maps: AttentionMaps,
  layer: number,
  allAsk = false,
): Projected {
  const keys = seenRows(stream, input, maps.key);
  const values = seenRows(stream, input, maps.value);
  const own = [keys, values].map((seen) => ownRows(stream, seen, input.rows)) as [Matrix, Matrix];
  const asked = project(stream.backend, input, maps, own, allAsk);
  fillCarried(stream, keys, ({ keys }) => keys, layer);
  fillCarried(stream, values, ({ values }) => values, layer);
  keep(stream, { keys, values });
  return { keys, values, asked };
}

/** Room for a linear map's result for all rows that are seen: a carried prefix's, then the pack's own. */
function seenRows({ backend, carried, firstOwnRow }: PackStream, input: Matrix, map: Linear) {
  const before = carried === undefined ? 0 : firstOwnRow;
  return backend.matrix(before + input.rows, map.weight.rows);
}

function ownRows({ carried, firstOwnRow }: PackStream, seen: Matrix, rows: number): Matrix {
  return carried === undefined ? seen : seen.view(firstOwnRow, rows);
}

/** The products; gives the queries where all rows ask. */
function project(
  backend: Backend,
  input: Matrix,
  { query, key, value }: AttentionMaps,
  [keys, values]: readonly [Matrix, Matrix],
  allAsk: boolean,
): Matrix | undefined {
  const { precision } = backend;
  const biased = [query, key, value].map(({ bias }) => bias !== undefined);
  const alike = biased.every((is) => is === biased[0]);
  if (!allAsk || !alike) {
    backend.run(matmul, { input, ...key, precision, output: keys });
    backend.run(matmul, { input, ...value, precision, output: values });
    return undefined;
  }
  const queries = backend.matrix(input.rows, query.weight.rows);
  backend.run(queryKeyValue, {
    input,
    query: query.weight,
    key: key.weight,
    value: value.weight,
    queryBias: query.bias,
    keyBias: key.bias,
    valueBias: value.bias,
    precision,
    queries,
    keys,
    values,
  });
  return queries;
}

/** Copies a carried prefix's rows before the pack's own. */
function fillCarried(
  { backend, carried }: PackStream,
  seen: Matrix,
  keptOf: (kept: KeysAndValues) => Matrix,
  layer: number,
): void {
  if (carried === undefined) return;
  const { prefix, rows } = carried;
  const input = keptOf(prefix.layers[layer]!);
  backend.run(gatherRows, { input, rows, output: seen.view(0, prefix.length) });
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
