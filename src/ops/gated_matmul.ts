import { swigluShader } from "../../shaders/shaders.ts";
import { type Recorder, workgroupsFor } from "../gpu/recorder.ts";
import { matmul } from "./matmul.ts";
import { activated, type Activation, activationConstants } from "./activation.ts";
import {
  recordGatedTextureMatmul,
  recordGatedTiledMatmul,
  tiledTogether,
} from "./products/matmul_kernels.ts";
import type { MatmulOperands } from "./products/matmul_operands.ts";
import { Matrix } from "./matrix.ts";
import { expectApart, expectRelation, expectShape, expectWhole } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { inTexture, recordRowsToTexture } from "./texture_copies.ts";
import { wasmTypes } from "./wasm_types.ts";
import type { Weight } from "./weight.ts";

/** Operands of {@link gatedMatmul}. */
export interface GatedMatmulOperands {
  /** [rows, inputs] */
  readonly input: Matrix;
  /** [outputs, inputs], outputs in multiples of 4. */
  readonly gate: Weight;
  /** [outputs, inputs]; of the gate's type, for the kernel that makes both products at once. */
  readonly up: Weight;
  /** [1, outputs] each: both or neither. */
  readonly gateBias?: Matrix | undefined;
  readonly upBias?: Matrix | undefined;
  /** `silu` by default. */
  readonly activation?: Activation | undefined;
  /** See {@link MatmulOperands.precision}. */
  readonly precision?: MatmulOperands["precision"];
  /** [rows, outputs]; another matrix than the others. */
  readonly output: Matrix;
}

const name = "gated_matmul";

/**
 * The gated half of a feed-forward block (Shazeer 2020, arXiv 2002.05202): activation(input · gateᵀ) ·
 * (input · upᵀ), with `silu` (SwiGLU) or with `gelu` or `gelu_tanh` (GEGLU).
 */
export const gatedMatmul: Operation<GatedMatmulOperands> = {
  name,

  check({ input, gate, up, gateBias, upBias, output }): void {
    const { rows: outputs, columns: inputs } = gate;
    expectWhole(name, "the gate's rows", outputs, { least: 4, step: 4 });
    expectShape(name, "up", up, gate, "as gate");
    expectShape(name, "input", input, { rows: input.rows, columns: inputs }, "the gate's columns");
    const both = (gateBias === undefined) === (upBias === undefined);
    const found = gateBias === undefined ? "upBias alone" : "gateBias alone";
    expectRelation(name, both, "gateBias and upBias both or neither", found);
    for (const [operand, bias] of Object.entries({ gateBias, upBias })) {
      if (bias === undefined) continue;
      expectShape(name, operand, bias, { rows: 1, columns: outputs }, "the gate's rows");
    }
    const expected = { rows: input.rows, columns: outputs };
    expectShape(name, "output", output, expected, "the input's rows, the gate's rows");
    expectApart(name, output, { input, gateBias, upBias });
  },

  onCpu({ input, gate, up, gateBias, upBias, activation = "silu", precision, output }): void {
    const linear = new Matrix(output.rows, output.columns, new Float32Array(output.host.length));
    matmul.onCpu({ input, weight: gate, bias: gateBias, precision, output });
    matmul.onCpu({ input, weight: up, bias: upBias, precision, output: linear });
    const g = output.host;
    const u = linear.host;
    for (let i = 0; i < g.length; i++) g[i] = activated(activation, g[i]!) * u[i]!;
  },

  onWasm(
    { kernels },
    { input, gate, up, gateBias, upBias, activation = "silu", output },
  ): void {
    kernels.gated_matmul(
      ...[input.address, input.rows, input.columns] as const,
      ...[gate.address, wasmTypes[gate.type], gate.rows, gateBias?.address ?? 0] as const,
      ...[up.address, wasmTypes[up.type], upBias?.address ?? 0] as const,
      activationConstants(activation).ACTIVATION,
      output.address,
    );
  },

  onGpu(recorder, operands): void {
    const { input, gate, up, gateBias, upBias, activation = "silu", precision, output } = operands;
    const tiled = tiledTogether(recorder, [gate, up]);
    if (tiled !== undefined) {
      const biases = [gateBias, upBias];
      const numbers = { input, weight: gate, biases, activation, precision, output };
      recordGatedTiledMatmul(recorder, numbers, tiled);
      return;
    }
    const [gatePart] = gate.parts;
    const [upPart] = up.parts;
    const fused = output.texture !== undefined && gate.type === up.type && gateBias === undefined;
    if (fused && gatePart?.layout === "texture" && upPart?.layout === "texture") {
      inTexture(recorder, input, (texture) => {
        const numbers = { input: texture, rows: input.rows, weights: gate, activation };
        recordGatedTextureMatmul(recorder, numbers, [gatePart, upPart], output.texture!);
      });
    } else {
      recordInSteps(recorder, operands);
    }
  },
};

/** Records the two products one after another, then what joins them. */
function recordInSteps(recorder: Recorder, operands: GatedMatmulOperands): void {
  const { input, gate, up, gateBias, upBias, activation = "silu", precision, output } = operands;
  const { pool } = recorder.device;
  const temporary = (): Matrix => {
    const size = output.rows * output.columns * 4;
    const storage = { buffer: pool.acquire(size, "record"), offset: 0, size };
    return new Matrix(output.rows, output.columns, storage);
  };
  const gated = output.texture === undefined ? output : temporary();
  const linear = temporary();
  matmul.onGpu(recorder, { input, weight: gate, bias: gateBias, precision, output: gated });
  matmul.onGpu(recorder, { input, weight: up, bias: upBias, precision, output: linear });
  recorder.dispatch({
    shader: swigluShader,
    constants: activationConstants(activation),
    bindings: [gated.device, linear.device],
    workgroups: workgroupsFor((output.rows * output.columns) / 4, 64),
  });
  pool.release(linear.device.buffer);
  if (output.texture !== undefined) {
    recordRowsToTexture(recorder, gated, output.texture);
    pool.release(gated.device.buffer);
  }
}
