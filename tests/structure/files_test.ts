import assert from "node:assert/strict";
import { publicModules, sourceFiles } from "./source_files.ts";

const sources = sourceFiles("src", [".ts"]);
const code = [
  ...sources,
  ...["tests", "tools", "examples", "bench"].flatMap((folder) => sourceFiles(folder, [".ts"])),
  ...sourceFiles("shaders", [".ts", ".wgsl"]),
];

/** Rooms that run in a browser as well; elsewhere in them Deno and Node are out of bounds. */
const browserRooms =
  /^src\/(numbers|checkpoint|merging|text|gpu|ops|models|heads|scoring|calibration|voting|evaluation|probing)\//;

/** The files of those rooms that look for Deno or Node, and do without where there is none. */
const denoFiles = [
  "src/checkpoint/file_system.ts",
  "src/checkpoint/hub/host_system.ts",
  "src/gpu/software_adapter.ts",
  "src/scoring/engines/dawn.ts",
];

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
}

Deno.test("code files are named in snake_case, by what they hold", () => {
  const offenders = code.map(({ path }) => path).filter((path) =>
    /(^|\/)(utils?|helpers?|common|misc)(\.|\/)/.test(path) ||
    !/^[a-z0-9_/]+\.(ts|wgsl)$/.test(path)
  );
  assert.deepEqual(offenders, []);
});

Deno.test("no code file is longer than 400 lines", () => {
  const long = code.filter(({ text }) => text.split("\n").length > 401).map(({ path }) => path);
  assert.deepEqual(long, []);
});

Deno.test("re-exports stand in the public modules only, and name what they export", () => {
  const barrels = [...publicModules().values()];
  const offenders = sources.filter(({ path, text }) =>
    /^export (type )?\*/m.test(text) ||
    !barrels.includes(path) && /^export (type )?\{[^}]*\} from /m.test(text)
  );
  assert.deepEqual(offenders.map(({ path }) => path), []);
});

Deno.test("deno.json exports every room's mod.ts", () => {
  const found = sources.map(({ path }) => path).filter((path) => /^src\/\w+\/mod\.ts$/.test(path));
  const exported = [...publicModules().values()].filter((path) => path.startsWith("src/"));
  assert.deepEqual(exported.toSorted(), found);
});

Deno.test("rooms that run in a browser use nothing of Deno or Node", () => {
  const offenders = sources.filter(({ path, text }) =>
    browserRooms.test(path) && !denoFiles.includes(path) &&
    /\bDeno\s*[.?]|\bprocess\.|\bBuffer\.|from "node:/.test(withoutComments(text))
  );
  assert.deepEqual(offenders.map(({ path }) => path), []);
});

/** The files elsewhere that look for Deno: where it starts the command line, and by themselves. */
const denoElsewhere = /^src\/(runtime\/|cli\/main\.ts$)/;

Deno.test("what a runtime gives is taken from the room runtime, so that commands run in Node", () => {
  const offenders = sources.filter(({ path, text }) =>
    !browserRooms.test(path) && !denoElsewhere.test(path) &&
    /\bDeno\s*[.?]/.test(withoutComments(text))
  );
  assert.deepEqual(offenders.map(({ path }) => path), []);
});

Deno.test("every shader is gathered in shaders/shaders.ts", () => {
  const gathered = code.find(({ path }) => path === "shaders/shaders.ts")?.text ?? "";
  const missing = sourceFiles("shaders", [".wgsl"]).filter(({ path }) =>
    !gathered.includes(`"./${path.slice("shaders/".length)}" with { type: "text" }`)
  );
  assert.deepEqual(missing.map(({ path }) => path), []);
});

Deno.test("a WGSL function stands in one file; what several shaders need is included", () => {
  const files = sourceFiles("shaders", [".wgsl"]).flatMap(({ path, text }) =>
    [...text.matchAll(/^fn (\w+)/gm)].map(([, name]) => ({ name: name!, path }))
  ).filter(({ name }) => name !== "main");
  // Those of which shaders.ts fills in one or another have the same functions.
  const place = (path: string): string =>
    path.replace(/\w+_(product|operand)s?\.wgsl$/, "*_$1s.wgsl");
  const several = [...Map.groupBy(files, ({ name }) => name)].filter(([, found]) =>
    new Set(found.map(({ path }) => place(path))).size > 1
  );
  assert.deepEqual(several.map(([name]) => name), []);
});
