import { logSoftmaxTileShader } from "../../shaders/shaders.ts";
import type { Indices, Matrix } from "./matrix.ts";
import type { Operation } from "./operation.ts";

/** Operands of {@link logSoftmaxTile}. */
export interface LogSoftmaxTileOperands {
  /** [rows, columns]: logits of some consecutive tokens. */
  readonly logits: Matrix;
  /** The token of each row whose probability is wanted. */
  readonly targets: Indices;
  /** The first token of the tile, and `logits.columns`. */
  readonly tile: Indices;
  /** [rows, 4]: highest logit, Σ exp(logit − highest), the target's logit; the fourth is not used. */
  readonly state: Matrix;
}

/**
 * Takes one tile of the vocabulary into a log-softmax over all of it: after the last tile, log p =
 * target's logit − highest − log Σ. Tiles come in order; the tile of token 0 starts the state anew.
 */
export const logSoftmaxTile: Operation<LogSoftmaxTileOperands> = {
  name: "log_softmax_tile",

  onCpu({ logits, targets, tile, state }): void {
    const { rows, columns } = logits;
    const [first] = tile.host;
    const z = logits.host;
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

  onGpu(recorder, { logits, targets, tile, state }): void {
    recorder.dispatch({
      shader: logSoftmaxTileShader,
      constants: {},
      bindings: [logits.device, targets.device, tile.device, state.device],
      workgroups: [logits.rows],
    });
  },
};
