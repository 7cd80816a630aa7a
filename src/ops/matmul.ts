import { matmulShader } from "../../shaders/shaders.ts";
import type { Matrix, Weight, WeightType } from "./matrix.ts";
import type { Operation } from "./operation.ts";

/** Operands of {@link matmul}. */
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
  /** [rows, outputs] */
  readonly output: Matrix;
}

/** The shader's names of the stored types. */
const weightTypes: Readonly<Record<WeightType, number>> = { F32: 0, F16: 1, BF16: 2 };

/** Outputs that one invocation makes, and invocations in a workgroup. */
const tile = { rows: 4, columns: 4, lanes: 64 };

/** Matrix product with a stored weight: activation(input · weightᵀ + bias), sums in f32. */
export const matmul: Operation<MatmulOperands> = {
  name: "matmul",

  onCpu({ input, weight, bias, activation, accumulate, output }): void {
    const inner = weight.columns;
    const x = input.host;
    const w = weight.host;
    const b = bias?.host;
    const y = output.host;
    for (let m = 0; m < input.rows; m++) {
      for (let n = 0; n < weight.rows; n++) {
        let sum = 0;
        for (let k = 0, i = m * inner, j = n * inner; k < inner; k++) sum += x[i + k]! * w[j + k]!;
        if (b !== undefined) sum += b[n]!;
        if (activation === "relu") sum = Math.max(sum, 0);
        const at = m * weight.rows + n;
        y[at] = accumulate ? y[at]! + sum : sum;
      }
    }
  },

  onGpu(recorder, { input, weight, bias, activation, accumulate, output }): void {
    const constants = {
      WEIGHT_TYPE: weightTypes[weight.type],
      HAS_BIAS: bias !== undefined,
      RELU: activation === "relu",
      ACCUMULATE: accumulate ?? false,
      ROWS: tile.rows,
      COLUMNS: tile.columns,
      LANES: tile.lanes,
    };
    for (const part of weight.parts) {
      recorder.dispatch({
        shader: matmulShader,
        constants,
        // Without a bias the kernel reads nothing from its binding; any buffer stands in.
        bindings: [
          input.device,
          part.weight,
          bias?.device ?? part.weight,
          output.device,
          part.part,
        ],
        workgroups: [
          Math.ceil(part.rows / (tile.columns * tile.lanes)),
          Math.ceil(input.rows / tile.rows),
        ],
      });
    }
  },
};
