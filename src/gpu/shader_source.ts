import { AssayError } from "../error.ts";

/** A value that a shader's `const` declaration can be given. */
export type ShaderConstant = number | boolean;

/** Names and values of the `const` declarations to set. */
export type ShaderConstants = Readonly<Record<string, ShaderConstant>>;

/** A kernel's name (for messages) and its whole text. */
export interface Shader {
  readonly name: string;
  readonly source: string;
}

const includeLine = /^\/\/ @include (\S+)$/gm;

/**
 * Puts the texts that several shaders share in the place of the lines that name them:
 * `// @include NAME` at the start of a line. Included texts include nothing themselves; the constants
 * that they declare are set like a shader's own, by {@link specialize}.
 *
 * @param texts The texts by name.
 * @throws {AssayError} `gpu/shader-include` for a name that is not among them.
 */
export function include(source: string, texts: Readonly<Record<string, string>>): string {
  return source.replace(includeLine, (_, name: string) => {
    const text = texts[name];
    if (text !== undefined) return text.trimEnd();
    throw new AssayError(
      "gpu/shader-include",
      `Cannot include "${name}" in a shader: expected one of ${Object.keys(texts).join(", ")}`,
    );
  });
}

/**
 * The lines that enable what a shader uses: half precision, and subgroups with their matrices where the
 * compiler wants that (Tint does, naga does not know the lines).
 */
export function enabling(source: string, subgroups: boolean): string {
  const half = source.includes("<f16>") ? "enable f16;\n" : "";
  if (!subgroups || !/\bsubgroup[A-Z]\w*\(/.test(source)) return half;
  const matrix = usesSubgroupMatrix(source)
    ? "enable chromium_experimental_subgroup_matrix;\n"
    : "";
  return `${half}enable subgroups;\n${matrix}`;
}

/** Whether a shader multiplies on matrix units, which Tint alone compiles. */
export function usesSubgroupMatrix(source: string): boolean {
  return source.includes("subgroupMatrix");
}

const declaration = /^const (\w+): (u32|i32|f32|bool) = ([^;]+);/gm;
const unrolledLoop =
  /^[ \t]*\/\/ @unroll\n([ \t]*)for \(var (\w+) = ([^;]+); \w+ < ([^;]+); \w+ \+= 1u\) \{\n/m;

/**
 * Fits a shader to its use: sets its constants and unrolls its marked loops. Beside {@link include}
 * this is the one mechanism by which shader text is changed; before and after it, the text is plain
 * WGSL.
 *
 * 1. `const NAME: type = default;` at the start of a line takes the value given for `NAME`.
 * 2. A loop `for (var i = A; i < B; i += 1u) {` under a line `// @unroll` is written out once for
 *    each i, in a block of its own, with `i` a literal. A and B are arithmetic on literals and
 *    constants. naga keeps every loop and its bound check, and spills arrays that a variable
 *    indexes to memory; literal indices keep them in registers.
 *
 * @throws {AssayError} `gpu/shader-constant` for a constant that the shader does not declare.
 */
export function specialize(source: string, constants: ShaderConstants): string {
  const text = setConstants(source, constants);
  return unroll(text, constantValues(text));
}

function setConstants(source: string, constants: ShaderConstants): string {
  const missing = new Set(Object.keys(constants));
  const text = source.replace(declaration, (whole, name: string, type: string) => {
    const value = constants[name];
    if (value === undefined) return whole;
    missing.delete(name);
    return `const ${name}: ${type} = ${literal(value, type)};`;
  });
  if (missing.size > 0) {
    throw new AssayError(
      "gpu/shader-constant",
      `Cannot specialize a shader: it declares no constant ${[...missing].join(", ")}`,
    );
  }
  return text;
}

function literal(value: ShaderConstant, type: string): string {
  if (typeof value === "boolean") return String(value);
  if (type === "u32") return `${value}u`;
  if (type === "i32") return `${value}i`;
  // The shortest decimal of the rounded value reads back as that same f32.
  return `${Math.fround(value)}f`;
}

function constantValues(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const [, name, type, value] of text.matchAll(declaration)) {
    if (type === "u32" || type === "i32") values.set(name!, evaluate(value!, values));
  }
  return values;
}

/** Integer arithmetic on literals and constants, by grammar: no text is ever run as a program. */
function evaluate(expression: string, values: ReadonlyMap<string, number>): number {
  const tokens = expression.match(/\d+|\w+|[()+*/-]/g) ?? [];
  let at = 0;
  const term = (): number => {
    const token = tokens[at++];
    if (token === "(") {
      const inner = sum();
      at++;
      return inner;
    }
    const value = /^\d/.test(token ?? "") ? parseInt(token!) : values.get(token ?? "");
    if (token === undefined || value === undefined || Number.isNaN(value)) {
      throw new AssayError("gpu/shader-constant", `Cannot evaluate "${expression}" in a shader`);
    }
    if (/^[ui]$/.test(tokens[at] ?? "")) at++; // the suffix of a literal
    return value;
  };
  const product = (): number => {
    let value = term();
    while (tokens[at] === "*" || tokens[at] === "/") {
      value = tokens[at++] === "*" ? value * term() : Math.floor(value / term());
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (tokens[at] === "+" || tokens[at] === "-") {
      value = tokens[at++] === "+" ? value + product() : value - product();
    }
    return value;
  };
  return sum();
}

/** Writes out the marked loops, outermost first, so that an inner bound may use an outer index. */
function unroll(text: string, values: ReadonlyMap<string, number>): string {
  for (;;) {
    const loop = unrolledLoop.exec(text);
    if (loop === null) return text;
    const [head, indent, index, from, to] = loop;
    const bodyStart = loop.index + head.length;
    const bodyEnd = closingBrace(text, bodyStart);
    const body = text.slice(bodyStart, bodyEnd);
    const name = new RegExp(`\\b${index}\\b`, "g");
    let written = "";
    for (let i = evaluate(from!, values); i < evaluate(to!, values); i++) {
      written += `${indent}{\n${body.replace(name, `${i}u`)}}\n`;
    }
    text = text.slice(0, loop.index) + written + text.slice(text.indexOf("\n", bodyEnd) + 1);
  }
}

function closingBrace(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  throw new AssayError("gpu/shader-constant", "Cannot unroll a loop in a shader: it has no end");
}
