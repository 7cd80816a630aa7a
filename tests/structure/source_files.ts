import { fileURLToPath } from "node:url";

/** One file of the repository. */
export interface SourceFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One import or re-export, between two files of the repository or of a package. */
export interface Import {
  /** The importing file, relative to the repository's root. */
  readonly from: string;
  /** As written. */
  readonly specifier: string;
  /** The imported file, relative to the repository's root; `undefined` for a package. */
  readonly to: string | undefined;
  /** Whether it takes nothing but types, so that nothing is loaded at run time. */
  readonly typeOnly: boolean;
}

/** The folder that holds `deno.json`. */
export const repository = new URL("../../", import.meta.url);

/** The public modules by name, as `deno.json` exports them: `"./text"` → `"src/text/mod.ts"`. */
export function publicModules(): Map<string, string> {
  const { exports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", repository)));
  return new Map(
    Object.entries<string>(exports).map(([name, path]) => [name, path.replace(/^\.\//, "")]),
  );
}

/** The files under `folder` with one of the `extensions`, in order; none where it is absent. */
export function sourceFiles(folder: string, extensions: readonly string[]): SourceFile[] {
  const found: SourceFile[] = [];
  const visit = (path: string): void => {
    for (const entry of Deno.readDirSync(new URL(`${path}/`, repository))) {
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory) visit(inner);
      else if (extensions.some((extension) => inner.endsWith(extension))) {
        found.push({ path: inner, text: Deno.readTextFileSync(new URL(inner, repository)) });
      }
    }
  };
  try {
    visit(folder);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

/** Every import of the given files and of what they import, as Deno itself resolves them. */
export async function importsOf(files: readonly SourceFile[]): Promise<Import[]> {
  const all = files.map(({ path }) => `import ${JSON.stringify(new URL(path, repository).href)};`);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `data:application/typescript,${encodeURIComponent(all.join(""))}`],
    cwd: fileURLToPath(repository),
  }).output();
  const graph: ModuleGraph = JSON.parse(new TextDecoder().decode(stdout));
  return graph.modules.flatMap(({ specifier: module, error, dependencies }) => {
    if (error !== undefined) throw new Error(`Cannot read ${module}: ${error}`);
    const from = pathOf(module);
    if (from === undefined) return [];
    return (dependencies ?? []).map(({ specifier, code, type }) => ({
      from,
      specifier,
      to: pathOf((code ?? type)?.specifier ?? ""),
      typeOnly: code === undefined,
    }));
  });
}

function pathOf(specifier: string): string | undefined {
  return specifier.startsWith(repository.href)
    ? decodeURIComponent(specifier.slice(repository.href.length))
    : undefined;
}
