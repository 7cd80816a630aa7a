import {
  gatedMatmulTextureShader,
  matmulShader,
  matmulTextureShader,
} from "../../shaders/shaders.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { PooledTexture } from "../gpu/texture_pool.ts";
import type { MatmulOperands } from "./matmul.ts";
import type { BufferPart, TexturePart, Weight, WeightType } from "./weight.ts";
import { inTexture } from "./texture_copies.ts";

/** The shaders' names of the stored types. */
const weightTypes: Readonly<Record<WeightType, number>> = { F32: 0, F16: 1, BF16: 2 };

/** Outputs that one invocation makes, and invocations in a workgroup. */
const bufferTile = { rows: 4, columns: 4, lanes: 64 };
/** Outputs that one subgroup of 8 lanes makes, and lanes in a workgroup. */
const textureTile = { rows: 16, columns: 32, lanes: 16 };

function epilogue({ weight, bias, activation, accumulate }: MatmulOperands) {
  return {
    WEIGHT_TYPE: weightTypes[weight.type],
    HAS_BIAS: bias !== undefined,
    RELU: activation === "relu",
    ACCUMULATE: accumulate ?? false,
  };
}

/** Values of k in one texel of a packed weight. */
function stepOf(weight: Weight): number {
  return weight.type === "F32" ? 4 : 8;
}

function textureWorkgroups(rows: number, columns: number): [number, number] {
  const { rows: high, columns: wide, lanes } = textureTile;
  return [Math.ceil(rows / high), Math.ceil(Math.ceil(columns / wide) / (lanes / 8))];
}

/** Records the product with one part of a weight that lies in a buffer as stored. */
export function recordBufferMatmul(
  recorder: Recorder,
  operands: MatmulOperands,
  part: BufferPart,
): void {
  const { input, bias, output } = operands;
  const { rows, columns, lanes } = bufferTile;
  recorder.dispatch({
    shader: matmulShader,
    constants: { ...epilogue(operands), ROWS: rows, COLUMNS: columns, LANES: lanes },
    bindings: [
      input.device,
      part.weight,
      // Without a bias the kernel reads nothing from its binding; any buffer stands in.
      bias?.device ?? part.weight,
      output.device,
      part.shape,
    ],
    workgroups: [Math.ceil(part.rows / (columns * lanes)), Math.ceil(input.rows / rows)],
  });
}

/** Records the product with a weight that lies in a texture. */
export function recordTextureMatmul(
  recorder: Recorder,
  operands: MatmulOperands,
  part: TexturePart,
): void {
  const { input, weight, bias, output } = operands;
  inTexture(recorder, input, ({ view }) => {
    recorder.dispatch({
      shader: matmulTextureShader,
      constants: { ...epilogue(operands), STEP: stepOf(weight), LANES: textureTile.lanes },
      bindings: [
        view,
        part.view,
        bias?.device ?? part.shape, // stands in likewise
        output.device,
        part.shape,
      ],
      workgroups: textureWorkgroups(input.rows, weight.rows),
    });
  });
}

/**
 * Records silu(input · gateᵀ) · (input · upᵀ) into a texture.
 *
 * @param weights The gate's weight, whose shape and type the other shares.
 */
export function recordGatedTextureMatmul(
  recorder: Recorder,
  { input, rows, weights }: {
    readonly input: PooledTexture;
    readonly rows: number;
    readonly weights: Weight;
  },
  [gate, up]: readonly [TexturePart, TexturePart],
  output: PooledTexture,
): void {
  recorder.dispatch({
    shader: gatedMatmulTextureShader,
    constants: {
      WEIGHT_TYPE: weightTypes[weights.type],
      STEP: stepOf(weights),
      LANES: textureTile.lanes,
    },
    bindings: [input.view, gate.view, up.view, output.view, gate.shape],
    workgroups: textureWorkgroups(rows, weights.rows),
  });
}
