import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { type TensorInfo, toFloat32 } from "../checkpoint/tensor.ts";
import { type LazyTensor, overlayFolder } from "../merging/overlay_folder.ts";
import { quantizationConfig, scaleSuffix } from "../models/quantized_weights.ts";
import {
  type GroupForm,
  groupsOf,
  quantBytes,
  quantizeRows,
  requantizeRows,
} from "../ops/quantization/group_quantization.ts";

/**
 * A checkpoint with some of its weights quantized, as a folder that any loader takes. Weights are quantized
 * when they are read, some rows at a time; nothing is written.
 *
 * @param folder The checkpoint's files.
 * @param base The checkpoint, opened; it must stay open as long as the folder is read.
 * @param names The weights that are quantized: linear maps of the layers.
 * @returns The folder; reading it throws `ops/cannot-quantize` for a weight that can't be.
 */
export function quantizedFolder(
  folder: CheckpointFolder,
  base: Checkpoint,
  names: readonly string[],
  form: GroupForm,
): CheckpointFolder {
  const tensors = names.flatMap((name) => {
    const weight = new LazyWeight(base, base.tensors.get(name)!, form);
    return [weight.quants, weight.scales];
  });
  const config = { ...base.config, quantization_config: quantizationConfig(form) };
  return overlayFolder(base.name, folder, base, { tensors, config });
}

/** A weight that is quantized as it is read: its two tensors, in whichever order they are read. */
class LazyWeight {
  readonly quants: LazyTensor;
  readonly scales: LazyTensor;
  readonly #groups: number;
  /** Scales of the first rows, while only one of the two tensors was read: choosing them is most of the work. */
  #chosen: Uint16Array<ArrayBuffer> | undefined;
  #rows = 0;
  readonly #finished = { quants: false, scales: false };

  constructor(
    readonly base: Checkpoint,
    readonly info: TensorInfo,
    readonly form: GroupForm,
  ) {
    const [rows, columns] = info.shape as [number, number];
    this.#groups = groupsOf(columns, form);
    this.quants = {
      name: info.name,
      dtype: form.bits === 8 ? "I8" : "U8",
      shape: [rows, quantBytes(columns, form)],
      readRows: (start, count) => this.#read("quants", start, count),
    };
    this.scales = {
      name: info.name + scaleSuffix,
      dtype: "F16",
      shape: [rows, this.#groups],
      readRows: (start, count) => this.#read("scales", start, count),
    };
  }

  async #read(
    which: "quants" | "scales",
    start: number,
    count: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const known = this.#scalesOf(start, count);
    if (which === "scales" && known !== undefined) {
      const bytes = new Uint8Array(known.slice().buffer);
      this.#finish(which, start + count);
      return bytes;
    }
    const { name, shape: [, columns] } = this.info;
    const values = toFloat32(await this.base.readRows(name, start, count));
    const rows = { name, columns: columns!, values };
    if (known !== undefined) {
      const quants = requantizeRows(rows, known, this.form);
      this.#finish(which, start + count);
      return quants;
    }
    const { quants, scales } = quantizeRows(rows, this.form);
    this.#keep(start, scales);
    this.#finish(which, start + count);
    return which === "quants" ? quants : new Uint8Array(scales.buffer);
  }

  /** The scales of rows that were chosen before. */
  #scalesOf(start: number, count: number): Uint16Array<ArrayBuffer> | undefined {
    if (start + count > this.#rows) return undefined;
    return this.#chosen?.subarray(start * this.#groups, (start + count) * this.#groups);
  }

  #keep(start: number, scales: Uint16Array<ArrayBuffer>): void {
    if (start !== this.#rows) return;
    this.#chosen ??= new Uint16Array(this.info.shape[0]! * this.#groups);
    this.#chosen.set(scales, start * this.#groups);
    this.#rows = start + scales.length / this.#groups;
  }

  /** Forgets the scales once both tensors were read to their end. */
  #finish(which: "quants" | "scales", end: number): void {
    if (end < this.info.shape[0]!) return;
    this.#finished[which] = true;
    if (!this.#finished.quants || !this.#finished.scales) return;
    this.#chosen = undefined;
    this.#rows = 0;
    this.#finished.quants = this.#finished.scales = false;
  }
}
