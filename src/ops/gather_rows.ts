import { gatherRowsShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import type { Indices, Matrix } from "./matrix.ts";
import { expectApart, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";

/** Operands of {@link gatherRows}. */
export interface GatherRowsOperands {
  /** [any, columns], columns in multiples of 4. */
  readonly input: Matrix;
  /** Rows of `input`, each less than its number of rows. */
  readonly rows: Indices;
  /** [rows.length, columns]; another matrix than `input`. */
  readonly output: Matrix;
}

const name = "gather_rows";

/** Copies rows: output[i] = input[rows[i]]. */
export const gatherRows: Operation<GatherRowsOperands> = {
  name,

  check({ input, rows, output }): void {
    const { columns } = input;
    expectWhole(name, "the input's columns", columns, { least: 4, step: 4 });
    const expected = { rows: rows.length, columns };
    expectShape(name, "output", output, expected, "the number of rows, the input's columns");
    expectApart(name, output, { input });
  },

  onCpu({ input, rows, output }): void {
    const { columns } = input;
    rows.host.forEach((row, i) => {
      output.host.set(input.host.subarray(row * columns, (row + 1) * columns), i * columns);
    });
  },

  onWasm({ memory }, { input, rows, output }): void {
    const bytes = 4 * input.columns;
    const all = new Uint8Array(memory.memory.buffer);
    memory.uint32(rows.address, rows.length).forEach((row, i) => {
      const from = input.address + row * bytes;
      all.copyWithin(output.address + i * bytes, from, from + bytes);
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
