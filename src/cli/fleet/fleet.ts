import { Command } from "commander";
import { Output } from "../output.ts";
import { cancelCommand } from "./cancel.ts";
import { collectCommand } from "./collect.ts";
import { statusCommand } from "./status.ts";
import { submitCommand } from "./submit.ts";

/**
 * `assay fleet`: runs of rows that any number of workers score, over a queue.
 *
 * @param output Where output goes.
 */
export function fleetCommand(output: Output = Output.system()): Command {
  return new Command("fleet")
    .summary("score past one machine, over a queue")
    .description(
      "Scores rows by workers on any number of machines, over a NATS server with JetStream: submit puts " +
        "rows into the queue, assay worker scores them, collect writes them in their order, the same " +
        "bytes as assay score writes on one machine. Whatever is cut off or killed meanwhile, no row is " +
        "lost and none comes twice.",
    )
    .addCommand(submitCommand(output))
    .addCommand(statusCommand(output))
    .addCommand(collectCommand(output))
    .addCommand(cancelCommand(output));
}
