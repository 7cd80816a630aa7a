import { dirname, join } from "node:path";
import ts from "typescript";
import { packageModules } from "./package_modules.ts";

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  strict: true,
  isolatedDeclarations: true,
  allowImportingTsExtensions: true,
};

/** An import in a declaration file that names a file of ours. */
const ownImport = /(from |import\(|import )"(\.\.?\/[^"]+)\.ts"/g;

/** A property that TypeScript writes in front of a method by a symbol, and then finds to be there twice. */
const doubled = /^ +\[Symbol\.\w+\]: \(.*\) => .*;\n/gm;

/** The path of a source's declarations, below the package. */
export function declarationsOf(source: string): string {
  return `types/${source.replace(/\.ts$/, ".d.ts")}`;
}

/**
 * Writes the declarations of the public modules and of every file that they name types of. Each file's
 * are made from that file alone, as JSR makes them: what is public has its types written out.
 *
 * @param folder The package's folder.
 * @throws {Error} Names places where a type is not written out.
 */
export async function writeDeclarations(folder: string): Promise<void> {
  const waiting = packageModules().filter(({ name }) => name !== undefined)
    .map(({ source }) => source);
  const seen = new Set(waiting);
  const problems: string[] = [];
  for (let source; (source = waiting.pop()) !== undefined;) {
    const text = await Deno.readTextFile(source);
    const { outputText, diagnostics = [] } = ts.transpileDeclaration(text, {
      fileName: source,
      reportDiagnostics: true,
      compilerOptions,
    });
    for (const { messageText, start = 0 } of diagnostics) {
      const line = text.slice(0, start).split("\n").length;
      problems.push(`${source}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
    }
    const declarations = outputText.replaceAll(doubled, "").replaceAll(
      ownImport,
      (_, how, path) => {
        const named = join(dirname(source), `${path}.ts`);
        if (!seen.has(named)) waiting.push(named);
        seen.add(named);
        return `${how}"${path}.js"`;
      },
    );
    const target = join(folder, declarationsOf(source));
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.writeTextFile(target, declarations);
  }
  if (problems.length > 0) throw new Error(`Cannot write declarations:\n${problems.join("\n")}`);
}
