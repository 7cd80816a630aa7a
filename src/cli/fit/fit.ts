import { Command } from "commander";
import { fitArmoCommand } from "./fit_armo.ts";
import { fitFeaturesCommand } from "./fit_features.ts";
import { fitHeadCommand } from "./fit_head.ts";
import { Output } from "../output.ts";

const description = [
  "Fits heads on a frozen backbone.",
  "features runs the backbone over rows and keeps its hidden states; armo fits the head of ArmoRM " +
  "(a regression for each objective, verbosity debiasing, gating); head fits a scalar head by one of " +
  "several losses. Both write a checkpoint that score loads.",
].join("\n\n");

const examples = `
Examples:
  assay fit features ./my-base rows.jsonl --output ./features
  assay fit armo ./my-base --features ./features --output ./my-armo
  assay fit head ./my-base pairs.jsonl --loss swav-difference --output ./my-rm

Exit status: 0 all rows fine, 1 some rows could not be used, 2 nothing could be fitted.`;

/**
 * `assay fit`: fits heads on a frozen backbone.
 *
 * @param output Where output goes.
 */
export function fitCommand(output: Output = Output.system()): Command {
  const command = new Command("fit")
    .summary("fit heads on a frozen backbone")
    .description(description)
    .addHelpText("after", examples);
  const parts = [fitFeaturesCommand(output), fitArmoCommand(output), fitHeadCommand(output)];
  for (const part of parts) command.addCommand(part);
  return command;
}
