import type { Source } from "./error_codes.ts";

/** The TypeScript files under a folder, by path. */
export function sourcesUnder(folder: string): Source[] {
  const found: Source[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...sourcesUnder(path));
    else if (path.endsWith(".ts")) found.push({ path, text: Deno.readTextFileSync(path) });
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}
