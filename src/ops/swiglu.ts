import { swigluShader } from "../../shaders/shaders.ts";
import type { Matrix } from "./matrix.ts";
import type { Operation } from "./operation.ts";
import { workgroupsFor } from "./workgroups.ts";

/** Operands of {@link swiglu}. */
export interface SwigluOperands {
  /** [rows, columns]; holds the result afterwards. */
  readonly gate: Matrix;
  /** [rows, columns] */
  readonly up: Matrix;
}

/** SwiGLU (Shazeer 2020), in place: gate ← silu(gate) · up, silu(x) = x / (1 + e⁻ˣ). */
export const swiglu: Operation<SwigluOperands> = {
  name: "swiglu",

  onCpu({ gate, up }): void {
    const g = gate.host;
    const u = up.host;
    for (let i = 0; i < g.length; i++) g[i] = g[i]! / (1 + Math.exp(-g[i]!)) * u[i]!;
  },

  onGpu(recorder, { gate, up }): void {
    recorder.dispatch({
      shader: swigluShader,
      constants: {},
      bindings: [gate.device, up.device],
      workgroups: workgroupsFor((gate.rows * gate.columns) / 4, 64),
    });
  },
};
