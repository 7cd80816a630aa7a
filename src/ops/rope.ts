import { ropeShader } from "../../shaders/shaders.ts";
import type { Matrix } from "./matrix.ts";
import type { Operation } from "./operation.ts";
import { workgroupsFor } from "./workgroups.ts";

/** Operands of {@link rope}. */
export interface RopeOperands {
  /** [rows, heads · headDim], turned in place. */
  readonly values: Matrix;
  /** [rows, headDim]: cosines of the row's position for each of the headDim/2 frequencies, then sines. */
  readonly angles: Matrix;
}

/** Rotary position embedding (Su et al. 2021) in the layout of transformers: halves apart. */
export const rope: Operation<RopeOperands> = {
  name: "rope",

  onCpu({ values, angles }): void {
    const headDim = angles.columns;
    const half = headDim / 2;
    const x = values.host;
    const table = angles.host;
    for (let row = 0; row < values.rows; row++) {
      for (let head = 0; head < values.columns; head += headDim) {
        for (let i = 0; i < half; i++) {
          const at = row * values.columns + head + i;
          const cosine = table[row * headDim + i]!;
          const sine = table[row * headDim + half + i]!;
          const low = x[at]!;
          const high = x[at + half]!;
          x[at] = low * cosine - high * sine;
          x[at + half] = high * cosine + low * sine;
        }
      }
    }
  },

  onGpu(recorder, { values, angles }): void {
    recorder.dispatch({
      shader: ropeShader,
      constants: { HEAD_DIM: angles.columns },
      bindings: [values.device, angles.device],
      workgroups: workgroupsFor((values.rows * values.columns) / 8, 64),
    });
  },
};
