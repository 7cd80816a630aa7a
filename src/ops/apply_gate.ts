import { applyGateShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import { activated, type Activation, activationConstants } from "./activation.ts";
import { Matrix } from "./matrix.ts";
import { expectApart, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { nanWhereOverflown } from "./overflow.ts";
import { recordTextureToRows } from "./texture_copies.ts";

/** Operands of {@link applyGate}. */
export interface ApplyGateOperands {
  /** [rows, columns], columns in multiples of 4; becomes the result. */
  readonly gate: Matrix;
  /** As `gate`; another matrix. */
  readonly input: Matrix;
  readonly activation: Activation;
}

const name = "apply_gate";

/** A gate in place: gate = activation(gate) · input, number by number. */
export const applyGate: Operation<ApplyGateOperands> = {
  name,

  check({ gate, input }): void {
    expectWhole(name, "the gate's columns", gate.columns, { least: 4, step: 4 });
    expectShape(name, "input", input, gate, "as the gate");
    expectApart(name, gate, { input });
  },

  onCpu({ gate, input, activation }): void {
    gate.host.forEach((x, i) => {
      gate.host[i] = activated(activation, nanWhereOverflown(x)) * input.host[i]!;
    });
  },

  onWasm({ kernels }, { gate, input, activation }): void {
    const { ACTIVATION } = activationConstants(activation);
    kernels.apply_gate(gate.address, input.address, gate.rows * gate.columns, ACTIVATION);
  },

  onGpu(recorder, { gate, input, activation }): void {
    const { pool } = recorder.device;
    const { rows, columns, texture } = input;
    const size = rows * columns * 4;
    let copy: Matrix | undefined;
    if (texture !== undefined) {
      copy = new Matrix(rows, columns, { buffer: pool.acquire(size, "record"), offset: 0, size });
      recordTextureToRows(recorder, texture, copy);
    }
    recorder.dispatch({
      shader: applyGateShader,
      constants: activationConstants(activation),
      bindings: [gate.device, (copy ?? input).device],
      workgroups: workgroupsFor((rows * columns) / 4, 64),
    });
    if (copy !== undefined) pool.release(copy.device.buffer);
  },
};
