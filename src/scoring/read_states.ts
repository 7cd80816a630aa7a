import type { ReadRows, ReadStates } from "../heads/head.ts";
import type { Reads } from "../heads/reads.ts";
import type { Backend } from "../ops/backend.ts";
import { gatherRows } from "../ops/gather_rows.ts";
import type { Matrix } from "../ops/matrix.ts";
import { meanRows } from "../ops/mean_rows.ts";
import type { ReadOfPack, ScoringPack } from "./packs/packs.ts";

/**
 * Divides a pack's final hidden states by what was read.
 *
 * @param hidden Final hidden states of the pooled rows, [pooled rows, hidden].
 * @returns The states, and the matrices to give back once they were used, `hidden` among them.
 */
export function readStates(
  backend: Backend,
  reads: Reads,
  pack: ScoringPack,
  hidden: Matrix,
): { readonly states: ReadStates; readonly matrices: readonly Matrix[] } {
  const all = Object.entries(pack.reads);
  const states = all.map(([name, read]): [string, Matrix] => {
    if (reads[name]!.at === "mean") return [name, meansOfMembers(backend, hidden, read)];
    // The rows of a read that is alone are all that were pooled.
    return [name, all.length === 1 ? hidden : chosenRows(backend, hidden, read.rows)];
  });
  const matrices = new Set([hidden, ...states.map(([, matrix]) => matrix)]);
  return { states: Object.fromEntries(states), matrices: [...matrices] };
}

/** The rows that each member of a pack has among the states of each read. */
export function rowsOfMembers(reads: Reads, pack: ScoringPack): ReadRows[] {
  const byRead = Object.entries(pack.reads);
  return pack.members.map((_, member) =>
    Object.fromEntries(byRead.map(([name, { members }]) => [
      name,
      reads[name]!.at === "mean" ? [member] : members[member]!,
    ]))
  );
}

/** Some rows of a matrix, in a matrix of their own. */
export function chosenRows(
  backend: Backend,
  input: Matrix,
  rows: Uint32Array<ArrayBuffer>,
): Matrix {
  const chosen = backend.uploadIndices(rows);
  const output = backend.matrix(rows.length, input.columns);
  backend.run(gatherRows, { input, rows: chosen, output });
  backend.release(chosen);
  return output;
}

/** The mean of each member's rows. */
function meansOfMembers(backend: Backend, input: Matrix, { rows, members }: ReadOfPack): Matrix {
  const chosen = members.map((places) => places.map((place) => rows[place]!));
  const starts = [0];
  for (const { length } of chosen) starts.push(starts.at(-1)! + length);
  const indices = [chosen.flat(), starts].map((list) =>
    backend.uploadIndices(Uint32Array.from(list))
  );
  const output = backend.matrix(members.length, input.columns);
  backend.run(meanRows, { input, rows: indices[0]!, starts: indices[1]!, output });
  backend.release(...indices);
  return output;
}
