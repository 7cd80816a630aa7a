/**
 * `deno task gpu:pack`: puts what a bare machine with a GPU lacks into `.gpu/`: Deno, its cache of
 * packages, ONNX Runtime Web as a peer, and the Vulkan loader. To be run where npm and apt work.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { sha256 } from "../../src/numbers/sha256.ts";
import { run } from "../../tools/command.ts";
import { dawnPackage } from "../../src/scoring/engines/dawn.ts";
import { installPeers, packagesFolder, peerPackages } from "../peers/packages.ts";
import { testedPaths } from "./gpu_tests.ts";
import { commitOf, packedFile } from "./results.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const kit = join(root, ".gpu");
const packagesFile = "deno_dir.tar.xz";

const usage = `Usage: deno task gpu:pack [--dry-run] [--dawn] [--limit MIB]

Packs what a bare x86-64 Linux machine with a GPU lacks into .gpu/, where npm and apt work.

  --dry-run     tell what would be packed
  --dawn        pack Dawn, for the step matrix_unit, in place of ONNX Runtime Web
  --limit MIB   most that .gpu/ and the tree may take together (default 64)
`;

/** The loader and OpenGL's dispatch libraries, which a driver may be linked to. */
const loader = [
  "libvulkan1",
  "libegl1",
  "libglvnd0",
  "libopengl0",
  "libgl1",
  "libglx0",
  "libgles2",
];
/** X11's libraries, for drivers that are linked to those. */
const x11 = ["libx11-6", "libxext6", "libxcb1", "libxau6", "libxdmcp6", "libbsd0", "libmd0"];

/** What ONNX Runtime Web needs in Deno. */
const peerFiles = ["ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"];

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Runs a command; its last line is the error where it fails. */
async function must(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const env = { XZ_OPT: "-9e", ...options.env }; // of tar's xz
  const { ok, output } = await run(command, args, { ...options, env });
  if (!ok) throw new Error(`${command} ${args[0]}: ${output.trim().split("\n").at(-1)}`);
  return output;
}

async function trackedFiles(): Promise<string[]> {
  const args = ["-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = (await must("git", args)).split("\0").filter((file) => file !== "");
  const isThere = await Promise.all(files.map((file) => exists(join(root, file))));
  return files.filter((_, i) => isThere[i]);
}

/** The programs whose packages are packed: all that the kit's steps run. */
export function programsOf(files: readonly string[]): string[] {
  const wanted = ["src/", "bench/", ...testedPaths];
  return files.filter((file) =>
    file === "mod.ts" || file.endsWith(".ts") && wanted.some((path) => file.startsWith(path))
  );
}

/** Deno for x86-64 Linux, whatever this machine is, in the version that runs this. */
async function packDeno(temporary: string): Promise<void> {
  const name = `@deno/linux-x64-glibc@${Deno.version.deno}`;
  const archive = (await must("npm", ["pack", "--silent", name], { cwd: temporary })).trim();
  await must("tar", ["-xzf", archive.split("\n").at(-1)!], { cwd: temporary });
  const filters = ["--x86", "--lzma2=preset=9"]; // 3 % less than -9 alone
  await must("xz", ["-T1", ...filters, join(temporary, "package/deno")]);
  await Deno.copyFile(join(temporary, "package/deno.xz"), join(kit, "deno.xz"));
}

/** What editors, type checks, a package's own tests and script elements of pages alone read. */
const unread = /\.([cm]?ts|map|md|(min|umd)\.m?js)$/;
const unreadFolder = /^test$|\/dist\/(umd|iife)$/;

async function removeUnread(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory && (unreadFolder.test(name) || unreadFolder.test(path))) {
      await Deno.remove(path, { recursive: true });
    } else if (isDirectory) await removeUnread(path);
    else if (unread.test(name)) await Deno.remove(path);
  }
}

/** What `deno info --json` tells of packages. */
export interface PackageInfo {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<
    Record<string, { name: string; version: string; dependencies: readonly string[] }>
  >;
}

/** A peer of packages that only their types need; of 20 MB. */
const typesAlone = "typescript";

/** The packages that programs import, and those that these import, as `name/version`. */
export function importedPackages({ modules, npmPackages }: PackageInfo): Set<string> {
  const found = new Set<string>();
  const add = (id: string): void => {
    const { name, version, dependencies } = npmPackages[id]!;
    const folder = `${name}/${version}`;
    if (found.has(folder) || name === typesAlone) return;
    found.add(folder);
    for (const dependency of dependencies) add(dependency);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage);
  return found;
}

/**
 * Leaves nothing of packages that no program here imports but their `package.json`: Deno wants every
 * package of the lock file to be there, whatever is run.
 */
async function hollowOut(registry: string, kept: ReadonlySet<string>): Promise<void> {
  const folders = async (path: string): Promise<string[]> =>
    (await Array.fromAsync(Deno.readDir(path))).filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => name);
  for (const scope of await folders(registry)) {
    const names = scope.startsWith("@")
      ? (await folders(join(registry, scope))).map((name) => `${scope}/${name}`)
      : [scope];
    for (const name of names) {
      for (const version of await folders(join(registry, name))) {
        if (kept.has(`${name}/${version}`)) continue;
        const folder = join(registry, name, version);
        for await (const entry of Deno.readDir(folder)) {
          if (entry.name === "package.json") continue;
          await Deno.remove(join(folder, entry.name), { recursive: true });
        }
      }
    }
  }
}

/** One program that imports all that the steps run; it lies below deno.json, whose import map it needs. */
async function withProgram<Result>(work: (program: string) => Promise<Result>): Promise<Result> {
  await Deno.mkdir(kit, { recursive: true });
  const program = join(kit, "programs.ts");
  const imports = programsOf(await trackedFiles()).map((file) => `import "../${file}";\n`);
  await Deno.writeTextFile(program, imports.join(""));
  try {
    return await work(program);
  } finally {
    await Deno.remove(program);
  }
}

async function packagesOf(program: string): Promise<Set<string>> {
  const info = await must(Deno.execPath(), ["info", "--json", program], { cwd: root });
  const json = info.slice(info.indexOf("{"), info.lastIndexOf("}") + 1); // beside warnings
  return importedPackages(JSON.parse(json));
}

/** Changes where other packages are to be packed. */
async function packagesKey(): Promise<string> {
  const lock = await Deno.readTextFile(join(root, "deno.lock"));
  const packages = [...await withProgram(packagesOf)].toSorted();
  return await sha256(lock + packages.join() + JSON.stringify(peerPackages));
}

/** npm packages in Deno's own cache. */
async function packPackages(temporary: string): Promise<void> {
  const folder = join(temporary, "deno");
  const options = { cwd: root, env: { DENO_DIR: folder, NODEVICE_SELECT: "1" } };
  const kept = await withProgram(async (program) => {
    await must(Deno.execPath(), ["cache", "--quiet", "--no-check", program], options);
    return await packagesOf(program);
  });
  const [registry] = [...Deno.readDirSync(join(folder, "npm"))];
  await hollowOut(join(folder, "npm", registry!.name), kept);
  await removeUnread(join(folder, "npm"));
  await must("tar", ["-C", temporary, "-cJf", join(kit, packagesFile), "deno/npm"]);
}

async function packPeers(): Promise<void> {
  const failure = await installPeers();
  if (failure !== undefined) throw new Error(`npm: ${failure}`);
  const files = peerFiles.map((file) => `node_modules/onnxruntime-web/dist/${file}`);
  const archive = join(kit, "peers.tar.xz");
  await must("tar", ["-C", packagesFolder, "-cJf", archive, "installed.json", ...files]);
}

/** Dawn, for x86-64 Linux alone: what loads it, and the library. */
async function packDawn(temporary: string): Promise<void> {
  const archive = (await must("npm", ["pack", "--silent", dawnPackage], { cwd: temporary })).trim();
  await must("tar", ["-xzf", archive.split("\n").at(-1)!], { cwd: temporary });
  const files = ["package.json", "index.js", "dist/linux-x64"].map((file) => `package/${file}`);
  await must("tar", ["-C", temporary, "-cJf", join(kit, "dawn.tar.xz"), ...files]);
}

/** Debian's packages, for x86-64 whatever this machine is. */
async function packLibraries(temporary: string): Promise<void> {
  const lists = join(temporary, "lists");
  await Deno.mkdir(join(lists, "partial"), { recursive: true });
  const architecture = ["APT::Architecture=amd64", "APT::Architectures=amd64"];
  const options = [...architecture, `Dir::State::Lists=${lists}`].map((option) => `-o${option}`);
  await must("apt-get", [...options, "update", "-qq"]);
  for (const [folder, names] of Object.entries({ loader, x11 })) {
    const cwd = join(temporary, folder);
    await Deno.mkdir(cwd);
    await must("apt-get", [...options, "download", "-qq", ...names], { cwd });
    const tree = join(temporary, `${folder}_tree`);
    for await (const { name } of Deno.readDir(cwd)) {
      await must("dpkg", ["-x", join(cwd, name), tree]);
    }
    await Deno.remove(join(tree, "usr/share"), { recursive: true }); // documents
    await must("tar", ["-C", tree, "-cJf", join(kit, `${folder}.tar.xz`), "."]);
  }
}

async function sizeOf(paths: readonly string[]): Promise<number> {
  let size = 0;
  for (const path of paths) {
    const { isDirectory, size: own } = await Deno.lstat(path);
    if (!isDirectory) size += own;
    else size += await sizeOf([...Deno.readDirSync(path)].map(({ name }) => join(path, name)));
  }
  return size;
}

/** The parts: what each is, the file that tells that it is there, whether it changes with packages. */
function partsOf(temporary: string, dawn: boolean) {
  const part = (what: string, file: string, fromNpm: boolean, pack: () => Promise<void>) => (
    { what, file, fromNpm, pack }
  );
  return [
    part(`Deno ${Deno.version.deno}`, "deno.xz", false, () => packDeno(temporary)),
    part("npm packages", packagesFile, true, () => packPackages(temporary)),
    // Not both: together with the tree they are over the limit.
    dawn
      ? part("Dawn", "dawn.tar.xz", true, () => packDawn(temporary))
      : part("ONNX Runtime Web", "peers.tar.xz", true, packPeers),
    part("the Vulkan loader", "loader.tar.xz", false, () => packLibraries(temporary)),
  ];
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "dry-run": { type: "boolean", default: false },
      dawn: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      limit: { type: "string", default: "64" },
    },
  });
  if (values.help) return console.log(usage), 0;
  const packed = join(root, packedFile);
  const before = JSON.parse(await Deno.readTextFile(packed).catch(() => "{}"));
  const deno = Deno.version.deno;
  const packages = await packagesKey();
  const temporary = await Deno.makeTempDir();
  try {
    for (const { what, file, fromNpm, pack } of partsOf(temporary, values.dawn)) {
      const isFresh = before.deno === deno && (!fromNpm || before.packages === packages);
      const isKept = isFresh && await exists(join(kit, file));
      console.error(`${isKept ? "kept" : values["dry-run"] ? "would pack" : "packing"}: ${what}`);
      if (isKept || values["dry-run"]) continue;
      await Deno.mkdir(kit, { recursive: true });
      await pack();
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
  const other = join(kit, values.dawn ? "peers.tar.xz" : "dawn.tar.xz");
  if (!values["dry-run"] && await exists(other)) await Deno.remove(other);
  const tree = await sizeOf((await trackedFiles()).map((file) => join(root, file)));
  const size = await exists(kit) ? await sizeOf([kit]) : 0;
  const mebibytes = [size, tree, size + tree].map((bytes) => Math.ceil(bytes / 2 ** 20));
  if (!values["dry-run"]) {
    const facts = { commit: await commitOf(root), deno, packages };
    await Deno.writeTextFile(packed, JSON.stringify(facts));
  }
  console.log(
    `.gpu/ ${mebibytes[0]} MiB, the tree ${mebibytes[1]} MiB, together ${mebibytes[2]} of ` +
      `${values.limit} MiB`,
  );
  return mebibytes[2]! <= Number(values.limit) ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
