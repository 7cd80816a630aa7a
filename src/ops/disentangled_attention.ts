import { disentangledAttentionShader } from "../../shaders/shaders.ts";
import { expectBlocks } from "./attention_operands.ts";
import type { Indices, Matrix } from "./matrix.ts";
import {
  expectApart,
  expectLength,
  expectRelation,
  expectShape,
  expectWhole,
} from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { nanWhereOverflown } from "./overflow.ts";
import { queriesPerBlock } from "./query_blocks.ts";
import { conversationLengths, keyRows } from "./visible_keys.ts";

/** Which vectors of relative places there are: keys that queries ask for, queries that ask for keys. */
export type RelativeTerms = "keys" | "queries" | "both";

/** Operands of {@link disentangledAttention}. */
export interface DisentangledAttentionOperands {
  /** [queries, heads · headDim] */
  readonly queries: Matrix;
  /** [rows, heads · headDim] */
  readonly keys: Matrix;
  /** [rows, heads · headDim] */
  readonly values: Matrix;
  /**
   * Keys of relative places, then queries of them, or one of the two: [places or 2 · places, heads ·
   * headDim].
   */
  readonly relative: Matrix;
  readonly terms: RelativeTerms;
  /**
   * [1, 2 · reach + 1]: by a query's position less a key's, from −reach to reach, which place they are
   * in; whole numbers below half the rows of `relative`, or below all where it has one of the two.
   */
  readonly places: Matrix;
  /** As of `attention`; every query sees the whole of its conversation. */
  readonly spans: Indices;
  /** As of `attention`. */
  readonly blocks: Indices;
  readonly heads: number;
  /** A multiple of 4. */
  readonly headDim: number;
  /** What the sum of a score's terms is multiplied by. */
  readonly scale: number;
  /** [queries, heads · headDim]; another matrix than the others, and not in a texture. */
  readonly output: Matrix;
}

const name = "disentangled_attention";

/** Queries that a workgroup takes: a part of a block. */
const queriesTogether = 8;

/**
 * Attention with terms of content and place apart (DeBERTa, He et al. 2021, arXiv 2006.03654, section
 * 3.1): softmax((q · k + q · relative key + k · relative query) · scale) · v, where the relative vectors
 * are those of the place that a key's distance from the query falls into.
 */
export const disentangledAttention: Operation<DisentangledAttentionOperands> = {
  name,

  check(operands): void {
    const { queries, keys, values, relative, terms, places, spans, blocks, heads } = operands;
    const { headDim, scale, output } = operands;
    expectWhole(name, "heads", heads);
    expectWhole(name, "headDim", headDim, { least: 4, step: 4 });
    expectRelation(name, scale > 0 && scale < Infinity, "scale above 0", `${scale}`);
    const columns = heads * headDim;
    const [asking, seen] = [{ rows: queries.rows, columns }, { rows: keys.rows, columns }];
    expectShape(name, "queries", queries, asking, `${heads} heads of ${headDim}`);
    expectShape(name, "keys", keys, seen, `${heads} heads of ${headDim}`);
    expectShape(name, "values", values, seen, "the rows of keys, and their heads");
    expectShape(name, "relative", relative, { rows: relative.rows, columns }, "the heads of keys");
    expectWhole(name, "the rows of relative", relative.rows, { step: terms === "both" ? 2 : 1 });
    const reach = (places.columns - 1) / 2;
    expectShape(name, "places", places, { rows: 1, columns: places.columns }, "one row");
    expectRelation(name, Number.isInteger(reach), "an odd number of places", `${places.columns}`);
    expectShape(name, "output", output, asking, "as queries");
    expectLength(name, "spans", spans, 4 * queries.rows, "four for each of the queries");
    expectBlocks(name, blocks, queries.rows);
    expectApart(name, output, { queries, keys, values, relative, places });
  },

  onCpu(operands): void {
    const { queries, keys, values, relative, terms, places, spans, blocks, heads } = operands;
    const { headDim, scale, output } = operands;
    const [q, k, v, r] = [queries.host, keys.host, values.host, relative.host];
    const reach = (places.columns - 1) / 2;
    const relativeQueries = terms === "both" ? relative.rows / 2 : 0;
    const lengths = conversationLengths(queries.rows, blocks.host);
    const product = (a: Float32Array, x: number, b: Float32Array, y: number): number => {
      let sum = 0;
      for (let d = 0; d < headDim; d++) sum += a[x + d]! * b[y + d]!;
      return sum;
    };
    for (let query = 0; query < queries.rows; query++) {
      const span = spans.host.subarray(4 * query, 4 * query + 4);
      const rows = keyRows(span, lengths[query]!, 0);
      for (let head = 0; head < heads; head++) {
        const start = (row: number): number => (row * heads + head) * headDim;
        const scores = rows.map((row, p) => {
          const distance = Math.max(-reach, Math.min(reach, span[0]! - p));
          const place = places.host[distance + reach]!;
          let score = product(q, start(query), k, start(row));
          if (terms !== "queries") score += product(q, start(query), r, start(place));
          if (terms !== "keys") score += product(k, start(row), r, start(relativeQueries + place));
          return nanWhereOverflown(score) * scale;
        });
        const highest = scores.reduce((a, b) => Math.max(a, b));
        const shares = scores.map((score) => Math.exp(score - highest));
        const total = shares.reduce((a, b) => a + b);
        for (let d = 0; d < headDim; d++) {
          const sum = rows.reduce((sum, row, p) => sum + shares[p]! * v[start(row) + d]!, 0);
          output.host[start(query) + d] = sum / total;
        }
      }
    }
  },

  onWasm(engine, operands): void {
    const { queries, keys, values, relative, terms, places, spans, blocks, heads } = operands;
    const { headDim, scale, output } = operands;
    const placeCount = terms === "both" ? relative.rows / 2 : relative.rows;
    const below = terms === "both" ? 4 * placeCount * relative.columns : 0;
    engine.reserveScratch(engine.kernels.disentangled_scratch(headDim));
    engine.kernels.disentangled_attention(
      ...[queries.address, keys.address, values.address] as const,
      terms === "queries" ? 0 : relative.address,
      terms === "keys" ? 0 : relative.address + below,
      ...[placeCount, places.address, (places.columns - 1) / 2, spans.address] as const,
      ...[blocks.address, blocks.length / 4, heads, headDim, scale, output.address] as const,
    );
  },

  onGpu(recorder, operands): void {
    const { queries, keys, values, relative, terms, places, spans, blocks, heads } = operands;
    const { headDim, scale, output } = operands;
    recorder.dispatch({
      shader: disentangledAttentionShader,
      constants: {
        HEAD_DIM: headDim,
        SCALE: scale,
        RELATIVE_KEYS: terms !== "queries",
        RELATIVE_QUERIES: terms !== "keys",
      },
      bindings: [
        queries.device,
        keys.device,
        values.device,
        relative.device,
        spans.device,
        blocks.device,
        places.device,
        output.device,
      ],
      workgroups: [blocks.length / 4, queriesPerBlock[recorder.kernelSet] / queriesTogether, heads],
    });
  },
};
