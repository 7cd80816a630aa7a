import { softmaxGateShader } from "../../shaders/shaders.ts";
import type { Matrix } from "./matrix.ts";
import { expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { nanWhereOverflown } from "./overflow.ts";

/** Operands of {@link softmaxGate}. */
export interface SoftmaxGateOperands {
  /** [rows, objectives]; holds the gate's weights afterwards. */
  readonly logits: Matrix;
  readonly temperature: number;
  readonly logitScale: number;
}

const name = "softmax_gate";

/** ArmoRM's gate, in place: softmax(logits / temperature) · logitScale, by row. */
export const softmaxGate: Operation<SoftmaxGateOperands> = {
  name,

  check({ logits }): void {
    expectWhole(name, "the logits' rows", logits.rows);
    expectWhole(name, "the logits' columns", logits.columns);
  },

  onCpu({ logits, temperature, logitScale }): void {
    const { columns } = logits;
    const z = logits.host;
    for (let start = 0; start < z.length; start += columns) {
      let highest = -Infinity;
      for (let j = 0; j < columns; j++) highest = Math.max(highest, z[start + j]!);
      let total = 0;
      for (let j = 0; j < columns; j++) {
        total += z[start + j] = Math.exp(
          (nanWhereOverflown(z[start + j]!) - highest) / temperature,
        );
      }
      for (let j = 0; j < columns; j++) z[start + j] = z[start + j]! / total * logitScale;
    }
  },

  onWasm({ kernels }, { logits, temperature, logitScale }): void {
    kernels.softmax_gate(
      ...[logits.address, logits.rows, logits.columns, temperature, logitScale] as const,
    );
  },

  onGpu(recorder, { logits, temperature, logitScale }): void {
    recorder.dispatch({
      shader: softmaxGateShader,
      constants: {
        OBJECTIVES: logits.columns,
        TEMPERATURE: temperature,
        LOGIT_SCALE: logitScale,
      },
      bindings: [logits.device],
      workgroups: [Math.ceil(logits.rows / 64)],
    });
  },
};
