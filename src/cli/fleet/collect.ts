import { Command } from "commander";
import type { RowWriter } from "../../data/write_rows.ts";
import { AssayError } from "../../error.ts";
import { collectRows, runEnd } from "../../fleet/queue/collect_rows.ts";
import type { RunPlan } from "../../fleet/queue/run_plan.ts";
import { RunQueue } from "../../fleet/queue/run_queue.ts";
import { formatOption, outputFileOption } from "../arguments.ts";
import { checkOutputs } from "../check_outputs.ts";
import { listenForInterrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { rowOutput } from "../row_output.ts";
import { scoreTable } from "../score/score_table.ts";
import { addQueueFlags, openQueue, type QueueFlags } from "./queue_options.ts";
import { resumableRows } from "./resumed_output.ts";

interface CollectFlags extends QueueFlags {
  readonly model?: string | undefined;
  readonly output?: string | undefined;
  readonly format: "jsonl" | "table";
  readonly wait: boolean;
  readonly resume?: true | undefined;
}

const description = [
  "Writes the rows of a run in the input's order, as assay score writes them on one machine, byte for byte.",
  "Results that are not there yet are waited for. The run stays in the queue: it may be collected again, " +
  "and assay fleet cancel RUN --delete removes it.",
  "Of a run with several models --model chooses one, or --output has {model} in it and a file is written " +
  "for each; assay vote reads them.",
].join("\n\n");

const examples = `
Examples:
  assay fleet collect run1 --queue nats://queue:4222 > scored.jsonl
  assay fleet collect run1 --output scored.parquet
  assay fleet collect run1 --output scored.jsonl --resume
  assay fleet collect votes --output scores-{model}.jsonl && assay vote scores-*.jsonl

Exit status: 0 all rows fine, 1 some rows failed (each has an error), 2 nothing could run.`;

/** `assay fleet collect`. */
export function collectCommand(output: Output): Command {
  const command = new Command("collect")
    .summary("write a run's scored rows, in the input's order")
    .description(description)
    .argument("<run>", "the run's name")
    .option("--model <name>", "the model whose scores are wanted, of a run that has several")
    .option("--no-wait", "fail where a result is not there yet")
    .option("--resume", "go on with the file of JSON Lines that an earlier collecting left")
    .addOption(formatOption())
    .addOption(outputFileOption())
    .addHelpText("after", examples);
  return addQueueFlags(command).action(async (run: string, flags: CollectFlags) => {
    await collect(run, flags, output);
  });
}

async function collect(run: string, flags: CollectFlags, output: Output): Promise<void> {
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const { signal } = interrupt;
  await using connection = await openQueue(flags, output, "assay fleet collect");
  const queue = new RunQueue(connection, run, {
    signal,
    patience: 120_000,
    onWaiting: (message) => void output.warn(`${message}; still trying`),
  });
  const plan = await queue.plan(`collect run ${JSON.stringify(run)}`);
  const models = chosenModels(plan, flags);
  const paths = models.map((model) => flags.output?.replaceAll("{model}", plan.models[model]!));
  await checkOutputs({ inputs: [plan.shared ?? undefined], outputs: paths });
  const after = flags.resume ? await resumedRows(flags, paths) : 0;
  const writers = new Map<number, RowWriter>();
  for (const [place, model] of models.entries()) {
    const path = paths[place];
    const writer = flags.resume && path !== undefined
      ? await resumableRows(path, after, output)
      : await rowOutput(output, { format: flags.format, output: path }, scoreTable);
    writers.set(model, writer);
  }
  const total = (await runEnd(queue))?.rows;
  let done = after;
  try {
    const options = { models, after, waits: flags.wait, signal };
    for await (const { model, row, failed } of collectRows(queue, plan, options)) {
      if (failed) output.rowFailed();
      await writers.get(model)!.write(row);
      if (model === models[0]) bar.update("rows collected", ++done, total);
      await interrupt.breathe();
    }
  } catch (error) {
    for (const writer of writers.values()) await writer.close().catch(() => {});
    throw error;
  }
  for (const writer of writers.values()) await writer.close();
  bar.clear();
  await output.note(`run ${run}: ${done} rows collected`);
}

function chosenModels(plan: RunPlan, { model, output }: CollectFlags): number[] {
  const names = plan.models.map((name) => JSON.stringify(name)).join(", ");
  if (model !== undefined) {
    const number = plan.models.indexOf(model);
    if (number !== -1) return [number];
    throw new AssayError(
      "cli/usage",
      `Cannot collect the scores of ${JSON.stringify(model)}: expected one of ${names}`,
    );
  }
  if (plan.models.length === 1 || output?.includes("{model}")) return [...plan.models.keys()];
  throw new AssayError(
    "cli/usage",
    `Cannot tell which model's scores to write: expected --model with one of ${names}, or --output with ` +
      "{model} in it",
  );
}

/** Rows that every one of the files has. */
async function resumedRows(
  flags: CollectFlags,
  paths: readonly (string | undefined)[],
): Promise<number> {
  if (paths.some((path) => path === undefined || !/\.(jsonl|ndjson)$/i.test(path))) {
    throw new AssayError(
      "cli/usage",
      "Cannot go on with the output: expected --output with a file that ends in .jsonl, of which each " +
        `row is a line, found ${JSON.stringify(flags.output ?? "standard output")}`,
    );
  }
  const { wholeLines } = await import("./resumed_output.ts");
  const lines = await Promise.all(paths.map((path) => wholeLines(path!)));
  return Math.min(...lines);
}
