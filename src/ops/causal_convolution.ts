import { causalConvolutionShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import { activated, activationConstants } from "./activation.ts";
import type { Indices, Matrix } from "./matrix.ts";
import { expectApart, expectLength, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";

/** Operands of {@link causalConvolution}. */
export interface CausalConvolutionOperands {
  /** [rows, columns]; a conversation's rows lie one after another, none of them is shared. */
  readonly input: Matrix;
  /** What each column is convolved with, oldest row first, [columns, taps]. */
  readonly weights: Matrix;
  /** Four numbers for each row, as attention has them: the first is its position in its conversation. */
  readonly spans: Indices;
  /** As `input`; another matrix than the others. */
  readonly output: Matrix;
}

const name = "causal_convolution";

/**
 * A short convolution of each column by itself, over a row and those before it in its conversation, then
 * SiLU: output[t, c] = silu(Σ weights[c, j] · input[t − taps + 1 + j, c]), zeros before the first row.
 */
export const causalConvolution: Operation<CausalConvolutionOperands> = {
  name,

  check({ input, weights, spans, output }): void {
    const { rows, columns } = input;
    expectWhole(name, "the taps", weights.columns);
    const expected = { rows: columns, columns: weights.columns };
    expectShape(name, "weights", weights, expected, "the input's columns");
    expectLength(name, "spans", spans, 4 * rows, "four for each row");
    expectShape(name, "output", output, input, "as input");
    expectApart(name, output, { input, weights });
  },

  onCpu({ input, weights, spans, output }): void {
    const { rows, columns } = input;
    const taps = weights.columns;
    for (let row = 0; row < rows; row++) {
      const least = Math.max(0, taps - 1 - spans.host[4 * row]!);
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let j = least; j < taps; j++) {
          sum += weights.host[c * taps + j]! * input.host[(row - taps + 1 + j) * columns + c]!;
        }
        output.host[row * columns + c] = activated("silu", sum);
      }
    }
  },

  onWasm(engine, { input, weights, spans, output }): void {
    const { kernels } = engine;
    engine.reserveScratch(kernels.convolution_scratch(weights.columns));
    kernels.causal_convolution(
      ...[input.address, input.rows, input.columns, weights.address] as const,
      ...[weights.columns, spans.address, output.address] as const,
    );
  },

  onGpu(recorder, { input, weights, spans, output }): void {
    recorder.dispatch({
      shader: causalConvolutionShader,
      constants: { ...activationConstants("silu"), TAPS: weights.columns },
      bindings: [input.device, weights.device, spans.device, output.device],
      workgroups: workgroupsFor(output.rows * output.columns, 64),
    });
  },
};
