import { logSoftmaxSliceShader } from "../../shaders/shaders.ts";
import type { Indices, Matrix } from "./matrix.ts";
import {
  expectApart,
  expectLength,
  expectRelation,
  expectShape,
  expectSoftcap,
  expectWhole,
} from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { softCapped } from "./soft_cap.ts";
import { nanWhereOverflown } from "./overflow.ts";

/** Operands of {@link logSoftmaxSlice}. */
export interface LogSoftmaxSliceOperands {
  /** [rows, columns], at most 65535 rows: logits of some consecutive tokens. */
  readonly logits: Matrix;
  /** The token of each row whose probability is wanted. */
  readonly targets: Indices;
  /** The first token of the slice, and `logits.columns`. */
  readonly slice: Indices;
  /** What logits are multiplied by first; 1 by default. */
  readonly scale?: number | undefined;
  /** c of c · tanh(logit / c), which they go through then; 0, the default, for none. */
  readonly softcap?: number | undefined;
  /** [rows, 4]: highest logit, Σ exp(logit − highest), the target's logit; the fourth is not used. */
  readonly state: Matrix;
}

const name = "log_softmax_slice";

/**
 * Takes one slice of the vocabulary into a log-softmax over all of it: after the last slice, log p =
 * target's logit − highest − log Σ. Slices come in order; the slice of token 0 starts the state anew.
 */
export const logSoftmaxSlice: Operation<LogSoftmaxSliceOperands> = {
  name,

  check({ logits, targets, slice, scale = 1, softcap = 0, state }): void {
    const { rows, columns } = logits;
    expectWhole(name, "the logits' columns", columns);
    // A workgroup takes a row; WebGPU has so many at the most in one dimension.
    expectRelation(name, rows <= 65535, "logits of at most 65535 rows", `${rows} × ${columns}`);
    expectLength(name, "targets", targets, rows, "one for each row of the logits");
    expectLength(name, "slice", slice, 2, "its first token and its number of tokens");
    expectShape(name, "state", state, { rows, columns: 4 }, "the logits' rows");
    expectApart(name, state, { logits });
    expectRelation(name, scale > 0 && scale < Infinity, "a positive scale", `${scale}`);
    expectSoftcap(name, softcap);
  },

  onCpu({ logits, targets, slice, scale = 1, softcap = 0, state }): void {
    const { rows, columns } = logits;
    const [first] = slice.host;
    const z = logits.host.map((logit) => softCapped(scale * nanWhereOverflown(logit), softcap));
    for (let row = 0; row < rows; row++) {
      const of = state.host.subarray(4 * row, 4 * row + 4);
      const [before, sumBefore] = first === 0 ? [-Infinity, 0] : [of[0]!, of[1]!];
      let highest = before;
      for (let j = 0; j < columns; j++) highest = Math.max(highest, z[row * columns + j]!);
      let sum = sumBefore * Math.exp(before - highest);
      for (let j = 0; j < columns; j++) sum += Math.exp(z[row * columns + j]! - highest);
      const place = targets.host[row]! - first!;
      const isHere = place >= 0 && place < columns;
      of.set([highest, sum, isHere ? z[row * columns + place]! : first === 0 ? 0 : of[2]!, 0]);
    }
  },

  onWasm(
    { kernels, memory },
    { logits, targets, slice, scale = 1, softcap = 0, state },
  ): void {
    const [first] = memory.uint32(slice.address, 1);
    kernels.log_softmax_slice(
      ...[logits.address, logits.rows, logits.columns, targets.address] as const,
      ...[first!, scale, softcap, state.address] as const,
    );
  },

  onGpu(recorder, { logits, targets, slice, scale = 1, softcap = 0, state }): void {
    recorder.dispatch({
      shader: logSoftmaxSliceShader,
      constants: { SCALE: scale, SOFTCAP: softcap },
      bindings: [logits.device, targets.device, slice.device, state.device],
      workgroups: [logits.rows],
    });
  },
};
