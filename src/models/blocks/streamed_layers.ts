import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { Tensor } from "../../checkpoint/tensor.ts";
import type { Backend } from "../../ops/backend.ts";
import { padded } from "../../ops/layout.ts";
import { type TensorReader, WeightLoader } from "../../ops/weight_loader.ts";
import type { BackbonePlan } from "../family.ts";

/** What {@link StreamedLayers} loads. */
export interface StreamedParts<Weights> {
  readonly plan: BackbonePlan;
  readonly checkpoint: Checkpoint;
  readonly backend: Backend;
  readonly load: (loader: WeightLoader, layer: number) => Promise<Weights>;
}

/**
 * Layers that pass through the device one after another: a layer is read while the ones before it
 * compute, put on the device when it is asked for, and freed.
 */
export class StreamedLayers<Weights> implements Disposable {
  readonly #reads = new Map<number, ReadAhead>();
  readonly #loaded = new Map<
    number,
    { readonly weights: Weights; readonly loader: WeightLoader }
  >();

  constructor(readonly parts: StreamedParts<Weights>) {}

  /** Begins to read a layer, and does not wait; nothing where there is none of that number. */
  read(layer: number): void {
    const { plan, checkpoint } = this.parts;
    if (layer >= plan.layers || this.#reads.has(layer) || this.#loaded.has(layer)) return;
    const names = [...plan.tensors.keys()].filter((name) =>
      plan.layerOf(name) === layer && checkpoint.tensors.has(name)
    );
    this.#reads.set(layer, new ReadAhead(checkpoint, names));
  }

  /**
   * The weights of a layer, on the device; they stay there until they are freed.
   *
   * @throws {AssayError} Errors of `checkpoint/` and of the backend.
   */
  async load(layer: number): Promise<Weights> {
    const loaded = this.#loaded.get(layer);
    if (loaded !== undefined) return loaded.weights;
    this.read(layer);
    const reads = this.#reads.get(layer)!;
    using loading = new DisposableStack();
    const loader = loading.use(new WeightLoader(reads, this.parts.backend, padded));
    const weights = await this.parts.load(loader, layer);
    loading.move();
    this.#reads.delete(layer);
    this.#loaded.set(layer, { weights, loader });
    return weights;
  }

  /** Frees a layer, once everything that reads it is done. */
  free(layer: number): void {
    this.#loaded.get(layer)?.loader[Symbol.dispose]();
    this.#loaded.delete(layer);
  }

  [Symbol.dispose](): void {
    for (const layer of [...this.#loaded.keys()]) this.free(layer);
    this.#reads.clear();
  }
}

/** Tensors whose reading began all at once; others are read when they are asked for. */
class ReadAhead implements TensorReader {
  readonly #tensors = new Map<string, Promise<Tensor>>();

  constructor(readonly checkpoint: Checkpoint, names: readonly string[]) {
    for (const name of names) {
      const read = checkpoint.read(name);
      read.catch(() => {}); // told to whoever asks for the tensor, if anybody still does
      this.#tensors.set(name, read);
    }
  }

  get name(): string {
    return this.checkpoint.name;
  }

  read(name: string): Promise<Tensor> {
    const read = this.#tensors.get(name);
    this.#tensors.delete(name); // its bytes go as soon as they are used
    return read ?? this.checkpoint.read(name);
  }

  gatherRows(name: string, rows: ArrayLike<number>): Promise<Tensor> {
    return this.checkpoint.gatherRows(name, rows);
  }
}
