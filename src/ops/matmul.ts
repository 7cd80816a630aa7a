import type { Operation } from "./operation.ts";
import { roundedToHalf } from "./half_precision.ts";
import { nanWhereOverflown } from "./overflow.ts";
import { recordTextureMatmul, recordTiledMatmul } from "./products/matmul_kernels.ts";
import { wasmTypes } from "./wasm_types.ts";
import { checkMatmul, type MatmulOperands } from "./products/matmul_operands.ts";

/** Matrix product with a stored weight: activation(input · weightᵀ + bias), sums in f32. */
export const matmul: Operation<MatmulOperands> = {
  name: "matmul",
  check: checkMatmul,

  onCpu({ input, weight, bias, activation, accumulate, precision, output }): void {
    const inner = weight.columns;
    const half = precision === "f16";
    const x = half ? roundedToHalf(input.host) : input.host;
    const w = half ? roundedToHalf(weight.host) : weight.host;
    const b = bias?.host;
    const y = output.host;
    for (let m = 0; m < input.rows; m++) {
      for (let n = 0; n < weight.rows; n++) {
        let sum = 0;
        for (let k = 0, i = m * inner, j = n * inner; k < inner; k++) sum += x[i + k]! * w[j + k]!;
        if (b !== undefined) sum += b[n]!;
        if (activation === "relu") sum = Math.max(nanWhereOverflown(sum), 0);
        const at = m * weight.rows + n;
        y[at] = accumulate ? y[at]! + sum : sum;
      }
    }
  },

  onWasm(
    { kernels },
    { input, weight, bias, activation, accumulate = false, output },
  ): void {
    kernels.matmul(
      ...[input.address, input.rows, input.columns] as const,
      ...[weight.address, wasmTypes[weight.type], weight.rows] as const,
      ...[bias?.address ?? 0, activation === "relu" ? 1 : 0, Number(accumulate)] as const,
      output.address,
    );
  },

  onGpu(recorder, operands): void {
    for (const part of operands.weight.parts) {
      if (part.layout === "texture") recordTextureMatmul(recorder, operands, part);
      else recordTiledMatmul(recorder, operands, part);
    }
  },
};
