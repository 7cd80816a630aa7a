import { Command } from "commander";
import { runNames } from "../../fleet/queue/run_names.ts";
import { RunQueue } from "../../fleet/queue/run_queue.ts";
import {
  type RunStatus,
  runStatus,
  type WorkerStatus,
  workersThere,
} from "../../fleet/queue/run_status.ts";
import { reportFormatOption } from "../arguments.ts";
import type { Output } from "../output.ts";
import { bytesText } from "../progress_bar.ts";
import { rowOutput, type RowTable } from "../row_output.ts";
import { addQueueFlags, openQueue, type QueueFlags } from "./queue_options.ts";

interface StatusFlags extends QueueFlags {
  readonly format?: "jsonl" | "table" | undefined;
}

const examples = `
Examples:
  assay fleet status --queue nats://queue:4222
  assay fleet status run1 --format jsonl | jq .secondsLeft

Exit status: 0 the queue was asked, 2 it could not be.`;

/** `assay fleet status`. */
export function statusCommand(output: Output): Command {
  const command = new Command("status")
    .summary("tell how far runs are, and who works")
    .description(
      "Tells of each run and model how many rows are done, how fast, how long it will take, and how " +
        "many workers there are; of one run also what each worker has done since it was started. Rates " +
        "are by the server's clock: those of other machines are not asked.",
    )
    .argument("[run]", "the run's name; all runs by default")
    .addOption(reportFormatOption())
    .addHelpText("after", examples);
  return addQueueFlags(command).action(async (run: string | undefined, flags: StatusFlags) => {
    await status(run, flags, output);
  });
}

async function status(run: string | undefined, flags: StatusFlags, output: Output): Promise<void> {
  await using connection = await openQueue(flags, output, "assay fleet status");
  const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
  const workers = await workersThere(connection);
  const persistence = { patience: 5000 };
  const names = run === undefined ? await runNames(connection, persistence) : [run];
  const writer = await rowOutput(output, { format }, statusTable);
  for (const name of names) {
    const queue = new RunQueue(connection, name, persistence);
    for (const status of await runStatus(queue, workers)) await writer.write({ ...status });
  }
  await writer.close();
  if (names.length === 0) await output.note("the queue has no runs");
  if (run === undefined) return;
  const own = await rowOutput(output, { format }, workerTable);
  const working = workers.filter(({ runs }) => runs.includes(run));
  for (const worker of working) await own.write({ ...worker });
  if (working.length > 0) await own.close();
}

const statusTable: RowTable = {
  header: ["run", "model", "state", "done#", "rows#", "workers#", "rows/s#", "left#", "size#"],
  line(row): readonly string[] {
    const status = row as unknown as RunStatus;
    return [
      status.run,
      status.model || "any",
      status.state,
      status.rows === 0 ? "" : `${Math.floor(100 * status.rowsDone / status.rows)}%`,
      `${status.rows}`,
      `${status.workers}`,
      status.rowsPerSecond?.toFixed(1) ?? "",
      status.secondsLeft === null ? "" : timeText(status.secondsLeft),
      bytesText(status.bytes),
    ];
  },
};

const workerTable: RowTable = {
  header: ["worker", "model", "identity", "jobs#", "rows#", "failed#", "tokens/s#"],
  line(row): readonly string[] {
    const worker = row as unknown as WorkerStatus;
    return [
      worker.worker,
      worker.model,
      worker.identity.slice(0, 12),
      `${worker.jobs}`,
      `${worker.rows}`,
      `${worker.failed}`,
      worker.seconds === 0 ? "" : (worker.tokens / worker.seconds).toFixed(0),
    ];
  },
};

/** `3 h 20 min`, `4 min 5 s`, `12 s`. */
function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
}
