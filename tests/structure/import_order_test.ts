import assert from "node:assert/strict";
import { type Import, importsOf, publicModules, sourceFiles } from "./source_files.ts";

/** How high each room lies; a room imports only what lies lower, and the leaves. */
const heights: Readonly<Record<string, number>> = {
  gpu: 0,
  shaders: 1, // the shaders' texts
  merging: 1, // arithmetic on checkpoints, no GPU
  ops: 2,
  models: 3,
  heads: 3,
  scoring: 4,
  calibration: 4,
  voting: 4,
  evaluation: 4,
  fitting: 5, // fits with the formulas of calibration and voting
  data: 4,
  tasks: 6, // what commands and programs share: joins all of the above
  cli: 7,
};

/** Rooms that import no other room and that every room may import. */
const leaves = ["numbers", "checkpoint", "text"];

/** Rooms that must stay usable without a GPU: of the others they import the leaves alone. */
const withoutGpu = ["merging", "calibration", "voting", "evaluation"];

const imports = await importsOf([
  ...sourceFiles("src", [".ts"]),
  ...sourceFiles("shaders", [".ts"]),
]);

/** `src/text/mod.ts` → `text`; `src/error.ts` and `mod.ts` lie in no room. */
function roomOf(path: string): string | undefined {
  const [top, room, file] = path.split("/");
  if (top === "shaders") return "shaders";
  return top === "src" && file !== undefined ? room : undefined;
}

function mayImport(from: string, to: string): boolean {
  if (from === to || leaves.includes(to)) return from === to || !leaves.includes(from);
  if (leaves.includes(from) || withoutGpu.includes(from)) return false;
  return heights[to]! < heights[from]!;
}

function listed(offenders: readonly Import[]): string[] {
  return offenders.map(({ from, specifier }) => `${from} imports ${specifier}`);
}

Deno.test("every room has a place in the order of rooms", () => {
  const rooms = new Set(imports.flatMap(({ from }) => roomOf(from) ?? []));
  const unknown = [...rooms].filter((room) => !(room in heights) && !leaves.includes(room));
  assert.deepEqual(unknown, []);
  assert.ok(rooms.has("gpu") && rooms.has("checkpoint"), "the rooms were not found");
});

Deno.test("rooms import downwards only", () => {
  const offenders = imports.filter(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to ?? "")];
    return here !== undefined && there !== undefined && !mayImport(here, there);
  });
  assert.deepEqual(listed(offenders), []);
});

Deno.test("no room imports the command line: what others need of it belongs in tasks", () => {
  const offenders = imports.filter(({ from, to }) =>
    roomOf(from) !== "cli" && roomOf(to ?? "") === "cli"
  );
  assert.deepEqual(listed(offenders), []);
});

Deno.test("the files that lie in no room import no room", () => {
  const offenders = imports.filter(({ from, to }) =>
    from !== "mod.ts" && roomOf(from) === undefined && roomOf(to ?? "") !== undefined
  );
  assert.deepEqual(listed(offenders), []);
});

Deno.test("source files import one another by path, never through a barrel", () => {
  const barrels = [...publicModules().values()];
  const offenders = imports.filter(({ from, to, specifier }) =>
    from.startsWith("src/") &&
    (barrels.includes(to ?? "") || specifier.startsWith("@assay/assay"))
  );
  assert.deepEqual(listed(offenders), []);
});

Deno.test("packages are imported through the import map or as node: modules", () => {
  const offenders = imports.filter(({ specifier }) => /^(https?|npm|jsr):/.test(specifier));
  assert.deepEqual(listed(offenders), []);
});

/**
 * Imports of types that close a circle which is still to be untied, by another hand; nothing is to be
 * added.
 */
const knownCircles: readonly string[] = [
  "src/calibration/warnings.ts → src/calibration/diagnostics.ts",
  "src/cli/vote/linear_voters.ts → src/cli/vote/voter_source.ts",
  "src/scoring/verdict.ts → src/scoring/reward_model.ts",
];

Deno.test("no files import each other in a circle, types included", () => {
  const targets = Map.groupBy(
    imports.filter(({ from, to, typeOnly }) =>
      to !== undefined && !(typeOnly && knownCircles.includes(`${from} → ${to}`))
    ),
    ({ from }) => from,
  );
  const finished = new Set<string>();
  const circleThrough = (path: readonly string[]): string | undefined => {
    const here = path.at(-1)!;
    if (path.indexOf(here) < path.length - 1) return path.slice(path.indexOf(here)).join(" → ");
    if (finished.has(here)) return undefined;
    for (const { to } of targets.get(here) ?? []) {
      const circle = circleThrough([...path, to!]);
      if (circle !== undefined) return circle;
    }
    finished.add(here);
    return undefined;
  };
  assert.deepEqual([...targets.keys()].flatMap((file) => circleThrough([file]) ?? []), []);
});
