/**
 * `deno task wasm`: compiles the AssemblyScript of `wasm/` and writes the modules, which are in the tree,
 * as text that every runtime and bundler can import. `--check` fails where they are not what the source
 * compiles to: the compiler's version is exact, and its output the same on every machine.
 *
 * @module
 */
import asc from "assemblyscript/asc";

/** A module that is built: its entry in `wasm/`, and what the runtime must have. */
interface Build {
  /** What is exported is this name and `Module`. */
  readonly name: string;
  readonly entry: string;
  readonly features: readonly string[];
  readonly flags: readonly string[];
}

const always = ["simd", "bulk-memory"];
/** The kernels import a shared memory of up to 4 GiB; the first KiB is the team's control block. */
const kernelFlags = ["--importMemory", "--initialMemory", "1", "--maximumMemory", "65536"];
const kernels = {
  entry: "kernels.ts",
  flags: [...kernelFlags, "--sharedMemory", "--noExportMemory", "--memoryBase", "1024"],
};

/** Pages of 64 KiB that two blocks of rows and their products take. */
const blockFlags = ["--initialMemory", "9", "--maximumMemory", "9"];

/** Pages that rows of weights, their scales and whole numbers take. */
const quantizeFlags = ["--initialMemory", "40", "--maximumMemory", "40", "--memoryBase", "512"];

/** The modules, by the files that they are written to. */
const files: Readonly<Record<string, readonly Build[]>> = {
  "src/wasm/modules.ts": [
    { name: "relaxed", ...kernels, features: [...always, "threads", "relaxed-simd"] },
    { name: "strict", ...kernels, features: [...always, "threads"] },
  ],
  "src/wasm/block_product_module.ts": [
    { name: "blockProduct", entry: "block_product.ts", features: always, flags: blockFlags },
  ],
  "src/wasm/quantize_groups_module.ts": [
    {
      name: "quantizeGroups",
      entry: "quantize_groups.ts",
      features: always,
      flags: quantizeFlags,
    },
  ],
};

async function compile({ entry, features, flags }: Build): Promise<Uint8Array<ArrayBuffer>> {
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main([
    ...[entry, "--outFile", "module.wasm", "-O3", "--noAssert", "--runtime", "stub"],
    ...["--enable", features.join(), "--use", "abort=", ...flags],
  ], {
    readFile: (name: string) => Deno.readTextFile(`wasm/${name}`).catch(() => null),
    writeFile: (name: string, content: string | Uint8Array) => {
      if (name === "module.wasm") binary = Uint8Array.from(content as Uint8Array);
    },
    listFiles: () => [],
  });
  const messages = stderr.toString();
  if (error !== null || binary === undefined) {
    console.error(messages);
    throw error ?? new Error(`no module came of wasm/${entry}`);
  }
  const warnings = messages.split("\n\n").filter((text) => /WARNING (?!AS112)/.test(text));
  if (warnings.length > 0) console.error(warnings.join("\n\n"));
  return binary;
}

async function written(builds: readonly Build[]): Promise<string> {
  const parts = [
    "// Written by `deno task wasm` from `wasm/`; the gate builds it again and compares.",
    "// deno-fmt-ignore-file",
    "",
  ];
  for (const build of builds) {
    const bytes = await compile(build);
    console.error(`${build.name}: ${bytes.byteLength} bytes`);
    parts.push(
      `/** \`wasm/${build.entry}\` with ${build.features.join(", ")}, in base64. */`,
      `export const ${build.name}Module =\n  "${bytes.toBase64()}";`,
      "",
    );
  }
  return parts.join("\n");
}

for (const [file, builds] of Object.entries(files)) {
  const text = await written(builds);
  if (!Deno.args.includes("--check")) await Deno.writeTextFile(file, text);
  else if (await Deno.readTextFile(file) !== text) {
    console.error(`${file} is not what wasm/ compiles to: run \`deno task wasm\``);
    Deno.exitCode = 1;
  }
}
