import assert from "node:assert/strict";
import { LinesInTurn } from "../../tools/tests/lines_in_turn.ts";
import { testGroups } from "../../tools/tests/test_groups.ts";

Deno.test("every file of tests is in one group", () => {
  const files = [...filesUnder("tests")].filter((path) => path.endsWith("_test.ts"));
  const grouped = testGroups().flat().filter((path) => path.startsWith("tests/"));
  assert.deepEqual(grouped.toSorted(), files.toSorted());
});

function* filesUnder(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesUnder(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

Deno.test("lines of processes that run at once are printed one process after another", () => {
  const printed: string[] = [];
  const lines = new LinesInTurn(4, (line) => printed.push(line));
  lines.print(1, "b1");
  lines.print(0, "a1");
  assert.deepEqual(printed, ["a1"]);
  lines.print(2, "c1");
  lines.end(2);
  lines.print(3, "d1");
  lines.end(0);
  assert.deepEqual(printed, ["a1", "b1"]);
  lines.print(1, "b2");
  lines.print(3, "d2");
  lines.end(1);
  lines.print(3, "d3");
  lines.end(3);
  assert.deepEqual(printed, ["a1", "b1", "b2", "c1", "d1", "d2", "d3"]);
});
