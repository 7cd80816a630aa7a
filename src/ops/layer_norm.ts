import { layerNormShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import type { Matrix } from "./matrix.ts";
import { expectApart, expectPadding, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { nanWhereOverflown } from "./overflow.ts";

/** Operands of {@link layerNorm}. */
export interface LayerNormOperands {
  /** [rows, columns], columns in multiples of 4. */
  readonly input: Matrix;
  /** [1, columns] */
  readonly weight: Matrix;
  /** [1, columns]; some models' norms have none. */
  readonly bias?: Matrix | undefined;
  readonly epsilon: number;
  /**
   * How many columns, the last ones, are zeros that stand there as padding and don't count in mean and
   * variance; none by default.
   */
  readonly padding?: number | undefined;
  /** [rows, columns]; another matrix than `input`, and not in a texture. */
  readonly output: Matrix;
}

const name = "layer_norm";

/**
 * Layer norm of each row (Ba, Kiros and Hinton 2016, arXiv 1607.06450):
 * (x − mean(x)) / sqrt(variance(x) + ε) · weight + bias, the variance with divisor n; the bias may be left
 * out.
 */
export const layerNorm: Operation<LayerNormOperands> = {
  name,

  check({ input, weight, bias, padding = 0, output }): void {
    const { columns } = input;
    expectWhole(name, "the input's columns", columns, { least: 4, step: 4 });
    expectPadding(name, padding, columns);
    expectShape(name, "weight", weight, { rows: 1, columns }, "the input's columns");
    if (bias !== undefined) {
      expectShape(name, "bias", bias, { rows: 1, columns }, "the input's columns");
    }
    expectShape(name, "output", output, input, "as input");
    expectApart(name, output, { input, weight, bias });
  },

  onCpu({ input, weight, bias, epsilon, padding = 0, output }): void {
    const { columns } = input;
    const count = columns - padding;
    const x = input.host;
    const y = output.host;
    for (let start = 0; start < x.length; start += columns) {
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += x[start + c]!;
      const mean = nanWhereOverflown(sum) / count;
      let squares = 0;
      for (let c = 0; c < count; c++) squares += (x[start + c]! - mean) ** 2;
      const scale = 1 / Math.sqrt(nanWhereOverflown(squares) / count + epsilon);
      for (let c = 0; c < columns; c++) {
        y[start + c] = (x[start + c]! - mean) * scale * weight.host[c]! + (bias?.host[c] ?? 0);
      }
    }
  },

  onWasm({ kernels }, { input, weight, bias, epsilon, padding = 0, output }): void {
    kernels.layer_norm(
      ...[input.address, input.rows, input.columns, weight.address] as const,
      ...[bias?.address ?? 0, epsilon, padding, output.address] as const,
    );
  },

  onGpu(recorder, { input, weight, bias, epsilon, padding = 0, output }): void {
    recorder.dispatch({
      shader: layerNormShader,
      constants: { EPSILON: epsilon, BIASED: bias !== undefined, PADDING: padding },
      bindings: [input.device, weight.device, (bias ?? weight).device, output.device],
      workgroups: workgroupsFor(input.rows, 1),
    });
  },
};
