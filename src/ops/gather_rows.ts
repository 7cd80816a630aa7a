import { gatherRowsShader } from "../../shaders/shaders.ts";
import type { Indices, Matrix } from "./matrix.ts";
import type { Operation } from "./operation.ts";
import { workgroupsFor } from "./workgroups.ts";

/** Operands of {@link gatherRows}. */
export interface GatherRowsOperands {
  /** [any, columns] */
  readonly input: Matrix;
  /** Rows of `input`, each less than its number of rows. */
  readonly rows: Indices;
  /** [rows.length, columns] */
  readonly output: Matrix;
}

/** Copies rows: output[i] = input[rows[i]]. */
export const gatherRows: Operation<GatherRowsOperands> = {
  name: "gather_rows",

  onCpu({ input, rows, output }): void {
    const { columns } = input;
    rows.host.forEach((row, i) => {
      output.host.set(input.host.subarray(row * columns, (row + 1) * columns), i * columns);
    });
  },

  onGpu(recorder, { input, rows, output }): void {
    recorder.dispatch({
      shader: gatherRowsShader,
      constants: {},
      bindings: [input.device, rows.device, output.device],
      workgroups: workgroupsFor((output.rows * output.columns) / 4, 64),
    });
  },
};
