import { matmulShader, matmulTextureShader } from "../../shaders/shaders.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { MatmulOperands } from "./matmul.ts";
import {
  type BufferPart,
  type Matrix,
  rowAlignment,
  type TexturePart,
  type WeightType,
} from "./matrix.ts";
import { recordRowsToTexture } from "./rows_to_texture.ts";

/** The shaders' names of the stored types. */
const weightTypes: Readonly<Record<WeightType, number>> = { F32: 0, F16: 1, BF16: 2 };

/** Outputs that one invocation makes, and invocations in a workgroup. */
const bufferTile = { rows: 4, columns: 4, lanes: 64 };
/** Outputs that one subgroup of 8 lanes makes, and lanes in a workgroup. */
const textureTile = { rows: 16, columns: 32, lanes: 16 };
/** Rows that go into one texture: bounds the copy beside the matrix. */
const rowsPerTexture = 16 * rowAlignment;

function sharedConstants({ weight, bias, activation, accumulate }: MatmulOperands) {
  return {
    WEIGHT_TYPE: weightTypes[weight.type],
    HAS_BIAS: bias !== undefined,
    RELU: activation === "relu",
    ACCUMULATE: accumulate ?? false,
  };
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
    constants: { ...sharedConstants(operands), ROWS: rows, COLUMNS: columns, LANES: lanes },
    // Without a bias the kernel reads nothing from its binding; any buffer stands in.
    bindings: [
      input.device,
      part.weight,
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
  const { rows, columns, lanes } = textureTile;
  const constants = {
    ...sharedConstants(operands),
    STEP: weight.type === "F32" ? 4 : 8,
    LANES: lanes,
  };
  const groups = Math.ceil(Math.ceil(weight.rows / columns) / (lanes / 8));
  for (const [from, to] of chunks(input, output)) {
    const texture = recordRowsToTexture(recorder, from);
    recorder.dispatch({
      shader: matmulTextureShader,
      constants,
      bindings: [
        texture.view,
        part.view,
        bias?.device ?? part.zeros,
        to.device,
        part.shape,
      ],
      workgroups: [Math.ceil(from.rows / rows), groups],
    });
    recorder.device.textures.release(texture);
  }
}

function* chunks(input: Matrix, output: Matrix): Generator<[Matrix, Matrix]> {
  for (let first = 0; first < input.rows; first += rowsPerTexture) {
    const count = Math.min(rowsPerTexture, input.rows - first);
    yield [input.view(first, count), output.view(first, count)];
  }
}
