/** The picture in ARCHITECTURE.md shows every room, and no import but those that the order allows. */
import assert from "node:assert/strict";
import { heights, leaves, mayImport, roomOf, rooms } from "./rooms.ts";
import { importsOf, repository, sourceFiles } from "./source_files.ts";

const page = await Deno.readTextFile(new URL("ARCHITECTURE.md", repository));
const picture = /^```mermaid\n([^]*?)^```$/m.exec(page)?.[1] ?? "";
const arrows = [...picture.matchAll(/^ *(\w+) --> (\w+)$/gm)].map(([, from, to]) => [from!, to!]);
const alone = [...picture.matchAll(/^ {4}(\w+)$/gm)].map(([, room]) => room!);

/** The rooms that can be reached from one along the arrows. */
function reachedFrom(room: string, reached: Set<string> = new Set()): Set<string> {
  for (const [from, to] of arrows) {
    if (from !== room || reached.has(to!)) continue;
    reached.add(to!);
    reachedFrom(to!, reached);
  }
  return reached;
}

Deno.test("every line of the picture is understood", () => {
  const rest = picture.split("\n").filter((line) =>
    !/^( *\w+ --> \w+| {4}\w+|graph TD| {2}subgraph leaves \[.*\]| {2}end|)$/.test(line)
  );
  assert.deepEqual(rest, []);
});

Deno.test("the picture shows every room, and the leaves apart", () => {
  const drawn = new Set([...arrows.flat(), ...alone]);
  assert.deepEqual([...drawn].sort(), [...rooms].sort());
  assert.deepEqual(alone.toSorted(), [...leaves].sort());
});

Deno.test("no arrow of the picture runs against the order of rooms", () => {
  const against = arrows.filter(([from, to]) => !mayImport(from!, to!));
  assert.deepEqual(against.map((arrow) => arrow.join(" --> ")), []);
});

Deno.test("every import between rooms follows the arrows of the picture", async () => {
  const imports = await importsOf([
    ...sourceFiles("src", [".ts"]),
    ...sourceFiles("shaders", [".ts"]),
  ]);
  const uncovered = new Set<string>();
  for (const { from, to } of imports) {
    const [here, there] = [roomOf(from), roomOf(to ?? "")];
    if (here === undefined || there === undefined || here === there) continue;
    if (leaves.includes(there) || reachedFrom(here).has(there)) continue;
    uncovered.add(`${here} --> ${there}`);
  }
  assert.deepEqual([...uncovered], []);
});

Deno.test("the table of rooms names every room once", () => {
  const named = [...page.matchAll(/^\| `(\w+)` +\|/gm)].map(([, room]) => room!);
  assert.deepEqual(named.toSorted(), [...leaves, ...Object.keys(heights)].sort());
});
