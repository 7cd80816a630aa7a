import assert from "node:assert/strict";
import fc from "fast-check";
import { type JsonValue, parseStrictJson } from "../../src/checkpoint/strict_json.ts";
import { failsWith } from "./made_files.ts";

/** The value as `JSON.parse` would give it. */
function plain(value: JsonValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
  }
  return value;
}

Deno.test("parseStrictJson() agrees with JSON.parse() on any well-formed JSON", () => {
  fc.assert(fc.property(fc.json({ maxDepth: 5 }), fc.nat(3), (text, indent) => {
    const spaced = JSON.stringify(JSON.parse(text), null, indent);
    fc.pre(spaced.isWellFormed() && !/\\ud[89a-f]/i.test(spaced));
    assert.deepEqual(plain(parseStrictJson(spaced, "text")), JSON.parse(spaced));
  }));
});

Deno.test("parseStrictJson() accepts nothing that JSON.parse() refuses", () => {
  const pieces = fc.constantFrom(...'{}[]",:\\u0019.-+eE tfn\n'.split(""), "true", "null", '"a"');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      let value: JsonValue;
      try {
        value = parseStrictJson(text, "text");
      } catch {
        return;
      }
      assert.deepEqual(plain(value), JSON.parse(text));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("parseStrictJson() keeps integers exact and tells them from other numbers", () => {
  assert.deepEqual(parseStrictJson("[9007199254740993, 1, 1.0, 1e0, -0]", "text"), [
    9007199254740993n,
    1n,
    1,
    1,
    -0,
  ]);
});

Deno.test("parseStrictJson() keeps keys such as __proto__ as plain members", () => {
  const value = parseStrictJson('{"__proto__": {"a": 1}}', "text") as ReadonlyMap<
    string,
    JsonValue
  >;
  assert.deepEqual([...value.keys()], ["__proto__"]);
  assert.equal(({} as { a?: number }).a, undefined);
});

Deno.test("parseStrictJson() refuses malformed text and says where", async (t) => {
  const malformed = ["", "{", "[1,]", '{"a"}', '{"a":}', "{a:1}", "01", "+1", ".5", "1.", "- 1"]
    .concat([
      "tru",
      "nul",
      "NaN",
      "Infinity",
      "'a'",
      '"a',
      '"\\x"',
      '"\n"',
      "1 2",
      "[] []",
      "\ufeff1",
    ])
    .concat(['"\\ud800"', "/* */ 1", "9".repeat(401), '"\\']);
  for (const text of malformed) {
    await t.step(
      JSON.stringify(text.slice(0, 20)),
      () =>
        failsWith(
          "checkpoint/bad-json",
          () => parseStrictJson(text, "text"),
          /at character [0-9]+$/,
        )
          .then(() => {}),
    );
  }
});

Deno.test("parseStrictJson() refuses duplicate keys, however they are written", async () => {
  await failsWith("checkpoint/duplicate-key", () => parseStrictJson('{"a":1,"b":2,"a":1}', "text"));
  await failsWith("checkpoint/duplicate-key", () => parseStrictJson('{"a":1,"\\u0061":1}', "text"));
});

Deno.test("parseStrictJson() refuses deep nesting without exhausting the stack", async () => {
  assert.ok(parseStrictJson("[".repeat(32) + "]".repeat(32), "text"));
  for (const open of ["[", '{"a":', '[{"a":']) {
    const text = open.repeat(100_000);
    await failsWith("checkpoint/json-too-deep", () => parseStrictJson(text, "text"));
  }
});

Deno.test("parseStrictJson() refuses more values than a header can hold", async () => {
  const text = `[${"null,".repeat(10_000_000)}null]`;
  await failsWith("checkpoint/json-too-large", () => parseStrictJson(text, "text"));
});
