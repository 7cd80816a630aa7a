import { type Command, InvalidArgumentError, Option } from "commander";
import { countArgument } from "../arguments.ts";

/** The flags of `assay calibrate` that tell how sure scores are. */
export interface CertaintyFlags {
  readonly conformal?: number | undefined;
  readonly target?: string | undefined;
  readonly group?: string | undefined;
  readonly leastGroup?: number | undefined;
  readonly quantiles?: string | undefined;
  readonly abstain?: number | undefined;
  readonly confidence?: number | undefined;
}

/** Their names, none of which goes with a fit that is applied. */
export const certaintyFlagNames = [
  "conformal",
  "target",
  "group",
  "leastGroup",
  "quantiles",
  "abstain",
  "confidence",
];

/** What corrects scores, which these don't. */
const correcting = ["method", "feature", "gamma", "preferences", "plot", "tokenizer", "force"];

/** Adds the flags of {@link CertaintyFlags} to a command. */
export function addCertaintyFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--conformal <alpha>",
        "instead: intervals that miss at most this share of the targets",
      ).argParser(openShare).conflicts(["abstain", "confidence", ...correcting]),
    )
    .option("--target <column>", "conformal: what a score, or a pair's margin, stands for")
    .option("--group <column>", "conformal: an interval for each of this column's groups")
    .option("--least-group <count>", "conformal: rows a group needs (default: 50)", countArgument)
    .option("--quantiles <column>", "conformal: start from these quantiles of a quantile head")
    .addOption(
      new Option(
        "--abstain <risk>",
        "instead: mark rows so that at most this share of the others is decided wrongly",
      ).argParser(openShare).conflicts([
        "target",
        "group",
        "leastGroup",
        "quantiles",
        ...correcting,
      ]),
    )
    .option(
      "--confidence <share>",
      "abstain: chance that the risk holds (default: 0.95)",
      openShare,
    );
}

function openShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value < 1) return value;
  throw new InvalidArgumentError("Expected a number between 0 and 1, for example 0.1.");
}
