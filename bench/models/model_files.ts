import { join } from "node:path";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { writeGgufModel } from "./gguf_model.ts";
import type { ModelShape } from "./model_shape.ts";
import { onnxFile } from "./onnx_file.ts";
import { writeOnnxModel } from "./onnx_model.ts";
import { writePieces } from "./protobuf.ts";
import { writeRandomCheckpoint } from "./random_checkpoint.ts";

/** A checkpoint that is there already. */
export interface GivenCheckpoint {
  /** What its files in other formats are named after. */
  readonly name: string;
  readonly folder: string;
}

/** The random model, or a given one, in the formats of all engines, each written when first asked for. */
export class ModelFiles {
  readonly #written = new Map<string, Promise<string>>();

  constructor(
    readonly folder: string,
    readonly shape: ModelShape,
    readonly given?: GivenCheckpoint,
  ) {}

  /** The checkpoint in Hugging Face layout, bf16. */
  checkpoint(): Promise<string> {
    if (this.given !== undefined) return Promise.resolve(this.given.folder);
    return this.#once("checkpoint", (path) => writeRandomCheckpoint(path, this.shape));
  }

  /** The same numbers as ONNX, f32. */
  onnx(): Promise<string> {
    return this.#fromCheckpoint(
      "model.onnx",
      (path, checkpoint) => writeOnnxModel(path, checkpoint, this.shape),
    );
  }

  /** The same numbers as GGUF. */
  gguf(type: "F32" | "F16" | "BF16"): Promise<string> {
    return this.#fromCheckpoint(
      `model-${type}.gguf`,
      (path, checkpoint) => writeGgufModel(path, checkpoint, this.shape, type),
    );
  }

  /** The head's weight as plain f32 numbers, for engines that stop at hidden states. */
  head(): Promise<string> {
    return this.#fromCheckpoint("score.f32", async (path, checkpoint) => {
      const numbers = toFloat32(await checkpoint.read("score.weight"));
      await Deno.writeFile(path, new Uint8Array(numbers.buffer));
    });
  }

  /** A matrix product [rows, inner] · weight as ONNX, with the given weight [inner, columns]. */
  onnxProduct(
    { rows, columns, inner }: { rows: number; columns: number; inner: number },
    weight: Float32Array<ArrayBuffer>,
  ): Promise<string> {
    const graph = onnxFile({
      nodes: [{ operator: "MatMul", inputs: ["input", "weight"], outputs: ["output"] }],
      tensors: [{
        name: "weight",
        type: "float",
        shape: [inner, columns],
        make: () => Promise.resolve(new Uint8Array(weight.buffer)),
      }],
      inputs: [{ name: "input", type: "float", shape: [rows, inner] }],
      outputs: [{ name: "output", type: "float", shape: [rows, columns] }],
    });
    return this.#once(
      `product-${rows}-${columns}-${inner}.onnx`,
      (path) => writePieces(path, graph),
    );
  }

  #fromCheckpoint(
    name: string,
    write: (path: string, checkpoint: Checkpoint) => Promise<void>,
  ): Promise<string> {
    return this.#once(name, async (path) => {
      using checkpoint = await Checkpoint.open(await this.checkpoint());
      await write(path, checkpoint);
    });
  }

  /** Writes under another name first, so that a broken run leaves no half of a file. */
  #once(name: string, write: (path: string) => Promise<void>): Promise<string> {
    const of = this.given?.name ?? `${this.shape.layers}-layers`;
    const path = join(this.folder, `${of}-${name}`);
    const writing = this.#written.get(name) ?? (async () => {
      if (await Deno.stat(path).then(() => true, () => false)) return path;
      await Deno.mkdir(this.folder, { recursive: true });
      await write(`${path}.part`);
      await Deno.rename(`${path}.part`, path);
      return path;
    })();
    this.#written.set(name, writing);
    return writing;
  }
}
