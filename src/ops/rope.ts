import { ropeShader, ropeTextureShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import type { Matrix } from "./matrix.ts";
import { expectApart, expectRelation, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";

/** Operands of {@link rope}. */
export interface RopeOperands {
  /** [rows, heads · headDim] */
  readonly input: Matrix;
  /**
   * [rows, turned], turned a multiple of 8: cosines of the row's position for each of the turned/2
   * frequencies, then sines.
   */
  readonly angles: Matrix;
  /**
   * Numbers of a head, a multiple of 8; by default as many as are turned. Of larger heads the numbers
   * from `turned` on go through as they are (partial rotary embedding, as in GPT-NeoX).
   */
  readonly headDim?: number | undefined;
  /** [rows, heads · headDim]; another matrix than `input`. */
  readonly output: Matrix;
}

const name = "rope";

/** Rotary position embedding (Su et al. 2021) in the layout of transformers: halves apart. */
export const rope: Operation<RopeOperands> = {
  name,

  check({ input, angles, headDim = angles.columns, output }): void {
    const { rows, columns: turned } = angles;
    expectWhole(name, "the columns of angles", turned, { least: 8, step: 8 });
    expectWhole(name, "headDim", headDim, { least: turned, step: 8 });
    expectRelation(
      name,
      input.rows === rows && input.columns > 0 && input.columns % headDim === 0,
      `input to have ${rows} rows (those of angles) of heads of ${headDim}`,
      `${input.rows} × ${input.columns}`,
    );
    expectShape(name, "output", output, input, "as input");
    expectApart(name, output, { input, angles });
  },

  onCpu({ input, angles, headDim = angles.columns, output }): void {
    const { columns: turned } = angles;
    const half = turned / 2;
    const x = input.host;
    const y = output.host;
    const table = angles.host;
    for (let row = 0; row < input.rows; row++) {
      for (let head = 0; head < input.columns; head += headDim) {
        for (let i = 0; i < half; i++) {
          const at = row * input.columns + head + i;
          const cosine = table[row * turned + i]!;
          const sine = table[row * turned + half + i]!;
          y[at] = x[at]! * cosine - x[at + half]! * sine;
          y[at + half] = x[at + half]! * cosine + x[at]! * sine;
        }
        const start = row * input.columns + head;
        y.set(x.subarray(start + turned, start + headDim), start + turned);
      }
    }
  },

  onWasm({ kernels }, { input, angles, headDim = angles.columns, output }): void {
    kernels.rope(
      ...[input.address, input.rows, input.columns] as const,
      ...[angles.address, angles.columns, headDim, output.address] as const,
    );
  },

  onGpu(recorder, { input, angles, headDim = angles.columns, output }): void {
    recorder.dispatch({
      shader: output.texture === undefined ? ropeShader : ropeTextureShader,
      constants: { HEAD_DIM: headDim, PASSED_DIM: headDim - angles.columns },
      bindings: [input.device, angles.device, output.texture?.view ?? output.device],
      workgroups: workgroupsFor((input.rows * input.columns) / 8, 64),
    });
  },
};
