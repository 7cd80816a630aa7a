import { ropeShader, ropeTextureShader } from "../../shaders/shaders.ts";
import type { Matrix } from "./matrix.ts";
import type { Operation } from "./operation.ts";
import { workgroupsFor } from "./workgroups.ts";

/** Operands of {@link rope}. */
export interface RopeOperands {
  /** [rows, heads · headDim] */
  readonly input: Matrix;
  /** [rows, headDim]: cosines of the row's position for each of the headDim/2 frequencies, then sines. */
  readonly angles: Matrix;
  /** [rows, heads · headDim]; another matrix than `input`. */
  readonly output: Matrix;
}

/** Rotary position embedding (Su et al. 2021) in the layout of transformers: halves apart. */
export const rope: Operation<RopeOperands> = {
  name: "rope",

  onCpu({ input, angles, output }): void {
    const headDim = angles.columns;
    const half = headDim / 2;
    const x = input.host;
    const y = output.host;
    const table = angles.host;
    for (let row = 0; row < input.rows; row++) {
      for (let head = 0; head < input.columns; head += headDim) {
        for (let i = 0; i < half; i++) {
          const at = row * input.columns + head + i;
          const cosine = table[row * headDim + i]!;
          const sine = table[row * headDim + half + i]!;
          y[at] = x[at]! * cosine - x[at + half]! * sine;
          y[at + half] = x[at + half]! * cosine + x[at]! * sine;
        }
      }
    }
  },

  onGpu(recorder, { input, angles, output }): void {
    recorder.dispatch({
      shader: output.texture === undefined ? ropeShader : ropeTextureShader,
      constants: { HEAD_DIM: angles.columns },
      bindings: [input.device, angles.device, output.texture?.view ?? output.device],
      workgroups: workgroupsFor((input.rows * input.columns) / 8, 64),
    });
  },
};
