import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { Backend } from "../../ops/backend.ts";
import { padded, paddedSize } from "../../ops/layout.ts";
import { type Matrix, rowAlignment } from "../../ops/matrix.ts";
import type { Weight } from "../../ops/weight.ts";
import { WeightLoader } from "../../ops/weight_loader.ts";
import { Embedding } from "../embedding.ts";
import type {
  BackboneLoadOptions,
  BackboneModel,
  BackbonePlan,
  HiddenStatesOptions,
} from "../family.ts";
import type { RopeTable } from "../rope_frequencies.ts";
import type { KeptPrefix, TokenPack } from "../token_pack.ts";
import { PackStream } from "./pack_stream.ts";
import { StreamedLayers } from "./streamed_layers.ts";

/**
 * The rest of a layer whose way depends on what it computes: it yields matrices, which it releases
 * itself, and goes on with their numbers. Each time costs a readback, one for all packs in flight.
 */
export type Readings = Generator<
  readonly Matrix[],
  void,
  readonly Float32Array<ArrayBuffer>[]
>;

/**
 * What a family's layers compute.
 *
 * @typeParam Weights The weights of one layer.
 */
export interface LayerArithmetic<Weights> {
  /** Loads a layer. */
  load(loader: WeightLoader, layer: number): Promise<Weights>;
  /** The weights of a layer's products, for autotuning. */
  products(weights: Weights): readonly Weight[];
  /** A layer of each kind where layers differ in their kernels, in order; the warm-up runs them too. */
  readonly kinds?: readonly number[];
  /** The first layer with weights of another kind than layer 0's, which the warm-up runs with its own. */
  readonly otherKind?: number | undefined;
  /** Changes a pack's embeddings, [rows, hidden], before they are uploaded: scales them, adds positions. */
  embed?(embedded: Float32Array, pack: TokenPack): void;
  /** Takes a pack through a layer; in the last one it narrows the stream to the pooled rows. */
  run(stream: PackStream, weights: Weights, layer: number): Readings | void;
  /** Final hidden states of the pooled rows: the final norm's result, a matrix of its own. */
  finish(stream: PackStream): Matrix;
}

/** What a {@link LayerStack} is loaded from. */
export interface StackParts<Weights> {
  readonly plan: BackbonePlan;
  readonly checkpoint: Checkpoint;
  readonly backend: Backend;
  readonly ropes: readonly RopeTable[];
  /** Loads what stands outside of the layers. */
  readonly open: (loader: WeightLoader) => Promise<LayerArithmetic<Weights>>;
}

/**
 * A backbone of layers that packs go through one after another: resident on the device, or streamed,
 * each loaded once for all packs in flight. What a layer computes is the family's own.
 */
export class LayerStack<Weights> implements BackboneModel {
  readonly #parts: StackParts<Weights>;
  readonly #loader: WeightLoader;
  readonly #arithmetic: LayerArithmetic<Weights>;
  readonly #feedForwardRows: number;
  readonly #layersAhead: boolean;
  readonly #embedding: Embedding;
  readonly #layers: Weights[] = [];

  private constructor(
    parts: StackParts<Weights>,
    loader: WeightLoader,
    arithmetic: LayerArithmetic<Weights>,
    { feedForwardRows, layersAhead = false }: BackboneLoadOptions,
  ) {
    const { checkpoint, plan: { embeddingName, vocabularySize, hiddenSize } } = parts;
    this.#parts = parts;
    this.#loader = loader;
    this.#arithmetic = arithmetic;
    this.#feedForwardRows = feedForwardRows;
    this.#layersAhead = layersAhead;
    this.#embedding = new Embedding(checkpoint, embeddingName, vocabularySize, hiddenSize);
  }

  /**
   * Loads what stands outside of the layers, and the layers where they are resident.
   *
   * @throws {AssayError} Errors of `checkpoint/` and of the backend.
   */
  static async load<Weights>(
    parts: StackParts<Weights>,
    options: BackboneLoadOptions,
  ): Promise<LayerStack<Weights>> {
    const loader = new WeightLoader(parts.checkpoint, parts.backend, padded);
    const arithmetic = await parts.open(loader);
    const stack = new LayerStack(parts, loader, arithmetic, options);
    const { resident, onLayer } = options;
    for (let layer = 0; resident && layer < parts.plan.layers; layer++) {
      stack.#layers.push(await arithmetic.load(loader, layer));
      const { kinds = [], otherKind } = arithmetic;
      if (layer === 0) stack.#rehearse(stack.#layers[0]!, [0, ...kinds]);
      if (layer === otherKind) stack.#rehearse(stack.#layers[layer]!, [layer]);
      onLayer?.();
    }
    return stack;
  }

  /**
   * Has the layers' kernels compiled while the other layers load (a warm-up): those of many rows, and
   * in the last layer those of few; one layer's weights stand in for all of their kind.
   */
  #rehearse(weights: Weights, kinds: readonly number[]): void {
    const { backend, plan: { hiddenSize, layers } } = this.#parts;
    const tokens = rowAlignment;
    const pack: TokenPack = {
      ids: new Uint32Array(tokens),
      spans: Uint32Array.from({ length: 4 * tokens }, (_, i) => (i % 4 === 0 ? i / 4 : 0)),
      lengths: new Uint32Array(tokens).fill(tokens),
      pooled: Uint32Array.of(tokens - 1),
    };
    backend.rehearse(() => {
      const stream = this.#begin(pack, new Float32Array(tokens * hiddenSize));
      for (const layer of new Set([...kinds, layers - 1])) {
        rehearse(this.#arithmetic.run(stream, weights, layer));
      }
      backend.release(this.#finish(stream));
    });
  }

  /** See {@link BackboneModel.mayShare}. */
  mayShare(length: number): boolean {
    const { plan, ropes } = this.#parts;
    const { causal, recurrent = false } = plan;
    return causal && !recurrent && !ropes.some((rope) => rope.dependsOnLength(length));
  }

  /** See {@link BackboneModel.hiddenStates}. */
  async hiddenStates(
    packs: readonly TokenPack[],
    { observer, onLayer, signal }: HiddenStatesOptions = {},
  ): Promise<Matrix[]> {
    const { plan } = this.#parts;
    const streams: PackStream[] = [];
    for (const pack of packs) {
      streams.push(this.#begin(pack, await this.#embedding.gather(pack.ids)));
    }
    using streamed = new StreamedLayers({
      ...this.#parts,
      load: (loader, layer) => this.#arithmetic.load(loader, layer),
    });
    for (let layer = 0; layer < plan.layers; layer++) {
      signal?.throwIfAborted();
      const resident = this.#layers[layer];
      const weights = resident ?? await streamed.load(layer);
      // Read while this one computes, which the thread that waits, or computes, does not hold up.
      if (resident === undefined) streamed.read(layer + 1);
      if (layer === 0) await this.#prepare(streams, weights);
      await this.#finished(
        streams.map((stream) => this.#arithmetic.run(stream, weights, layer)),
      );
      if (resident === undefined) {
        await this.#followUp(streamed, layer);
        onLayer?.();
        streamed.free(layer);
      }
      await observer?.(layer, streams.map(({ hidden }) => hidden));
    }
    return streams.map((stream) => this.#finish(stream));
  }

  /** Waits for a streamed layer, and has the next one ready after it where there is room for both. */
  async #followUp(streamed: StreamedLayers<Weights>, layer: number): Promise<void> {
    const { plan, backend } = this.#parts;
    if (this.#layersAhead && layer + 1 < plan.layers) {
      backend.start();
      await streamed.load(layer + 1);
      streamed.read(layer + 2);
    }
    await backend.finish();
  }

  /** Reads what the packs' layers ask for, all in one readback, until none asks for more. */
  async #finished(layers: readonly (Readings | void)[]): Promise<void> {
    const asking: { readonly rest: Readings; readonly matrices: readonly Matrix[] }[] = [];
    const goOn = (rest: Readings, numbers: readonly Float32Array<ArrayBuffer>[]): void => {
      const { done, value } = rest.next(numbers);
      if (!done) asking.push({ rest, matrices: value });
    };
    for (const rest of layers) if (rest) goOn(rest, []);
    while (asking.length > 0) {
      const answered = asking.splice(0);
      const numbers = await this.#parts.backend.read(answered.flatMap(({ matrices }) => matrices));
      let at = 0;
      for (const { rest, matrices } of answered) {
        goOn(rest, numbers.slice(at, at += matrices.length));
      }
    }
  }

  /** See {@link BackboneModel.forget}. */
  forget({ layers }: KeptPrefix): void {
    const { backend } = this.#parts;
    for (const { keys, values } of layers) {
      backend.free(keys);
      backend.free(values);
    }
    layers.length = 0;
  }

  /** Tells the backend of the layers' products. */
  async #prepare(streams: readonly PackStream[], layer: Weights): Promise<void> {
    const { backend, plan } = this.#parts;
    const weights = this.#arithmetic.products(layer);
    const rows = streams.map(({ hidden }) => hidden.rows);
    const inLayer = weights.reduce((sum, weight) => sum + 2 * weight.rows * weight.columns, 0);
    await backend.prepare({
      weights,
      rows: Math.min(Math.max(...rows), this.#feedForwardRows),
      operations: inLayer * plan.layers * rows.reduce((a, b) => a + b, 0),
    });
  }

  #begin(pack: TokenPack, embedded: Float32Array<ArrayBuffer>): PackStream {
    const { backend, ropes, plan: { hiddenSize } } = this.#parts;
    this.#arithmetic.embed?.(embedded, pack);
    const feedForwardRows = this.#feedForwardRows;
    const rows = paddedRows(embedded, hiddenSize);
    return new PackStream({ backend, ropes, feedForwardRows }, pack, rows);
  }

  #finish(stream: PackStream): Matrix {
    const states = this.#arithmetic.finish(stream);
    stream.release();
    return states;
  }

  [Symbol.dispose](): void {
    this.#loader[Symbol.dispose]();
  }
}

/** Rows with the zeros after each that kernels want. */
function paddedRows(
  embedded: Float32Array<ArrayBuffer>,
  hiddenSize: number,
): Float32Array<ArrayBuffer> {
  const columns = paddedSize(hiddenSize);
  if (columns === hiddenSize) return embedded;
  const rows = embedded.length / hiddenSize;
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    result.set(embedded.subarray(row * hiddenSize, (row + 1) * hiddenSize), row * columns);
  }
  return result;
}

/** Takes a layer to its end with zeros for what it reads: a rehearsal computes nothing. */
function rehearse(layer: Readings | void): void {
  if (!layer) return;
  let step = layer.next([]);
  while (!step.done) {
    step = layer.next(step.value.map(({ rows, columns }) => new Float32Array(rows * columns)));
  }
}
