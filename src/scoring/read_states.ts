import type { ReadStates } from "../heads/head.ts";
import type { Backend } from "../ops/backend.ts";
import { gatherRows } from "../ops/gather_rows.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { ScoringPack } from "./packs/packs.ts";

/**
 * Divides a pack's final hidden states by what was read, for a head.
 *
 * @param hidden Final hidden states of the pooled rows, [pooled rows, hidden].
 * @returns The states, and the matrices to give back once the head has read them, `hidden` among them.
 */
export function readStates(
  backend: Backend,
  { reads }: ScoringPack,
  hidden: Matrix,
): { readonly states: ReadStates; readonly matrices: readonly Matrix[] } {
  const matrices = [hidden];
  const states = Object.entries(reads).map(([read, { rows }]) => {
    const output = chosenRows(backend, hidden, rows);
    if (output !== hidden) matrices.push(output);
    return [read, output];
  });
  return { states: Object.fromEntries(states), matrices };
}

/** Some rows of a matrix; the matrix itself where they are all of its rows in their order. */
export function chosenRows(
  backend: Backend,
  input: Matrix,
  rows: Uint32Array<ArrayBuffer>,
): Matrix {
  if (rows.length === input.rows && rows.every((row, i) => row === i)) return input;
  const chosen = backend.uploadIndices(rows);
  const output = backend.matrix(rows.length, input.columns);
  backend.run(gatherRows, { input, rows: chosen, output });
  backend.release(chosen);
  return output;
}
