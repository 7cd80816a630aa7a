/**
 * `deno task docs`: writes the pages of `docs/reference/` that are generated from the code.
 * `deno task docs --check` writes nothing and fails where one of them is stale.
 *
 * @module
 */
import { commandsPage } from "./docs/commands_page.ts";
import { errorsPage } from "./docs/errors_page.ts";
import { modelsPage } from "./docs/models_page.ts";
import { permissionsPage } from "./docs/permissions_page.ts";
import { runtimesPage } from "./docs/runtimes_page.ts";

const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  "docs/reference/commands.md": commandsPage,
  "docs/reference/errors.md": errorsPage,
  "docs/reference/models.md": modelsPage,
  "docs/reference/permissions.md": permissionsPage,
  "docs/reference/runtimes.md": runtimesPage,
};

/** The page as `deno fmt` lays it out, so that the gate's check of the format holds for it too. */
async function formatted(page: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(page));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`Cannot format a page: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

const check = Deno.args.includes("--check");
const made = await Promise.all(
  Object.entries(pages).map(async ([path, page]) => ({
    path,
    text: await formatted(await page()),
  })),
);
for (const { path, text } of made) {
  const present = await Deno.readTextFile(path).catch(() => undefined);
  if (present === text) continue;
  if (check) {
    console.error(`${path} is stale: run deno task docs and commit what it writes`);
    Deno.exitCode = 1;
  } else {
    await Deno.writeTextFile(path, text);
    console.log(`wrote ${path}`);
  }
}
