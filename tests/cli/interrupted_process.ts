/** The command line with a model that is interrupted while it loads; a test runs it as a process. */
import { evaluateCommand } from "../../src/cli/evaluate/evaluate.ts";
import { run } from "../../src/cli/main.ts";
import { Output } from "../../src/cli/output.ts";
import { scoreCommand } from "../../src/cli/score/score.ts";
import type { LoadScorer } from "../../src/tasks/score/open_scorer.ts";

const interrupted: LoadScorer = async (_source, { signal }) => {
  const alive = setInterval(() => {}, 1000);
  Deno.kill(Deno.pid, "SIGINT");
  await new Promise((resolve) => signal!.addEventListener("abort", resolve));
  clearInterval(alive);
  signal!.throwIfAborted();
  throw new Error("it was not interrupted");
};

const output = Output.system();
const commands = [scoreCommand(output, interrupted), evaluateCommand(output, interrupted)];
Deno.exit(await run(commands, Deno.args, output));
