import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { attention } from "../ops/attention.ts";
import { queryBlocks } from "../ops/query_blocks.ts";
import { gatedMatmul } from "../ops/gated_matmul.ts";
import { gatherRows } from "../ops/gather_rows.ts";
import { matmul } from "../ops/matmul.ts";
import { type Indices, type Matrix, rowAlignment } from "../ops/matrix.ts";
import type { Backend, MatrixUse } from "../ops/backend.ts";
import { rmsNorm } from "../ops/rms_norm.ts";
import { rope } from "../ops/rope.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { finalNormName } from "./decoder_tensors.ts";
import { type LayerWeights, loadLayer } from "./decoder_weights.ts";
import { Embedding } from "./embedding.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { firstOwnRow, type KeptPrefix, type TokenPack } from "./token_pack.ts";
import { type Linear, WeightLoader } from "../ops/weight_loader.ts";

/** Queries of a pack: which rows ask, and what each of them sees. */
interface Queries {
  readonly spans: Indices;
  readonly blocks: Indices;
  readonly angles: Matrix;
}

/** A prefix that comes from an earlier pack, or goes on to later ones. */
interface Prefix {
  readonly carried: { readonly prefix: KeptPrefix; readonly rows: Indices } | undefined;
  readonly kept: { readonly prefix: KeptPrefix; readonly rows: Indices } | undefined;
  /** Where the pack's own rows begin among those that are seen. */
  readonly firstOwnRow: number;
}

/** A pack on its way through the layers. */
interface PackState {
  /** The residual stream; in the last layer it shrinks to the pooled rows. */
  hidden: Matrix;
  readonly all: Queries;
  /** Angles of all rows that are seen: those of a carried prefix, then the pack's own. */
  readonly angles: Matrix;
  readonly prefix: Prefix;
  readonly pooled: Queries & { readonly rows: Indices };
}

/** Called after each layer with the residual streams of the packs; for tests and inspection. */
export type LayerObserver = (layer: number, hidden: readonly Matrix[]) => Promise<void>;

/**
 * The decoder of the Llama family (Llama, Mistral, Qwen2, Qwen3), up to and including its final
 * norm. Before each block a norm, after it a residual sum:
 *
 *     x += attention(norm(x)) · output       q, k turned by rope; grouped queries; causal
 *     x += (silu(h · gate) * (h · up)) · down   with h = norm(x)
 *
 * In the last layer only the pooled rows need queries, the output projection and the feed-forward
 * block, and only they are normed at the end.
 */
export class Decoder implements Disposable {
  readonly #loaders: WeightLoader[] = [];
  readonly #layers: LayerWeights[] = [];
  readonly #embedding: Embedding;
  readonly #rope: RopeTable;

  private constructor(
    readonly config: DecoderConfig,
    readonly checkpoint: Checkpoint,
    readonly backend: Backend,
    readonly finalNorm: Matrix,
    readonly feedForwardRows: number,
  ) {
    this.#embedding = new Embedding(checkpoint, config.vocabularySize, config.hiddenSize);
    this.#rope = new RopeTable(config.rope, config.headDim);
  }

  /**
   * Loads a decoder.
   *
   * @param options.resident Whether all layers are kept on the device; otherwise each is loaded when
   *   it is needed, once for all packs given to {@link Decoder.hiddenStates}.
   * @param options.feedForwardRows Rows that the feed-forward block takes at a time, a multiple of
   *   `rowAlignment`.
   * @param options.onLayer Called after each layer that was loaded.
   */
  static async load(
    config: DecoderConfig,
    checkpoint: Checkpoint,
    backend: Backend,
    options: {
      readonly resident: boolean;
      readonly feedForwardRows: number;
      readonly onLayer?: () => void;
    },
  ): Promise<Decoder> {
    const loader = new WeightLoader(checkpoint, backend);
    const finalNorm = await loader.vector(finalNormName);
    const decoder = new Decoder(config, checkpoint, backend, finalNorm, options.feedForwardRows);
    decoder.#loaders.push(loader);
    for (let layer = 0; options.resident && layer < config.layers; layer++) {
      decoder.#layers.push(await loadLayer(loader, config, layer));
      if (layer === 0) decoder.#rehearse(decoder.#layers[0]!);
      options.onLayer?.();
    }
    return decoder;
  }

  /**
   * Has the layers' kernels compiled while the other layers load: those of many rows, and in the last
   * layer those of few.
   */
  #rehearse(weights: LayerWeights): void {
    const { backend, config } = this;
    const tokens = rowAlignment;
    const pack: TokenPack = {
      ids: new Uint32Array(tokens),
      spans: Uint32Array.from({ length: 4 * tokens }, (_, i) => (i % 4 === 0 ? i / 4 : 0)),
      lengths: new Uint32Array(tokens).fill(tokens),
      pooled: Uint32Array.of(tokens - 1),
    };
    backend.rehearse(() => {
      const state = this.#begin(pack, new Float32Array(tokens * config.hiddenSize));
      for (const layer of new Set([0, config.layers - 1])) this.#layer(state, weights, layer);
      backend.release(this.#finish(state));
    });
  }

  /** Whether a row's rotation depends on its whole conversation, so that a prefix can't be shared. */
  dependsOnLength(length: number): boolean {
    return this.#rope.dependsOnLength(length);
  }

  /**
   * Final hidden states, [pooled rows, hidden], of each pack; the caller releases them.
   *
   * @throws {AssayError} `models/token-out-of-range`, and errors of the backend.
   */
  async hiddenStates(
    packs: readonly TokenPack[],
    options: { readonly observer?: LayerObserver; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Matrix[]> {
    const embedded: Float32Array<ArrayBuffer>[] = [];
    for (const pack of packs) embedded.push(await this.#embedding.gather(pack.ids));
    const states = packs.map((pack, i) => this.#begin(pack, embedded[i]!));
    for (let layer = 0; layer < this.config.layers; layer++) {
      options.signal?.throwIfAborted();
      await this.#withLayer(layer, async (weights) => {
        if (layer === 0) await this.#prepare(states, weights);
        for (const state of states) this.#layer(state, weights, layer);
      });
      await options.observer?.(layer, states.map((state) => state.hidden));
    }
    return states.map((state) => this.#finish(state));
  }

  async #withLayer(layer: number, use: (weights: LayerWeights) => Promise<void>): Promise<void> {
    const resident = this.#layers[layer];
    if (resident !== undefined) return await use(resident);
    using loader = new WeightLoader(this.checkpoint, this.backend);
    await use(await loadLayer(loader, this.config, layer));
    await this.backend.finish();
  }

  /** Tells the backend of the layers' products. */
  async #prepare(states: readonly PackState[], layer: LayerWeights): Promise<void> {
    const { query, key, value, output, gate, up, down } = layer;
    const weights = [query, key, value, output, gate, up, down].map(({ weight }) => weight);
    const rows = states.map(({ hidden }) => hidden.rows);
    const inLayer = weights.reduce((sum, weight) => sum + 2 * weight.rows * weight.columns, 0);
    await this.backend.prepare({
      weights,
      rows: Math.min(Math.max(...rows), this.feedForwardRows),
      operations: inLayer * this.config.layers * rows.reduce((a, b) => a + b, 0),
    });
  }

  #begin(pack: TokenPack, embedded: Float32Array<ArrayBuffer>): PackState {
    const { backend, config: { headDim } } = this;
    const { ids, spans, lengths, pooled } = pack;
    const prefix = this.#prefix(pack);
    const first = prefix.firstOwnRow;
    // Rows before the first own one are the carried prefix's: positions from 0, in the conversation
    // that the pack begins with.
    const turns = this.#rope.fill(
      first + ids.length,
      (row) => row < first ? row : spans[4 * (row - first)]!,
      (row) => lengths[Math.max(0, row - first)]!,
    );
    const angles = backend.upload(first + ids.length, headDim, turns);
    const queries = (chosen: Uint32Array<ArrayBuffer>, angles: Matrix): Queries => ({
      spans: backend.uploadIndices(chosen),
      blocks: backend.uploadIndices(queryBlocks(chosen, backend.queriesPerBlock)),
      angles,
    });
    const pooledSpans = new Uint32Array(4 * pooled.length);
    const pooledTurns = new Float32Array(headDim * pooled.length);
    pooled.forEach((row, i) => {
      pooledSpans.set(spans.subarray(4 * row, 4 * row + 4), 4 * i);
      const at = headDim * (first + row);
      pooledTurns.set(turns.subarray(at, at + headDim), headDim * i);
    });
    return {
      hidden: backend.upload(ids.length, this.config.hiddenSize, embedded),
      all: queries(spans, angles.view(first, ids.length)),
      angles,
      prefix,
      pooled: {
        ...queries(pooledSpans, backend.upload(pooled.length, headDim, pooledTurns)),
        rows: backend.uploadIndices(pooled),
      },
    };
  }

  #prefix({ carried, kept }: TokenPack): Prefix {
    const rows = (first: number, count: number): Indices =>
      this.backend.uploadIndices(Uint32Array.from({ length: count }, (_, i) => first + i));
    return {
      carried: carried && { prefix: carried, rows: rows(0, carried.length) },
      kept: kept && { prefix: kept.prefix, rows: rows(kept.row, kept.prefix.length) },
      firstOwnRow: firstOwnRow(carried),
    };
  }

  /** Frees what was kept of a prefix, once everything that reads it is submitted. */
  forget({ layers }: KeptPrefix): void {
    for (const { keys, values } of layers) {
      this.backend.free(keys);
      this.backend.free(values);
    }
    layers.length = 0;
  }

  #layer(state: PackState, weights: LayerWeights, layer: number): void {
    const last = layer === this.config.layers - 1;
    this.#attention(state, weights, layer, last);
    for (let first = 0; first < state.hidden.rows; first += this.feedForwardRows) {
      const count = Math.min(this.feedForwardRows, state.hidden.rows - first);
      this.#feedForward(state.hidden.view(first, count), weights);
    }
  }

  #attention(state: PackState, weights: LayerWeights, layer: number, last: boolean): void {
    const { backend, config } = this;
    const { heads, keyHeads, headDim } = config;
    const window = config.windows[layer]!;
    const normed = this.#norm(state.hidden, weights.inputNorm, "operand");
    const linearKeys = this.#seen(normed, weights.key, state, layer, "keys");
    const values = this.#seen(normed, weights.value, state, layer, "values");
    this.#keep(state, linearKeys, values);
    const keys = this.#turned(linearKeys, weights.keyNorm, state.angles);

    const { spans, blocks, angles } = last ? state.pooled : state.all;
    let asking = normed;
    if (last) {
      const residual = backend.matrix(state.pooled.rows.length, config.hiddenSize);
      const { hidden: input, pooled: { rows } } = state;
      backend.run(gatherRows, { input, rows, output: residual });
      backend.release(normed, state.hidden);
      state.hidden = residual;
      asking = this.#norm(residual, weights.inputNorm, "operand");
    }
    const queries = this.#turned(this.#linear(asking, weights.query), weights.queryNorm, angles);
    backend.release(asking);

    const mixed = backend.matrix(queries.rows, queries.columns, "operand");
    backend.run(attention, {
      queries,
      keys,
      values,
      spans,
      blocks,
      heads,
      keyHeads,
      headDim,
      window,
      output: mixed,
    });
    backend.release(queries, keys, values);
    this.#addLinear(mixed, weights.output, state.hidden);
    backend.release(mixed);
  }

  /** Keys or values of all rows that are seen: a carried prefix's, then the pack's own. */
  #seen(
    input: Matrix,
    linear: Linear,
    { prefix: { carried, firstOwnRow } }: PackState,
    layer: number,
    kind: "keys" | "values",
  ): Matrix {
    if (carried === undefined) return this.#linear(input, linear);
    const { backend } = this;
    const seen = backend.matrix(firstOwnRow + input.rows, linear.weight.rows);
    const { weight, bias } = linear;
    backend.run(matmul, { input, weight, bias, output: seen.view(firstOwnRow, input.rows) });
    const output = seen.view(0, carried.prefix.length);
    backend.run(gatherRows, {
      input: carried.prefix.layers[layer]![kind],
      rows: carried.rows,
      output,
    });
    return seen;
  }

  /** Keeps a prefix's keys and values of a layer for later packs. */
  #keep({ prefix: { kept } }: PackState, keys: Matrix, values: Matrix): void {
    if (kept === undefined) return;
    const { rows } = kept;
    const copied = (input: Matrix): Matrix => {
      const output = this.backend.lasting(rows.length, input.columns);
      this.backend.run(gatherRows, { input, rows, output });
      return output;
    };
    kept.prefix.layers.push({ keys: copied(keys), values: copied(values) });
  }

  #feedForward(hidden: Matrix, weights: LayerWeights): void {
    const { backend } = this;
    const normed = this.#norm(hidden, weights.feedForwardNorm, "operand");
    const gated = backend.matrix(hidden.rows, weights.gate.weight.rows, "operand");
    backend.run(gatedMatmul, {
      input: normed,
      gate: weights.gate.weight,
      gateBias: weights.gate.bias,
      up: weights.up.weight,
      upBias: weights.up.bias,
      output: gated,
    });
    backend.release(normed);
    this.#addLinear(gated, weights.down, hidden);
    backend.release(gated);
  }

  #finish(state: PackState): Matrix {
    const normed = this.#norm(state.hidden, this.finalNorm);
    const { all, angles, pooled, prefix: { carried, kept } } = state;
    this.backend.release(
      state.hidden,
      all.spans,
      all.blocks,
      angles,
      pooled.spans,
      pooled.blocks,
      pooled.angles,
      pooled.rows,
    );
    for (const prefix of [carried, kept]) {
      if (prefix !== undefined) this.backend.release(prefix.rows);
    }
    return normed;
  }

  #norm(input: Matrix, weight: Matrix, use: MatrixUse = "rows"): Matrix {
    const output = this.backend.matrix(input.rows, input.columns, use);
    this.backend.run(rmsNorm, { input, weight, epsilon: this.config.rmsEpsilon, output });
    return output;
  }

  #linear(input: Matrix, { weight, bias }: Linear): Matrix {
    const output = this.backend.matrix(input.rows, weight.rows);
    this.backend.run(matmul, { input, weight, bias, output });
    return output;
  }

  /** Adds a linear map's result to the residual stream. */
  #addLinear(input: Matrix, { weight, bias }: Linear, hidden: Matrix): void {
    this.backend.run(matmul, { input, weight, bias, accumulate: true, output: hidden });
  }

  /** Queries or keys, normed by head where the model does so, turned by their positions. */
  #turned(values: Matrix, norm: Matrix | undefined, angles: Matrix): Matrix {
    const { backend, config: { headDim } } = this;
    const { rows, columns } = values;
    let input = values;
    if (norm !== undefined) {
      input = this.#norm(values.reshape(rows * columns / headDim, headDim), norm)
        .reshape(rows, columns);
      backend.release(values);
    }
    const output = backend.matrix(rows, columns, "operand");
    backend.run(rope, { input, angles, output });
    backend.release(input);
    return output;
  }

  [Symbol.dispose](): void {
    for (const loader of this.#loaders) loader[Symbol.dispose]();
  }
}
