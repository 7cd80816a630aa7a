import { Command } from "commander";
import { AssayError } from "../../error.ts";
import { RunQueue } from "../../fleet/queue/run_queue.ts";
import { submitRows } from "../../fleet/queue/submit_rows.ts";
import type { RowFormat } from "../../data/rows.ts";
import { readRows } from "../../data/read_rows.ts";
import { beginRows } from "../../tasks/begin_rows.ts";
import { countArgument, delimiterOption, inputFormatOption, sizeArgument } from "../arguments.ts";
import { listenForInterrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { addQueueFlags, openQueue, type QueueFlags } from "./queue_options.ts";

interface SubmitFlags extends QueueFlags {
  readonly name: string;
  readonly model?: readonly string[] | undefined;
  readonly shared?: string | undefined;
  readonly explain?: true | undefined;
  readonly allowMixed?: true | undefined;
  readonly jobRows: number;
  readonly tries: number;
  readonly patience: number;
  readonly maxBytes?: number | undefined;
  readonly replicas?: number | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

/** Bytes of a job's rows at most. */
const jobBytes = 256 * 1024;

const description = [
  "Puts rows into the queue, as jobs for workers.",
  "Jobs carry their rows, unless --shared names a file of JSON Lines that every worker can read: then " +
  "they name ranges of it. A submission that was cut off goes on where it was when the same command is " +
  "given again; no row comes twice.",
  "Without --model any worker may score the rows, and the first one settles which model it is. With " +
  "--model, which may be repeated, each of the models scores every row: workers say by --as for which " +
  "they stand.",
].join("\n\n");

const examples = `
Examples:
  assay fleet submit rows.parquet --queue nats://queue:4222 --name run1
  assay fleet submit /data/rows.jsonl --shared /data/rows.jsonl --name run2 --job-rows 1000
  assay fleet submit pairs.jsonl --name votes --model a --model b

Exit status: 0 all rows are in the queue, 2 not all of them.`;

/** `assay fleet submit`. */
export function submitCommand(output: Output): Command {
  const command = new Command("submit")
    .summary("put rows into the queue")
    .description(description)
    .argument("[input]", "file of rows", "-")
    .requiredOption("--name <run>", "what to call the run: letters, digits, - and _")
    .option(
      "--model <name>",
      "a model that is to score the rows, as workers call it (repeatable)",
      (name: string, before: readonly string[] = []) => [...before, name],
    )
    .option(
      "--shared <place>",
      "path or address at which workers read INPUT, which must be JSON Lines",
    )
    .option("--explain", "add what explains a score, as assay score --explain does")
    .option("--allow-mixed", "let workers that differ take part; their rows are marked")
    .option("--job-rows <rows>", "rows of a job at most", countArgument, 200)
    .option("--tries <count>", "times that a row may end its worker", countArgument, 3)
    .option(
      "--patience <seconds>",
      "without a sign of life after which a job goes to another worker",
      countArgument,
      30,
    )
    .option("--max-bytes <size>", "that the run may take in the queue", sizeArgument)
    .option("--replicas <count>", "servers of a cluster that each hold the run", countArgument)
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  return addQueueFlags(command).action(async (input: string, flags: SubmitFlags) => {
    await submit(input, flags, output);
  });
}

async function submit(input: string, flags: SubmitFlags, output: Output): Promise<void> {
  if (flags.shared !== undefined && input === "-") {
    throw new AssayError(
      "cli/usage",
      "Cannot share standard input: expected the file's path as INPUT beside --shared",
    );
  }
  if (flags.shared === undefined && flags.jobRows > 200) {
    throw new AssayError(
      "cli/usage",
      `Cannot let a job carry ${flags.jobRows} rows: expected at most 200; with --shared a job may be larger`,
    );
  }
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const { signal } = interrupt;
  const isShared = flags.shared !== undefined;
  const rows = isShared ? undefined : await beginRows(
    readRows(input, { format: flags.inputFormat, delimiter: flags.delimiter }),
  );
  if (!isShared && rows === undefined) await output.note(`${input} has no rows`);
  await using connection = await openQueue(flags, output, "assay fleet submit");
  const queue = new RunQueue(connection, flags.name, {
    patience: 60_000,
    signal,
    onWaiting: (message) => void output.warn(`${message}; still trying`),
  });
  const { jobs, rows: count, resumed } = await submitRows(queue, {
    plan: {
      version: 1,
      models: [...flags.model ?? [""]],
      explain: flags.explain ?? false,
      allowMixed: flags.allowMixed ?? false,
      jobRows: flags.jobRows,
      jobBytes: isShared ? 64 * jobBytes : jobBytes,
      tries: flags.tries,
      patience: flags.patience,
      shared: flags.shared ?? null,
      input,
    },
    rows: rows ?? noRows(),
    path: isShared ? input : undefined,
    mostBytes: flags.maxBytes,
    replicas: flags.replicas,
    signal,
    onProgress: (rows) => bar.update("rows in the queue", rows, undefined),
  });
  bar.clear();
  await output.note(
    `run ${flags.name}: ${count} rows in ${jobs} jobs${
      resumed ? ", an earlier submission gone on with" : ""
    }`,
  );
}

async function* noRows(): AsyncGenerator<never> {}
