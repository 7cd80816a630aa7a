import assert from "node:assert/strict";
import { errorPlaces, type Source, strayCodes } from "../../tools/docs/error_codes.ts";
import { sourceFiles } from "../structure/source_files.ts";

function places(text: string, ...more: Source[]): string[][] {
  return errorPlaces([{ path: "a.ts", text }, ...more]).map(({ code, message }) => [code, message]);
}

Deno.test("a code and its message are read, with what is filled in by name", () => {
  assert.deepEqual(
    places(
      'throw new AssayError(\n  "data/bad-row",\n  `Cannot read ${this.#name}: expected \\`a\\`, ` +\n' +
        '    `found ${row + 1} of ${list.map((x) => `"${x}"`).join(", ")}`,\n);\n',
    ),
    [["data/bad-row", "Cannot read <name>: expected `a`, found <row> of …"]],
  );
});

Deno.test("codes in comments, strings and regular expressions are no errors", () => {
  assert.deepEqual(
    places(
      '// new AssayError("a/b", "c")\nconst x = "new AssayError(\\"a/b\\")";\nx.match(/new AssayError("a\\/b")/);\n',
    ),
    [],
  );
});

Deno.test("a code that is chosen goes with the message that is chosen", () => {
  assert.deepEqual(
    places('throw new AssayError(a ? "x/one" : "x/two", a ? "first" : "second");\n'),
    [["x/one", "first"], ["x/two", "second"]],
  );
});

Deno.test("a function that makes errors is told by its calls", () => {
  const text = 'refuse("bad-size", "4 bytes", `${size} bytes`);\n' +
    "function refuse(code: string, expected: string, found: string): never {\n" +
    "  throw new AssayError(`x/${code}`, `expected ${expected}, found ${found}`);\n}\n";
  assert.deepEqual(places(text), [["x/bad-size", "expected 4 bytes, found <size> bytes"]]);
});

Deno.test("a method that takes a whole code is told by its calls in other files", () => {
  const text = "class A {\n  scoped(code: string, what: string): void {\n" +
    "    throw new AssayError(code, `Cannot ${what}`);\n  }\n}\n";
  const caller = { path: "b.ts", text: 'device.scoped("gpu/kernel", "compile", () => 1);\n' };
  assert.deepEqual(places(text, caller), [["gpu/kernel", "Cannot compile"]]);
});

Deno.test("a code that no error has is found", () => {
  const text = 'throw new AssayError("x/one", "first");\nconst lost = "x/two";\n';
  assert.deepEqual(strayCodes([{ path: "a.ts", text }]), ["x/two"]);
});

Deno.test("every code that the tests expect stands in the reference", async () => {
  const page = await Deno.readTextFile("docs/reference/errors.md");
  const known = new Set(
    [...page.matchAll(/^### ([a-z]+\/[a-z0-9-]+)$/gm)].map((match) => match[1]!),
  );
  const rooms = new Set([...known].map((code) => code.split("/")[0]));
  const expected = sourceFiles("tests", ["_test.ts"])
    .filter(({ path }) => !path.startsWith("tests/docs/"))
    .flatMap((
      { text },
    ) => [
      ...text.matchAll(/(?:code|codes?:|reject\w*\(|throws\w*\()[^\n]*?"([a-z]+\/[a-z0-9-]+)"/g),
    ])
    .map((match) => match[1]!)
    .filter((code) => rooms.has(code.split("/")[0]));
  // Stand-ins throw codes of their own, such as gpu/test; models/demo is a folder.
  const missing = [...new Set(expected)].filter((code) =>
    !known.has(code) && !/\/test$/.test(code) && code !== "models/demo"
  );
  assert.ok(expected.length > 20, `found only ${expected.length} codes in the tests`);
  assert.deepEqual(missing, []);
});
