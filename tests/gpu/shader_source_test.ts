import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { include, specialize } from "../../src/gpu/shader_source.ts";

Deno.test("specialize() sets constants of each type", () => {
  const source = "const A: u32 = 1u;\nconst B: bool = false;\nconst C: f32 = 1.0;\nlet a = A;\n";
  assert.equal(
    specialize(source, { A: 7, B: true, C: 1e-5 }),
    `const A: u32 = 7u;\nconst B: bool = true;\nconst C: f32 = ${
      Math.fround(1e-5)
    }f;\nlet a = A;\n`,
  );
});

Deno.test("specialize() writes an f32 that reads back as the same f32", () => {
  for (const value of [0.1, 1 / 3, 1e-38, 3.4028234e38, 1, 500000]) {
    const text = specialize("const X: f32 = 0.0;\n", { X: value });
    const written = /= (.*)f;/.exec(text)![1]!;
    assert.equal(Math.fround(Number(written)), Math.fround(value));
  }
});

Deno.test("specialize() refuses a constant that the shader does not declare", () => {
  assert.throws(
    () => specialize("const A: u32 = 1u;\n", { A: 1, TILE: 4 }),
    (error) => error instanceof AssayError && /TILE/.test(error.message),
  );
});

Deno.test("specialize() unrolls a marked loop with literal indices", () => {
  const source = [
    "const N: u32 = 2u;",
    "  // @unroll",
    "  for (var i = 0u; i < N + 1u; i += 1u) {",
    "    sum[i] += input[i * N];",
    "  }",
    "  done();",
    "",
  ].join("\n");
  const unrolled = specialize(source, { N: 2 });
  assert.equal(unrolled.match(/sum\[\du\]/g)?.join(" "), "sum[0u] sum[1u] sum[2u]");
  assert.ok(!unrolled.includes("for ("));
  assert.ok(unrolled.trimEnd().endsWith("done();"));
});

Deno.test("specialize() unrolls nested loops whose inner bound depends on the outer index", () => {
  const source = [
    "  // @unroll",
    "  for (var i = 0u; i < 3u; i += 1u) {",
    "    // @unroll",
    "    for (var j = 0u; j < i; j += 1u) {",
    "      pair(i, j);",
    "    }",
    "  }",
    "",
  ].join("\n");
  const pairs = specialize(source, {}).match(/pair\(\d+u, \d+u\)/g);
  assert.deepEqual(pairs, ["pair(1u, 0u)", "pair(2u, 0u)", "pair(2u, 1u)"]);
});

Deno.test("specialize() leaves an unmarked loop alone", () => {
  const source = "  for (var i = 0u; i < 3u; i += 1u) {\n    f(i);\n  }\n";
  assert.equal(specialize(source, {}), source);
});

Deno.test("include() puts a shared text in the place of the line that names it", () => {
  const shared = {
    "half.wgsl": "const N: u32 = 2u;\nfn half(x: f32) -> f32 { return x / 2.0; }\n",
  };
  const source = "// header\n// @include half.wgsl\n\nfn main() {}\n";
  const whole = include(source, shared);
  assert.equal(
    whole,
    "// header\nconst N: u32 = 2u;\nfn half(x: f32) -> f32 { return x / 2.0; }\n\nfn main() {}\n",
  );
  assert.match(specialize(whole, { N: 7 }), /^const N: u32 = 7u;$/m);
  assert.equal(
    include("no line // @include half.wgsl\n", shared),
    "no line // @include half.wgsl\n",
  );
});

Deno.test("include() refuses a name that no text has", () => {
  assert.throws(
    () => include("// @include halves.wgsl\n", { "half.wgsl": "" }),
    (error) =>
      error instanceof AssayError && error.code === "gpu/shader-include" &&
      /halves\.wgsl.*half\.wgsl/.test(error.message),
  );
});
