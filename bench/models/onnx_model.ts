import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import type { ModelShape } from "./model_shape.ts";
import {
  type Attribute,
  onnxFile,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx_file.ts";
import { writePieces } from "./protobuf.ts";

const microsoft = "com.microsoft";

/**
 * Writes a checkpoint's model as ONNX, in f32 with the same numbers, out of the operators into which
 * ONNX Runtime's own transformer exporter fuses a Llama: grouped-query attention with rotary
 * embedding, and skip connections joined with the norms.
 */
export async function writeOnnxModel(
  path: string,
  checkpoint: Checkpoint,
  shape: ModelShape,
): Promise<void> {
  await writePieces(path, onnxFile(llamaGraph(checkpoint, shape)));
}

function llamaGraph(checkpoint: Checkpoint, shape: ModelShape): OnnxGraph {
  const { heads, keyHeads, hidden } = shape;
  const past = ["batch", keyHeads, 0, hidden / heads];
  return {
    nodes: new LlamaNodes(shape).all(),
    tensors: [...weightTensors(checkpoint), ...positionTensors(shape)],
    inputs: [
      { name: "input_ids", type: "int64", shape: ["batch", "tokens"] },
      { name: "past_key", type: "float", shape: past },
      { name: "past_value", type: "float", shape: past },
      { name: "last_position", type: "int32", shape: ["batch"] },
      { name: "total_length", type: "int32", shape: [1] },
    ],
    outputs: [{ name: "score.out", type: "float", shape: ["batch", 1, 1] }],
  };
}

/** The nodes of a Llama, from token ids to the score. */
class LlamaNodes {
  readonly #nodes: OnnxNode[] = [];
  /** Name of the residual stream. */
  #residual = "";
  /** Name of a block's output that the residual stream still lacks. */
  #block: string | undefined;

  constructor(readonly shape: ModelShape) {}

  all(): readonly OnnxNode[] {
    this.#residual = this.#node("Gather", ["model.embed_tokens.weight", "input_ids"], "embedded");
    for (let layer = 0; layer < this.shape.layers; layer++) {
      this.#block = this.#attention(`model.layers.${layer}`);
      this.#block = this.#feedForward(`model.layers.${layer}`);
    }
    const normed = this.#addAndNorm("model.norm");
    this.#product(this.#node("Gather", [normed, "last"], "pooled", { axis: 1 }), "score");
    return this.#nodes;
  }

  #attention(name: string): string {
    const { heads, keyHeads } = this.shape;
    const normed = this.#addAndNorm(`${name}.input_layernorm`);
    const inputs = ["q", "k", "v"].map((part) =>
      this.#product(normed, `${name}.self_attn.${part}_proj`)
    );
    this.#nodes.push({
      operator: "GroupQueryAttention",
      domain: microsoft,
      inputs: [
        ...inputs,
        ...["past_key", "past_value", "last_position", "total_length", "cosines", "sines"],
      ],
      outputs: [`${name}.mixed`, `${name}.key`, `${name}.value`],
      attributes: { num_heads: heads, kv_num_heads: keyHeads, do_rotary: 1 },
    });
    return this.#product(`${name}.mixed`, `${name}.self_attn.o_proj`);
  }

  #feedForward(name: string): string {
    const normed = this.#addAndNorm(`${name}.post_attention_layernorm`);
    const gate = this.#product(normed, `${name}.mlp.gate_proj`);
    const up = this.#product(normed, `${name}.mlp.up_proj`);
    const sigmoid = this.#node("Sigmoid", [gate], `${name}.sigmoid`);
    const silu = this.#node("Mul", [gate, sigmoid], `${name}.silu`);
    return this.#product(this.#node("Mul", [silu, up], `${name}.gated`), `${name}.mlp.down_proj`);
  }

  /** Adds the last block's output to the residual stream and norms the sum. */
  #addAndNorm(name: string): string {
    const weight = `${name}.weight`;
    const output = `${name}.out`;
    const epsilon = { float: this.shape.rmsEpsilon };
    if (this.#block === undefined) {
      const attributes = { epsilon, axis: -1 };
      return this.#node(
        "SimplifiedLayerNormalization",
        [this.#residual, weight],
        output,
        attributes,
      );
    }
    const sum = `${name}.sum`;
    this.#nodes.push({
      operator: "SkipSimplifiedLayerNormalization",
      domain: microsoft,
      inputs: [this.#residual, this.#block, weight],
      outputs: [output, "", "", sum],
      attributes: { epsilon },
    });
    this.#residual = sum;
    return output;
  }

  #product(input: string, name: string): string {
    return this.#node("MatMul", [input, `${name}.weight`], `${name}.out`);
  }

  #node(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    this.#nodes.push({ operator, inputs, outputs: [output], attributes });
    return output;
  }
}

/** All weights; those of linear maps turned round, since `MatMul` multiplies from the left. */
function weightTensors(checkpoint: Checkpoint): OnnxTensor[] {
  return [...checkpoint.tensors.values()].map(({ name, shape }) => {
    const linear = shape.length === 2 && name !== "model.embed_tokens.weight";
    return {
      name,
      type: "float",
      shape: linear ? shape.toReversed() : shape,
      make: async () => {
        const numbers = toFloat32(await checkpoint.read(name));
        const laidOut = linear ? transposed(numbers, shape[0]!, shape[1]!) : numbers;
        return new Uint8Array(laidOut.buffer, laidOut.byteOffset, laidOut.byteLength);
      },
    };
  });
}

function transposed(numbers: Float32Array<ArrayBuffer>, rows: number, columns: number) {
  const result = new Float32Array(numbers.length);
  const block = 64; // both sides of a block stay in the cache
  for (let firstRow = 0; firstRow < rows; firstRow += block) {
    const lastRow = Math.min(firstRow + block, rows);
    for (let column = 0; column < columns; column++) {
      for (let row = firstRow; row < lastRow; row++) {
        result[column * rows + row] = numbers[row * columns + column]!;
      }
    }
  }
  return result;
}

function positionTensors({ maxTokens, hidden, heads, ropeTheta }: ModelShape): OnnxTensor[] {
  const headDim = hidden / heads;
  const half = headDim / 2;
  const table = (name: string, turn: (angle: number) => number): OnnxTensor => ({
    name,
    type: "float",
    shape: [maxTokens, half],
    make: () => {
      const angle = (i: number): number =>
        Math.floor(i / half) * ropeTheta ** (-2 * (i % half) / headDim);
      const numbers = Float32Array.from({ length: maxTokens * half }, (_, i) => turn(angle(i)));
      return Promise.resolve(new Uint8Array(numbers.buffer));
    },
  });
  const last: OnnxTensor = {
    name: "last",
    type: "int64",
    shape: [1],
    make: () => Promise.resolve(new Uint8Array(new BigInt64Array([-1n]).buffer)),
  };
  return [table("cosines", Math.cos), table("sines", Math.sin), last];
}
