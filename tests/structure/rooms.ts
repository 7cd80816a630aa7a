/**
 * The order of rooms: the one place that the test of imports, the picture in ARCHITECTURE.md and the
 * test of that picture share.
 *
 * @module
 */

/** How high each room lies; a room imports only what lies lower, and the leaves. */
export const heights: Readonly<Record<string, number>> = {
  gpu: 0,
  wasm: 0, // the WebAssembly engine
  shaders: 1, // the shaders' texts
  merging: 1, // arithmetic on checkpoints, no GPU
  ops: 2,
  models: 3,
  heads: 3,
  scoring: 4,
  calibration: 4,
  voting: 4,
  evaluation: 4,
  probing: 4, // changes of texts, and what they do to scores
  fitting: 5, // fits with the formulas of calibration and voting
  data: 4,
  tasks: 6, // what commands and programs share: joins all of the above
  fleet: 7, // past one machine
  server: 8,
  cli: 9, // starts the server
};

/** Rooms that import no other room and that every room may import. */
export const leaves: readonly string[] = ["numbers", "runtime", "checkpoint", "text"];

/** Rooms that must stay usable without a GPU: of the others they import the leaves alone. */
export const withoutGpu: readonly string[] = [
  "merging",
  "calibration",
  "voting",
  "evaluation",
  "probing",
];

/** Every room, the leaves too. */
export const rooms: readonly string[] = [...leaves, ...Object.keys(heights)];

/** `src/text/mod.ts` → `text`; `src/error.ts` and `mod.ts` lie in no room. */
export function roomOf(path: string): string | undefined {
  const [top, room, file] = path.split("/");
  if (top === "shaders") return "shaders";
  return top === "src" && file !== undefined ? room : undefined;
}

/** Whether files of one room may import files of another. */
export function mayImport(from: string, to: string): boolean {
  if (from === to || leaves.includes(to)) return from === to || !leaves.includes(from);
  if (leaves.includes(from) || withoutGpu.includes(from)) return false;
  return heights[to]! < heights[from]!;
}
