import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runDeno } from "../../tools/command.ts";
import { type Section, table } from "../section.ts";
import { formatSpread, spread } from "../statistics.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
/** Where Deno keeps packages and compiled modules. */
const denoFolder = runDeno("info", "--json").then(({ output }): string =>
  JSON.parse(output).denoDir
);

const demo = "models/demo";
const tiny = "tests/golden/parity/armo";

/** From nothing to the first score, with an empty shader cache and with a filled one. */
export const coldStart: Section = {
  title: "Cold start to first score",

  async measure({ settings: { rounds }, onProgress }) {
    const isThere = await Deno.stat(join(repository, demo, "config.json")).then(
      () => true,
      () => false,
    );
    const model = isThere ? demo : tiny;
    const cold: Start[] = [];
    const warm: Start[] = [];
    await withCaches((folder) => start(model, folder)); // the operating system's own file cache
    for (let round = 1; round <= rounds; round++) {
      await withCaches(async (folder) => {
        cold.push(await start(model, folder));
        warm.push(await start(model, folder));
      });
      onProgress(
        `round ${round} of ${rounds}: ${cold.at(-1)!.total.toFixed(0)} ms with empty ` +
          `caches, ${warm.at(-1)!.total.toFixed(0)} ms after that`,
      );
    }
    const row = (name: string, starts: readonly Start[]): string[] => [
      name,
      ...(["total", "load", "score"] as const).map((part) =>
        formatSpread(spread(starts.map((times) => times[part])))
      ),
    ];
    return [
      `\`${model}\`, one short conversation, a process of its own each time; ${rounds} rounds. ` +
      "Deno's own cache of packages and modules is there in both. Empty: no shader cache, no cache of Assay's; warm: those that the run before it left.",
      table(
        ["caches", "process start to first score, ms", "of that loading, ms", "first score, ms"],
        [row("empty", cold), row("warm", warm)],
      ),
    ].join("\n\n");
  },
};

interface Start {
  readonly total: number;
  readonly load: number;
  readonly score: number;
}

/** Gives a folder that holds every cache of one cold and one warm start. */
async function withCaches(work: (folder: string) => Promise<unknown>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function start(model: string, caches: string): Promise<Start> {
  const begin = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "bench/peers/first_score.ts", model],
    cwd: repository,
    env: {
      NODEVICE_SELECT: "1",
      DENO_DIR: await denoFolder, // Deno's own cache is no part of the question
      MESA_SHADER_CACHE_DIR: caches,
      XDG_CACHE_HOME: caches,
    },
  }).output();
  const total = performance.now() - begin;
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return { total, ...JSON.parse(new TextDecoder().decode(stdout)) };
}
