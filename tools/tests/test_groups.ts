import { existsSync } from "node:fs";

/** Files that take as long as a room's tests together, and so are groups of their own, longest first. */
const longFiles = [
  "tests/scoring/same_bits_test.ts",
  "tests/scoring/parity_scores_test.ts",
  "tests/scoring/kept_prefix_test.ts",
  "tests/models/parity_test.ts",
];

/** Rooms that come before the others, for the time that their tests take. */
const longRooms = ["scoring", "ops", "models", "cli", "server"];

/** What else holds tests or examples. */
const examples = ["src", "mod.ts", "README.md", "docs"];

/**
 * What runs in one process: a long file, a room's other tests, or the examples in the documentation.
 * The longest come first, so that none is left alone at the end.
 */
export function testGroups(): string[][] {
  const rooms = [...Deno.readDirSync("tests")].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name).sort();
  const ordered = new Set([...longRooms.filter((room) => rooms.includes(room)), ...rooms]);
  return [
    ...longFiles.map((file) => [file]),
    ...[...ordered].map((room) => testFiles(`tests/${room}`)),
    examples.filter((path) => existsSync(path)),
  ].filter((group) => group.length > 0);
}

/** A folder's tests, those of folders in it too, but for the long files. */
function testFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return testFiles(path);
    return name.endsWith("_test.ts") && !longFiles.includes(path) ? [path] : [];
  }).sort();
}
