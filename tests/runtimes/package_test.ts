/** The npm package: what is in it, its types, and every module and command in Node, Bun and Chromium. */
import assert from "node:assert/strict";
import { join } from "node:path";
import ts from "typescript";
import { config } from "../../tools/configuration.ts";
import measured from "../../tools/docs/runtimes.json" with { type: "json" };
import { testWhere } from "../requirement.ts";
import type { Cell } from "./compare_outcomes.ts";
import { installedPackage } from "./installed_package.ts";
import { gpuKernels, measuredRuntimes } from "./measure_runtimes.ts";
import { repository } from "./run_programs.ts";
import { findRuntime } from "./runtimes.ts";
import { missingAdapter } from "./same_adapter.ts";

/** The largest that the package may be, packed and unpacked: a tenth more than it is. */
const mostBytes = { packed: 1_820_000, unpacked: 7_500_000 };

Deno.test("the package holds modules, types and licences, and no more", async () => {
  const { packed, packageFolder } = await installedPackage();
  const foreign = packed.files.filter((path) =>
    !/^(dist\/[\w.-]+\.js|types\/(mod|(src|shaders)\/[\w/]+)\.d\.ts)$/.test(path) &&
    !["package.json", "README.md", "LICENSE", "THIRD_PARTY_LICENSES.txt"].includes(path)
  );
  assert.deepEqual(foreign, []);
  assert.ok(packed.packedBytes < mostBytes.packed, `${packed.packedBytes} bytes packed`);
  assert.ok(packed.bytes < mostBytes.unpacked, `${packed.bytes} bytes unpacked`);
  const manifest = JSON.parse(await Deno.readTextFile(join(packageFolder, "package.json")));
  assert.equal(manifest.version, config.version);
  assert.deepEqual(Object.keys(manifest.exports), [
    ...Object.keys(config.exports),
    "./package.json",
  ]);
  assert.equal(manifest.dependencies, undefined, "all that it needs is in it");
});

Deno.test("the package names no place of the machine that built it", async () => {
  const { packed, packageFolder } = await installedPackage();
  const places = [repository, Deno.env.get("HOME")!, "/.cache/", "registry.npmjs.org"];
  for (const path of packed.files) {
    const text = await Deno.readTextFile(join(packageFolder, path));
    for (const place of places) assert.ok(!text.includes(place), `${path} names ${place}`);
  }
});

Deno.test("every package whose code is bundled is listed with its licence", async () => {
  const { packageFolder } = await installedPackage();
  const text = await Deno.readTextFile(join(packageFolder, "THIRD_PARTY_LICENSES.txt"));
  const listed = new Set([...text.matchAll(/^(\S+) [\d.]+ \((.+)\)$/gm)].map(([, name]) => name));
  for (const name of ["hono", "valibot", "@huggingface/tokenizers", "commander", "hyparquet"]) {
    assert.ok(listed.has(name), name);
  }
  for (const [, name, licence] of text.matchAll(/^(\S+) [\d.]+ \((.+)\)$/gm)) {
    assert.match(licence!, /^(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|0BSD|Unlicense)$/, name);
  }
});

Deno.test("a TypeScript program finds the types of every module", async () => {
  const { folder } = await installedPackage();
  const source = join(folder, "program.ts");
  const modules = Object.keys(config.exports).map((name, i) =>
    `import * as module${i} from "@assay/assay${name.slice(1)}"; export { module${i} };`
  );
  await Deno.writeTextFile(
    source,
    `${modules.join("\n")}
import { RewardModel } from "@assay/assay";
const model = await RewardModel.load("folder");
const score: number | null = (await model.score([]))[0]!.score;
// @ts-expect-error: types are there only if this is found to be wrong.
const wrong: string = model.maxTokens;
export { score, wrong };
`,
  );
  const program = ts.createProgram([source], {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts"],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  });
  // TypeScript's own types of a browser have no WebGPU before 6.0: nothing of it is named by users.
  const found = ts.getPreEmitDiagnostics(program)
    .map(({ messageText, file }) =>
      `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
    ).filter((message) => !/types\/src\/.*: Cannot find name 'GPU\w*'/.test(message));
  assert.deepEqual(found, []);
});

/** The columns that the gate holds; `deno task runtimes` runs the others too. */
const held = ["Node 24", "Bun 1.4", "Chromium"];

for (const { name, missing, measure, measureGpu } of measuredRuntimes) {
  if (!held.includes(name)) continue;
  const table = (measured as Record<string, Record<string, Cell>>)[name]!;
  const { [gpuKernels]: ofGpu, ...expected } = table;
  testWhere(missing, `every module and command does in ${name} what the table says`, async () => {
    const cells = JSON.parse(JSON.stringify(await measure()));
    assert.deepEqual(cells, expected, "see deno task runtimes");
  });
  // In one runtime: Bun loads the same Dawn, and a tile takes seconds to compile.
  if (measureGpu === undefined || name !== "Node 24") continue;
  testWhere(
    missing ?? missingAdapter,
    `the kernels of GPUs give in ${name} what they give in Deno, on the same adapter`,
    async () => {
      assert.deepEqual(ofGpu, { loads: true, same: ["score"], near: [], missing: [] });
      assert.deepEqual(await measureGpu(), ofGpu, "see deno task runtimes");
    },
  );
}

for (const [name, oldest] of [["node", 24], ["bun", 1]] as const) {
  const { program, missing } = await findRuntime(name, oldest);
  testWhere(missing, `assay serve answers in ${name} and ends in order`, async () => {
    const { command, env } = await installedPackage();
    const model = join(repository, "tests/golden/parity/llama");
    const child = new Deno.Command(program!, {
      args: [command, "serve", model, "--port", "0"],
      env,
      clearEnv: true,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = child.stderr.pipeThrough(new TextDecoderStream());
    let text = "";
    for await (const piece of said.values({ preventCancel: true })) {
      text += piece;
      if (/at http:\S+\n/.test(text)) break;
    }
    const address = /at (http:\S+)/.exec(text)?.[1];
    assert.ok(address, text);
    const answer = await fetch(`${address}/v1/score`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ rows: [{ prompt: "Hi", response: "Hello" }] }),
    });
    const { rows: [row] } = await answer.json();
    assert.equal(typeof row.score, "number", JSON.stringify(row));
    child.kill("SIGTERM");
    await said.cancel();
    assert.equal((await child.status).code, 0);
    assert.equal(await new Response(child.stdout).text(), "");
  });
}
