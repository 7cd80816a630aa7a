import { scatterRowsShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import type { Indices, Matrix } from "./matrix.ts";
import { expectApart, expectLength, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";

/** Operands of {@link scatterRows}. */
export interface ScatterRowsOperands {
  /** [rows.length, columns], columns in multiples of 4. */
  readonly input: Matrix;
  /** Rows of `output`, each less than its number of rows, none of them twice. */
  readonly rows: Indices;
  /** What each row is multiplied by, [rows.length, 1]. */
  readonly weights: Matrix;
  /** [any, columns]; another matrix than the others. */
  readonly output: Matrix;
}

const name = "scatter_rows";

/** Adds weighted rows where they belong: output[rows[i]] += weights[i] · input[i]. */
export const scatterRows: Operation<ScatterRowsOperands> = {
  name,

  check({ input, rows, weights, output }): void {
    const { rows: count, columns } = input;
    expectWhole(name, "the input's columns", columns, { least: 4, step: 4 });
    expectLength(name, "rows", rows, count, "the input's rows");
    expectShape(name, "weights", weights, { rows: count, columns: 1 }, "one for each row");
    expectShape(name, "output", output, { rows: output.rows, columns }, "the input's columns");
    expectApart(name, output, { input, weights });
  },

  onCpu({ input, rows, weights, output }): void {
    const { columns } = input;
    const [x, y] = [input.host, output.host];
    rows.host.forEach((row, i) => {
      const weight = weights.host[i]!;
      for (let c = 0; c < columns; c++) y[row * columns + c]! += weight * x[i * columns + c]!;
    });
  },

  onWasm({ kernels }, { input, rows, weights, output }): void {
    kernels.scatter_rows(
      ...[input.address, input.rows, input.columns, rows.address] as const,
      ...[weights.address, output.address] as const,
    );
  },

  onGpu(recorder, { input, rows, weights, output }): void {
    recorder.dispatch({
      shader: scatterRowsShader,
      constants: {},
      bindings: [input.device, rows.device, weights.device, output.device],
      workgroups: workgroupsFor((input.rows * input.columns) / 4, 64),
    });
  },
};
