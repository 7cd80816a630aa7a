/** The pages: links lead somewhere, nothing is left out of an index, the README stays short. */
import assert from "node:assert/strict";
import { posix } from "node:path";
import { helpTexts } from "../../tools/docs/commands_page.ts";
import { pagesOfTree } from "../../tools/docs/shell_blocks.ts";

const pages = new Map(pagesOfTree().map((path) => [path, Deno.readTextFileSync(path)]));
const prose = (text: string): string => text.replace(/^```[^]*?^```$/gm, "");

/** The anchors of a page's headings, as repository hosts make them. */
function anchorsOf(text: string): string[] {
  return [...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

function problemOf(page: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined; // another site
  const [file, anchor] = target.split("#") as [string, string?];
  const path = file === "" ? page : posix.join(posix.dirname(page), file);
  try {
    Deno.statSync(path);
  } catch {
    return `${page}: ${target} leads nowhere`;
  }
  if (anchor === undefined) return undefined;
  const text = pages.get(path) ?? Deno.readTextFileSync(path);
  return anchorsOf(text).includes(anchor) ? undefined : `${page}: ${target} has no such heading`;
}

Deno.test("every link of the pages leads to a file and a heading that are there", () => {
  const problems = [...pages].flatMap(([page, text]) => {
    const inline = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)];
    const defined = [...prose(text).matchAll(/^\[[^\]]+\]: (\S+)$/gm)];
    return [...inline, ...defined].flatMap(([, target]) => problemOf(page, target!) ?? []);
  });
  assert.deepEqual(problems, []);
});

Deno.test("docs/README.md lists every page of docs/", () => {
  const index = pages.get("docs/README.md")!;
  const missing = [...pages.keys()].filter((path) =>
    path.startsWith("docs/") && path !== "docs/README.md" &&
    !index.includes(`](${path.slice("docs/".length)})`)
  );
  assert.deepEqual(missing, []);
});

Deno.test("every page of docs/ begins with a heading and a sentence that tells what it is for", () => {
  const others = [...pages].filter(([path, text]) =>
    path.startsWith("docs/") && !/^# [^\n]+\n\nThis (page|tutorial) /.test(text)
  );
  assert.deepEqual(others.map(([path]) => path), []);
});

Deno.test("the README stays at about 120 lines", () => {
  const lines = pages.get("README.md")!.split("\n").length;
  assert.ok(lines <= 130, `${lines} lines: move what is more to docs/`);
});

Deno.test("the README's table has every command", async () => {
  const commands = (await helpTexts()).flatMap(({ command }) =>
    command.length === 1 ? command : []
  );
  assert.ok(commands.includes("score"));
  const readme = pages.get("README.md")!;
  const missing = commands.filter((name) =>
    !new RegExp(`^\\| \\[\`${name}\`\\]`, "m").test(readme)
  );
  assert.deepEqual(missing, []);
});

Deno.test("the changelog has a dated section for the version", async () => {
  const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
  const escaped = version.replaceAll(".", "\\.");
  assert.match(
    pages.get("CHANGELOG.md")!,
    new RegExp(`^## \\[?${escaped}\\]? — \\d{4}-\\d\\d-\\d\\d$`, "m"),
  );
});
