import { Command } from "commander";
import { Output } from "../output.ts";
import { cancelCommand } from "./cancel.ts";
import { collectCommand } from "./collect.ts";
import { statusCommand } from "./status.ts";
import { submitCommand } from "./submit.ts";

const examples = `
Examples:
  assay fleet submit rows.jsonl --name run1 --queue nats://127.0.0.1:4222
  assay worker ./my-model --queue nats://127.0.0.1:4222
  assay fleet status run1 --queue nats://127.0.0.1:4222
  assay fleet collect run1 --queue nats://127.0.0.1:4222 > scored.jsonl
  assay fleet cancel run1 --delete --queue nats://127.0.0.1:4222`;

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
    .addHelpText("after", examples)
    .addCommand(submitCommand(output))
    .addCommand(statusCommand(output))
    .addCommand(collectCommand(output))
    .addCommand(cancelCommand(output));
}
