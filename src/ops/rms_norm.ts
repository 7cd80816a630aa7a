import { rmsNormShader, rmsNormTextureShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import type { Matrix } from "./matrix.ts";
import {
  expectApart,
  expectPadding,
  expectRelation,
  expectShape,
  expectWhole,
} from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { nanWhereOverflown } from "./overflow.ts";

/** Operands of {@link rmsNorm}. */
export interface RmsNormOperands {
  /** [rows, columns], columns in multiples of 4. */
  readonly input: Matrix;
  /** [1, columns] */
  readonly weight: Matrix;
  readonly epsilon: number;
  /**
   * How many columns are zeros that stand there as padding and don't count in the mean; none by default.
   */
  readonly padding?: number | undefined;
  /** Whether the result is added to `output` (the residual stream), which then is no operand. */
  readonly accumulate?: boolean | undefined;
  /** [rows, columns]; another matrix than `input`. */
  readonly output: Matrix;
}

const name = "rms_norm";

/** Rows that a workgroup of the texture kernel takes, 8 lanes each. */
const rowsPerWorkgroup = 4;

/** Root mean square norm of each row (Zhang and Sennrich 2019): x / sqrt(mean(x²) + ε) · weight. */
export const rmsNorm: Operation<RmsNormOperands> = {
  name,

  check({ input, weight, padding = 0, accumulate = false, output }): void {
    const { columns } = input;
    expectWhole(name, "the input's columns", columns, { least: 4, step: 4 });
    expectPadding(name, padding, columns);
    expectShape(name, "weight", weight, { rows: 1, columns }, "the input's columns");
    expectShape(name, "output", output, input, "as input");
    expectApart(name, output, { input, weight });
    const isReadable = !accumulate || output.texture === undefined;
    expectRelation(name, isReadable, "an output in rows to add to", "one for operands");
  },

  onCpu({ input, weight, epsilon, padding = 0, accumulate = false, output }): void {
    const { columns } = input;
    const count = columns - padding;
    const x = input.host;
    const g = weight.host;
    const y = output.host;
    for (let start = 0; start < x.length; start += columns) {
      let squares = 0;
      for (let c = 0; c < columns; c++) squares += x[start + c]! ** 2;
      const scale = 1 / Math.sqrt(nanWhereOverflown(squares) / count + epsilon);
      for (let c = 0; c < columns; c++) {
        const value = x[start + c]! * scale * g[c]!;
        y[start + c] = accumulate ? y[start + c]! + value : value;
      }
    }
  },

  onWasm(
    { kernels },
    { input, weight, epsilon, padding = 0, accumulate = false, output },
  ): void {
    kernels.rms_norm(
      ...[input.address, input.rows, input.columns, weight.address] as const,
      ...[epsilon, padding, Number(accumulate), output.address] as const,
    );
  },

  onGpu(recorder, { input, weight, epsilon, padding = 0, accumulate = false, output }): void {
    const { texture } = output;
    recorder.dispatch({
      shader: texture === undefined ? rmsNormShader : rmsNormTextureShader,
      constants: {
        EPSILON: epsilon,
        PADDING: padding,
        ...(texture === undefined ? { ACCUMULATE: accumulate } : {}),
      },
      bindings: [input.device, weight.device, texture?.view ?? output.device],
      workgroups: workgroupsFor(input.rows, texture === undefined ? 1 : rowsPerWorkgroup),
    });
  },
};
