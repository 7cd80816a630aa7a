import { Command } from "commander";
import { type CachedModel, cachedModels } from "../tasks/cached_models.ts";
import { reportFormatOption } from "./arguments.ts";
import { Output } from "./output.ts";
import { bytesText } from "./progress_bar.ts";
import { rowOutput, type RowTable } from "./row_output.ts";

const examples = `
Examples:
  assay models
  assay models --format jsonl | jq -r 'select(.runs) | .name'
  assay score hf:Skywork/Skywork-Reward-V2-Qwen3-0.6B pairs.jsonl > scored.jsonl

Exit status: 0 the cache was read, 2 it could not be.`;

const modelTable: RowTable = {
  header: ["model", "revision", "commit", "size#", "complete", "runs"],
  line(row): readonly string[] {
    const model = row as unknown as CachedModel;
    return [
      model.name.replace(/@.*$/, ""),
      model.revisions.join(", "),
      model.commit.slice(0, 12),
      bytesText(model.bytes),
      model.complete === null ? "perhaps" : model.complete ? "yes" : "no",
      model.runs ? `${model.architecture}, ${model.head} head` : "no",
    ];
  },
  details(row): readonly string[] {
    const { reason } = row as unknown as CachedModel;
    return reason === null ? [] : [`${reason.message} [${reason.code}]`];
  },
};

/**
 * `assay models`: what the hub's cache holds.
 *
 * @param output Where output goes.
 */
export function modelsCommand(output: Output = Output.system()): Command {
  return new Command("models")
    .summary("list the hub's models that are on this machine")
    .description(
      "Lists the models in the cache of the Hugging Face hub, which Python's huggingface_hub shares: every " +
        "commit that is there, its branches, its size, whether all that scoring reads has come, and " +
        "whether it scores by its name alone, else why not. Asks nobody.",
    )
    .option("--cache <folder>", "the cache (default: by HF_HUB_CACHE, HF_HOME, …, as in Python)")
    .addOption(reportFormatOption())
    .addHelpText("after", examples)
    .action(async (flags: { cache?: string; format?: "jsonl" | "table" }) => {
      const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
      const writer = await rowOutput(output, { format }, modelTable);
      let models = 0;
      for await (const model of cachedModels({ cache: flags.cache })) {
        models++;
        await writer.write({ ...model });
      }
      await writer.close();
      if (models === 0) {
        await output.note(
          "the cache holds no model; one comes when a command names it, as hf:org/name",
        );
      }
    });
}
