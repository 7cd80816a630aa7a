import { demoModel, firstLine, firstScore, type Start, withCaches } from "../first_line.ts";
import { type Section, table } from "../section.ts";
import { formatSpread, spread } from "../statistics.ts";

/** Hides every adapter from a program: WebGPU in Deno looks for Vulkan's drivers, then for OpenGL's. */
const noAdapter = {
  VK_DRIVER_FILES: "/dev/null",
  VK_ICD_FILENAMES: "/dev/null",
  __EGL_VENDOR_LIBRARY_FILENAMES: "/dev/null",
} as const;

const row = JSON.stringify({
  messages: [
    { role: "user", content: "What is the capital of France?" },
    { role: "assistant", content: "The capital of France is Paris." },
  ],
}) + "\n";

function starts(model: string): Record<string, Start> {
  const program = (backend: string): Start => ({ args: [firstScore, model, backend] });
  const command = (...options: string[]): Start => ({
    args: ["src/cli/main.ts", "score", model, ...options],
    input: row,
  });
  return {
    'a program, `backend: "wasm"`': program("wasm"),
    "`assay score --backend wasm`": command("--backend", "wasm"),
    "`assay score`, where no adapter is to be found": { ...command(), environment: noAdapter },
    'a program, `backend: "gpu"` (lavapipe)': program("gpu"),
    'a program, `backend: "cpu"` (the twins)': program("cpu"),
  };
}

interface Times {
  readonly cold: number[];
  readonly warm: number[];
  failure?: string;
}

interface Starting {
  readonly name: string;
  readonly start: Start;
  readonly times: Times;
}

/** One empty and one warm start of each that works. */
async function startAll(
  all: readonly Starting[],
  keep: boolean,
  onProgress: (text: string) => void,
): Promise<void> {
  for (const { name, start, times } of all) {
    if (times.failure !== undefined) continue;
    try {
      await withCaches(async (folder) => {
        const cold = await firstLine(start, folder);
        const warm = await firstLine(start, folder);
        if (!keep) return;
        times.cold.push(cold.milliseconds);
        times.warm.push(warm.milliseconds);
      });
    } catch (error) {
      times.failure = error instanceof Error ? error.message : String(error);
      onProgress(`${name}: ${times.failure}`);
    }
  }
}

/** From the start of a process to its first score, by each of Assay's engines, in turns. */
export const coldStartWithoutGpu: Section = {
  title: "Cold start without a GPU",

  async measure({ settings: { rounds }, onProgress }) {
    const model = await demoModel();
    const all = Object.entries(starts(model)).map(([name, start]) => ({
      name,
      start,
      times: { cold: [], warm: [] } as Times,
    }));
    await startAll(all, false, onProgress); // fills Deno's and the system's own caches
    for (let round = 1; round <= rounds; round++) {
      await startAll(all, true, onProgress);
      onProgress(`round ${round} of ${rounds}`);
    }
    return report(model, rounds, all);
  },
};

function report(model: string, rounds: number, all: readonly Starting[]): string {
  return [
    `\`${model}\`, one conversation, a process of its own each time, from before \`deno run\` is ` +
    `started to the first line on its standard output; ${rounds} rounds. Deno's own cache of ` +
    "packages and compiled modules is there; empty: no other cache, warm: those that the run before " +
    "left.",
    table(
      ["start", "caches empty, ms: median (least–most)", "caches warm, ms"],
      all.map(({ name, times: { cold, warm, failure } }) =>
        failure === undefined
          ? [name, formatSpread(spread(cold)), formatSpread(spread(warm))]
          : [name, `left out: ${failure}`, ""]
      ),
    ),
  ].join("\n\n");
}
