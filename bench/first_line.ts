import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runDeno } from "../tools/command.ts";

const repository = fileURLToPath(new URL("../", import.meta.url));

/** Where Deno keeps packages and compiled modules. */
const denoFolder = runDeno("info", "--json").then(({ output }): string =>
  JSON.parse(output).denoDir
);

/** A program that scores one conversation with a model, whose folder it is given. */
export const firstScore = "bench/peers/first_score.ts";

/** The demo checkpoint, or a tiny one where that was not fetched. */
export async function demoModel(): Promise<string> {
  const demo = "models/demo";
  const found = await Deno.stat(join(repository, demo, "config.json")).catch(() => undefined);
  return found === undefined ? "tests/golden/parity/armo" : demo;
}

/** A program of the repository that Deno runs from nothing. */
export interface Start {
  /** What comes after `deno run --allow-all`. */
  readonly args: readonly string[];
  /** What it gets on standard input. */
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The first line that a program printed, and when. */
export interface FirstLine {
  /** From before the process was started until its first whole line on standard output. */
  readonly milliseconds: number;
  readonly line: string;
}

/**
 * Starts a program in a process of its own and waits for its first line, then for its end. It finds
 * Deno's own cache of packages and compiled modules; every other cache lies below `caches`.
 *
 * @throws {Error} With what it complained of, where it fails.
 */
export async function firstLine(
  { args, input = "", environment = {} }: Start,
  caches: string,
): Promise<FirstLine> {
  const denoDir = await denoFolder;
  const start = performance.now();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", ...args],
    cwd: repository,
    env: {
      NODEVICE_SELECT: "1",
      NO_COLOR: "1",
      DENO_DIR: denoDir,
      MESA_SHADER_CACHE_DIR: caches,
      XDG_CACHE_HOME: caches,
      ...environment,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complaints = new Response(process.stderr).text();
  const given = new Response(input).body?.pipeTo(process.stdin).catch(() => {});
  let text = "";
  let milliseconds = NaN;
  for await (const piece of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (Number.isNaN(milliseconds) && text.includes("\n")) milliseconds = performance.now() - start;
  }
  await given;
  const { success } = await process.status;
  if (!success || Number.isNaN(milliseconds)) throw new Error(reasonIn(await complaints));
  return { milliseconds, line: text.slice(0, text.indexOf("\n")) };
}

/** The line of some complaints that says most, short enough for a table. */
export function reasonIn(errors: string): string {
  const lines = errors.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.find((text) => /Error: /.test(text)) ??
    lines.findLast((text) => /error/i.test(text)) ?? lines.at(-1) ?? "ended in silence";
  return line.replace(/^error: Uncaught (\(in promise\) )?/, "").replaceAll("|", "/").slice(0, 160);
}

/** Gives a folder that holds every cache of some starts, and goes after them. */
export async function withCaches<Result>(
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await Deno.makeTempDir();
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
