import type { Precision } from "../../gpu/precision.ts";
import type { Matrix } from "../matrix.ts";
import { expectApart, expectShape } from "../operand_checks.ts";
import type { Weight } from "../weight.ts";

/** Operands of the operation `matmul`. */
export interface MatmulOperands {
  /** [rows, inputs] */
  readonly input: Matrix;
  /** [outputs, inputs] */
  readonly weight: Weight;
  /** [1, outputs], added to each row. */
  readonly bias?: Matrix | undefined;
  /** Applied after the bias. */
  readonly activation?: "relu" | undefined;
  /** Whether the result is added to `output` (the residual stream) instead of replacing it. */
  readonly accumulate?: boolean | undefined;
  /**
   * In what numbers the input and the weight are multiplied: `f16` rounds both, on backends whose
   * {@link Backend.precision} it is. Sums are f32.
   */
  readonly precision?: Precision | undefined;
  /** [rows, outputs]; another matrix than `input` and `bias`. */
  readonly output: Matrix;
}

const name = "matmul";

/** @throws {AssayError} `ops/shape` where the operands of a product don't belong together. */
export function checkMatmul({ input, weight, bias, output }: MatmulOperands): void {
  const { rows: outputs, columns: inputs } = weight;
  expectShape(name, "input", input, { rows: input.rows, columns: inputs }, "the weight's columns");
  if (bias !== undefined) {
    expectShape(name, "bias", bias, { rows: 1, columns: outputs }, "the weight's rows");
  }
  const expected = { rows: input.rows, columns: outputs };
  expectShape(name, "output", output, expected, "the input's rows, the weight's rows");
  expectApart(name, output, { input, bias });
}
