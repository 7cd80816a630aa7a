import { demoModel, firstLine, firstScore as program, withCaches } from "../first_line.ts";
import { type Section, table } from "../section.ts";
import { formatSpread, spread } from "../statistics.ts";

/** From nothing to the first score, with an empty shader cache and with a filled one. */
export const coldStart: Section = {
  title: "Cold start to first score",

  async measure({ settings: { rounds }, onProgress }) {
    const model = await demoModel();
    const cold: Times[] = [];
    const warm: Times[] = [];
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
    const row = (name: string, starts: readonly Times[]): string[] => [
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

interface Times {
  readonly total: number;
  readonly load: number;
  readonly score: number;
}

async function start(model: string, caches: string): Promise<Times> {
  const { milliseconds, line } = await firstLine({ args: [program, model] }, caches);
  return { total: milliseconds, ...JSON.parse(line) };
}
