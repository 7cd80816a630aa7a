import { Command } from "commander";
import { RunQueue } from "../../fleet/queue/run_queue.ts";
import { cancelRun } from "../../fleet/queue/run_status.ts";
import type { Output } from "../output.ts";
import { addQueueFlags, openQueue, type QueueFlags } from "./queue_options.ts";

const examples = `
Examples:
  assay fleet cancel run1 --queue nats://queue:4222
  assay fleet cancel run1 --delete

Exit status: 0 done, 2 it could not be.`;

/** `assay fleet cancel`. */
export function cancelCommand(output: Output): Command {
  const command = new Command("cancel")
    .summary("end a run, or remove one that was collected")
    .description(
      "Takes the jobs of a run back: workers turn to other runs. With --delete everything of it goes, " +
        "results too, and its name is free again.",
    )
    .argument("<run>", "the run's name")
    .option("--delete", "remove all that the queue holds of it")
    .addHelpText("after", examples);
  return addQueueFlags(command).action(
    async (run: string, flags: QueueFlags & { readonly delete?: true }) => {
      await using connection = await openQueue(flags, output, "assay fleet cancel");
      await cancelRun(new RunQueue(connection, run, { patience: 10_000 }), flags.delete === true);
      await output.note(`run ${run} was ${flags.delete ? "removed" : "cancelled"}`);
    },
  );
}
