/** A fenced block of shell commands in a page. */
export interface ShellBlock {
  readonly page: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly script: string;
  /** Why it is not run; undefined for a block that is. */
  readonly leftOut: string | undefined;
}

const fence = /^(\s*)```(.*)$/;
const reason = /^<!-- no-run: (.+) -->$/;

/**
 * The shell blocks of a Markdown page. A block marked `sh` is run as written; one marked `sh no-run` is
 * not, and the line before it says why: `<!-- no-run: it takes an hour -->`.
 *
 * @throws {Error} Where a block is left out without a reason, or is marked in another way.
 */
export function shellBlocks(page: string, text: string): ShellBlock[] {
  const lines = text.split("\n");
  const blocks: ShellBlock[] = [];
  for (let index = 0; index < lines.length; index++) {
    const open = fence.exec(lines[index]!);
    if (!open) continue;
    const end = lines.findIndex((line, at) => at > index && /^\s*```\s*$/.test(line));
    if (end < 0) throw new Error(`${page}:${index + 1}: a fenced block is never closed`);
    const info = open[2]!.trim();
    if (/^(sh|bash|shell|console)\b/.test(info)) {
      const indent = open[1]!.length;
      const body = lines.slice(index + 1, end).map((line) => line.slice(indent)).join("\n");
      const leftOut = leftOutReason(info, lines, index, page);
      blocks.push({ page, line: index + 1, script: body, leftOut });
    }
    index = end;
  }
  return blocks;
}

function leftOutReason(
  info: string,
  lines: readonly string[],
  index: number,
  page: string,
): string | undefined {
  if (info === "sh") return undefined;
  if (info !== "sh no-run") {
    throw new Error(`${page}:${index + 1}: expected a block marked sh or sh no-run, found ${info}`);
  }
  const before = lines.slice(0, index).findLast((line) => line.trim() !== "")?.trim() ?? "";
  const why = reason.exec(before)?.[1];
  if (why === undefined) {
    throw new Error(
      `${page}:${index + 1}: expected <!-- no-run: why --> before a block that is not run`,
    );
  }
  return why;
}

/** The pages whose commands are checked: those at the root of the tree, and everything in `docs/`. */
export function pagesOfTree(root = "."): string[] {
  const pages = [...Deno.readDirSync(root)].filter(({ name }) => name.endsWith(".md"))
    .map(({ name }) => name);
  const visit = (folder: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(`${root}/${folder}`)) {
      if (isDirectory) visit(`${folder}/${name}`);
      else if (name.endsWith(".md")) pages.push(`${folder}/${name}`);
    }
  };
  visit("docs");
  return pages.sort();
}
