import assert from "node:assert/strict";
import { heights, leaves, mayImport, roomOf } from "./rooms.ts";
import { type Import, importsOf, publicModules, sourceFiles } from "./source_files.ts";

const imports = await importsOf([
  ...sourceFiles("src", [".ts"]),
  ...sourceFiles("shaders", [".ts"]),
]);

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

Deno.test("no files import each other in a circle, types included", () => {
  const targets = Map.groupBy(
    imports.filter(({ to }) => to !== undefined),
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
