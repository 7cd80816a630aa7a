import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { SafetensorsReader } from "../checkpoint/safetensors_reader.ts";
import {
  type FloatDtype,
  fromFloat32,
  isFloatDtype,
  type Tensor,
  type TensorInfo,
  toFloat32,
} from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { readLoraConfig } from "./lora_config.ts";
import { type LazyTensor, overlayFolder } from "./overlay_folder.ts";

/** The low-rank update of one weight matrix. */
interface LowRankUpdate {
  /** Name of the adapter's tensor A, [r, in]. */
  readonly a: string;
  /** Name of the adapter's tensor B, [out, r]. */
  readonly b: string;
  /** α / r, or α / √r with rsLoRA. */
  readonly scale: number;
}

/** Models whose layers are `Conv1D`, stored as [in, out]; those of all others are linear. */
const convolutionTypes: ReadonlySet<string> = new Set(["gpt2", "openai-gpt", "imagegpt"]);

/**
 * A LoRA adapter in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`.
 *
 * Read are `r`, `lora_alpha`, `use_rslora`, `rank_pattern`, `alpha_pattern` and `fan_in_fan_out`;
 * `fan_in_fan_out` counts only where the base's weights are stored as [in, out];
 * heads and other modules saved whole (`modules_to_save`) replace the base's. Refused, because the
 * merged weight would be another than W + scale · B·A: DoRA, LoRA biases, adapters of embeddings
 * and convolutions, layer replication, quantised adapters, other PEFT methods.
 */
export class LoraAdapter implements Disposable {
  /** Path or address of the adapter's folder. */
  readonly name: string;
  /** Names of the base's weights that the adapter changes by a low-rank update. */
  readonly updates: ReadonlySet<string>;
  /** Names of the base's tensors that the adapter replaces whole. */
  readonly replaced: ReadonlySet<string>;
  readonly #weights: SafetensorsReader;
  readonly #updates: ReadonlyMap<string, LowRankUpdate>;
  readonly #replaced: ReadonlyMap<string, string>;
  /** Whether the adapter says that the base's weights are stored as [in, out]. */
  readonly #fanInFanOut: boolean;

  private constructor(
    name: string,
    weights: SafetensorsReader,
    updates: ReadonlyMap<string, LowRankUpdate>,
    replaced: ReadonlyMap<string, string>,
    fanInFanOut: boolean,
  ) {
    this.name = name;
    this.updates = new Set(updates.keys());
    this.replaced = new Set(replaced.keys());
    this.#weights = weights;
    this.#updates = updates;
    this.#replaced = replaced;
    this.#fanInFanOut = fanInFanOut;
  }

  /**
   * Opens an adapter and checks that all of its tensors are understood.
   *
   * @param folder The adapter's folder.
   * @throws {AssayError} `voting/bad-adapter` where the adapter is not one that can be merged, and
   * what opening a checkpoint throws.
   */
  static async open(folder: CheckpointFolder): Promise<LoraAdapter> {
    const { name } = folder;
    const config = await readLoraConfig(folder);
    const source = await folder.open("adapter_model.safetensors");
    if (source === undefined) refuse(name, "adapter_model.safetensors", "no such file");
    const weights = await SafetensorsReader.open(source, "adapter_model.safetensors");
    try {
      const updates = new Map<string, LowRankUpdate>();
      const replaced = new Map<string, string>();
      for (const tensor of weights.tensors.values()) {
        const { module, part } = splitName(name, tensor.name);
        if (part === "whole") {
          replaced.set(module, tensor.name);
        } else if (part === "a") {
          const rank = config.rankOf(module);
          const b = tensor.name.replace(/\.lora_A\./, ".lora_B.");
          checkShapes(name, weights, tensor, b, rank);
          const alpha = config.alphaOf(module);
          const scale = alpha / (config.rankStabilized ? Math.sqrt(rank) : rank);
          updates.set(`${module}.weight`, { a: tensor.name, b, scale });
        } else {
          const a = tensor.name.replace(/\.lora_B\./, ".lora_A.");
          if (!weights.tensors.has(a)) refuse(name, `tensor ${a}`, `${tensor.name} alone`);
        }
      }
      return new LoraAdapter(name, weights, updates, replaced, config.fanInFanOut);
    } catch (error) {
      weights[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Merges the adapter into some rows of a weight: W + scale · B·A, summed in 64 bits.
   *
   * @param name Name of the base's weight.
   * @param rows The rows of W, [count, in]; of its transpose where the adapter has `fan_in_fan_out`
   *   and only that fits.
   * @param start Number of the first row in the whole weight.
   * @returns The merged rows as 32-bit floats.
   * @throws {AssayError} `voting/bad-adapter` where the adapter's matrices don't fit the weight.
   */
  async merge(
    name: string,
    rows: Tensor,
    start: number,
  ): Promise<Float32Array<ArrayBuffer>> {
    const update = this.#updates.get(name);
    if (update === undefined) return toFloat32(rows).slice();
    const columns = this.#sizes(update)[1];
    const isTransposed = this.#fanInFanOut && rows.shape[1] !== columns;
    return await this.#merge(update, rows, start, isTransposed);
  }

  async #merge(
    update: LowRankUpdate,
    rows: Tensor,
    start: number,
    isTransposed: boolean,
  ): Promise<Float32Array<ArrayBuffer>> {
    const merged = toFloat32(rows).slice();
    // W + s·B·A, or its transpose W' + s·A'·B' for weights stored as [in, out].
    const [left, right] = isTransposed ? [update.a, update.b] : [update.b, update.a];
    const [count = 0, columns = 0] = rows.shape;
    const rank = this.#weights.tensors.get(update.a)!.shape[0]!;
    const leftValues = toFloat32(await this.#weights.read(left));
    const rightValues = toFloat32(await this.#weights.read(right));
    const sums = new Float64Array(columns);
    for (let row = 0; row < count; row++) {
      sums.fill(0);
      for (let k = 0; k < rank; k++) {
        const place = start + row;
        const factor = update.scale *
          (isTransposed
            ? leftValues[k * (leftValues.length / rank) + place]!
            : leftValues[place * rank + k]!);
        if (factor === 0) continue;
        if (isTransposed) {
          for (let column = 0; column < columns; column++) {
            sums[column]! += factor * rightValues[column * rank + k]!;
          }
        } else {
          const offset = k * columns;
          for (let column = 0; column < columns; column++) {
            sums[column]! += factor * rightValues[offset + column]!;
          }
        }
      }
      const offset = row * columns;
      for (let column = 0; column < columns; column++) merged[offset + column]! += sums[column]!;
    }
    return merged;
  }

  /**
   * The base checkpoint with this adapter merged in, as a folder that any loader takes. Weights are
   * merged when they are read; nothing is written.
   *
   * @param folder The base's files.
   * @param base The base, opened; it and the adapter must stay open as long as the folder is read.
   * @param dtype Element type of the changed weights. Default: the base's own, to which the merged
   * weight is rounded, as PEFT's `merge_and_unload` does; `F32` keeps the update whole.
   * @returns The folder.
   * @throws {AssayError} `voting/bad-adapter` where the base lacks a weight that the adapter changes,
   * or has it in another shape.
   */
  mergedFolder(folder: CheckpointFolder, base: Checkpoint, dtype?: FloatDtype): CheckpointFolder {
    const tensors: LazyTensor[] = [];
    for (const [name, update] of this.#updates) {
      const { info, isTransposed } = this.#fitting(base, name, update);
      const form = dtype ?? info.dtype as FloatDtype;
      tensors.push({
        name,
        dtype: form,
        shape: info.shape,
        readRows: async (start, count) =>
          fromFloat32(
            await this.#merge(update, await base.readRows(name, start, count), start, isTransposed),
            form,
          ),
      });
    }
    for (const [name, own] of this.#replaced) {
      const { dtype, shape } = this.#weights.tensors.get(own)!;
      const readRows = async (start: number, count: number) =>
        (await this.#weights.readRows(own, start, count)).bytes;
      tensors.push({ name, dtype, shape, readRows });
    }
    return overlayFolder(`${base.name} + ${this.name}`, folder, base, { tensors });
  }

  /** Closes the adapter's file. */
  [Symbol.dispose](): void {
    this.#weights[Symbol.dispose]();
  }

  /**
   * What a user should know before the merged base is used: where the adapter says that weights are
   * stored as [in, out] and they are those of linear layers, stored as [out, in], they are merged as
   * such; PEFT does the same, and says so too.
   *
   * @param base The base.
   */
  warnings(base: Checkpoint): string[] {
    const isWrong = this.#fanInFanOut &&
      [...this.#updates].some(([name, update]) =>
        base.tensors.has(name) && !this.#fitting(base, name, update).isTransposed
      );
    if (!isWrong) return [];
    return [
      `${this.name} has fan_in_fan_out: true, but ${base.name} has linear layers, stored as ` +
      "[out, in]: it is taken as false, as PEFT does",
    ];
  }

  /** Rows and columns of a linear layer's weight that an update belongs to: [out, in]. */
  #sizes(update: LowRankUpdate): readonly [rows: number, columns: number] {
    const rows = this.#weights.tensors.get(update.b)!.shape[0]!;
    return [rows, this.#weights.tensors.get(update.a)!.shape[1]!];
  }

  /** A weight of the base, and whether it is stored as [in, out]: linear layers never are. */
  #fitting(
    base: Checkpoint,
    name: string,
    update: LowRankUpdate,
  ): { readonly info: TensorInfo; readonly isTransposed: boolean } {
    const info = base.tensors.get(name);
    const sizes = this.#sizes(update);
    const [linear, reversed] = [String(sizes), String(sizes.toReversed())];
    const form = String(info?.shape);
    const isConvolution = convolutionTypes.has(String(base.config.model_type));
    const isTransposed = this.#fanInFanOut && form === reversed &&
      (isConvolution || form !== linear);
    const isFloat = info !== undefined && isFloatDtype(info.dtype);
    if (info !== undefined && base.tensors.has(`${name}_scale`)) {
      return refuse(
        this.name,
        `${name} as it was trained on, in floats`,
        `quantized weights in ${base.name}: put the adapter on the model before it was quantized, and ` +
          "quantize the result (--weights int4 beside --adapter)",
      );
    }
    if (isFloat && (isTransposed || form === linear)) return { info, isTransposed };
    return refuse(
      this.name,
      `a base with ${name} as floats of shape [${sizes}]`,
      info === undefined ? "none of that name" : `${info.dtype} [${info.shape}] in ${base.name}`,
    );
  }
}

/** What a tensor of the adapter belongs to: `base_model.model.<module>.lora_A.weight` and the like. */
function splitName(
  adapter: string,
  name: string,
): { readonly module: string; readonly part: "a" | "b" | "whole" } {
  const inner = name.replace(/^base_model\.model\./, "");
  const low = /^(.*)\.lora_([AB])(?:\.default)?\.weight$/.exec(inner);
  if (low !== null) return { module: low[1]!, part: low[2] === "A" ? "a" : "b" };
  if (inner === name || /\.lora_|lora_embedding|lora_magnitude/.test(inner)) {
    refuse(
      adapter,
      "tensors named base_model.model.<module>.lora_A.weight or .lora_B.weight",
      name,
    );
  }
  return { module: inner.replace(/\.modules_to_save(?:\.default)?\./, "."), part: "whole" };
}

function checkShapes(
  adapter: string,
  weights: SafetensorsReader,
  a: TensorInfo,
  b: string,
  rank: number,
): void {
  const other = weights.tensors.get(b);
  if (other === undefined) refuse(adapter, `tensor ${b}`, `${a.name} alone`);
  for (const tensor of [a, other]) {
    const found = tensor === a ? tensor.shape[0] : tensor.shape[1];
    if (isFloatDtype(tensor.dtype) && tensor.shape.length === 2 && found === rank) continue;
    refuse(
      adapter,
      `${tensor.name} as a matrix of floats of rank ${rank}`,
      `${tensor.dtype} [${tensor.shape}]`,
    );
  }
}

function refuse(adapter: string, expected: string, found: string): never {
  throw new AssayError(
    "voting/bad-adapter",
    `Cannot merge LoRA adapter ${adapter}: expected ${expected}, found ${found}`,
  );
}
