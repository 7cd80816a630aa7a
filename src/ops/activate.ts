import { activateShader, activateTextureShader } from "../../shaders/shaders.ts";
import { workgroupsFor } from "../gpu/recorder.ts";
import { activated, type Activation, activationConstants } from "./activation.ts";
import type { Matrix } from "./matrix.ts";
import { expectApart, expectShape } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { nanWhereOverflown } from "./overflow.ts";

/** Operands of {@link activate}. */
export interface ActivateOperands {
  readonly input: Matrix;
  readonly activation: Activation;
  /** As `input`; another matrix. */
  readonly output: Matrix;
}

const name = "activate";

/** An activation of each number: output = activation(input). */
export const activate: Operation<ActivateOperands> = {
  name,

  check({ input, output }): void {
    expectShape(name, "output", output, input, "as input");
    expectApart(name, output, { input });
  },

  onCpu({ input, activation, output }): void {
    input.host.forEach((x, i) => {
      output.host[i] = activated(activation, nanWhereOverflown(x));
    });
  },

  onWasm({ kernels }, { input, activation, output }): void {
    const { ACTIVATION } = activationConstants(activation);
    kernels.activate(input.address, input.rows * input.columns, ACTIVATION, output.address);
  },

  onGpu(recorder, { input, activation, output }): void {
    const { texture } = output;
    const numbers = input.rows * input.columns;
    recorder.dispatch({
      shader: texture === undefined ? activateShader : activateTextureShader,
      constants: activationConstants(activation),
      bindings: [input.device, texture?.view ?? output.device],
      workgroups: workgroupsFor(texture === undefined ? numbers : numbers / 4, 64),
    });
  },
};
