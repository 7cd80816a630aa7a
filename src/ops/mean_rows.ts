import { meanRowsShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import type { Indices, Matrix } from "./matrix.ts";
import { expectApart, expectLength, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";

/** Operands of {@link meanRows}. */
export interface MeanRowsOperands {
  /** [any, columns], columns in multiples of 4. */
  readonly input: Matrix;
  /** Rows of `input`, one group after another. */
  readonly rows: Indices;
  /** Where each group begins in `rows`, and where the last one ends; no group is empty. */
  readonly starts: Indices;
  /** [groups, columns]; another matrix than `input`. */
  readonly output: Matrix;
}

const name = "mean_rows";

/** Means of groups of rows: output[i] = mean of input[rows[j]] over j from starts[i] to starts[i + 1]. */
export const meanRows: Operation<MeanRowsOperands> = {
  name,

  check({ input, rows, starts, output }): void {
    const { columns } = input;
    expectWhole(name, "the input's columns", columns, { least: 4, step: 4 });
    expectWhole(name, "the number of rows", rows.length);
    expectLength(name, "starts", starts, output.rows + 1, "the output's rows and the end");
    expectShape(name, "output", output, { rows: output.rows, columns }, "the input's columns");
    expectApart(name, output, { input });
  },

  onCpu({ input, rows, starts, output }): void {
    const { columns } = input;
    const x = input.host;
    for (let i = 0; i < output.rows; i++) {
      const group = rows.host.subarray(starts.host[i], starts.host[i + 1]);
      for (let c = 0; c < columns; c++) {
        const sum = group.reduce((sum, row) => sum + x[row * columns + c]!, 0);
        output.host[i * columns + c] = sum / group.length;
      }
    }
  },

  onWasm({ kernels }, { input, rows, starts, output }): void {
    kernels.mean_rows(
      ...[input.address, input.columns, rows.address, starts.address] as const,
      ...[output.rows, output.address] as const,
    );
  },

  onGpu(recorder, { input, rows, starts, output }): void {
    recorder.dispatch({
      shader: meanRowsShader,
      constants: {},
      bindings: [input.device, rows.device, starts.device, output.device],
      workgroups: workgroupsFor((output.rows * output.columns) / 4, 64),
    });
  },
};
