import { type Command, Option } from "commander";
import { certaintyFlagNames } from "./certainty_flags.ts";

/** The flags of `assay calibrate` that hold scores against an Elo table. */
export interface EloFlags {
  readonly elo?: string | undefined;
  readonly reference?: string | undefined;
  readonly modelColumn?: string | undefined;
  readonly promptColumn?: string | undefined;
}

/** Their names, none of which goes with a calibrator that is applied. */
export const eloFlagNames = ["elo", "reference", "modelColumn", "promptColumn"];

/** What estimates a bias in another way. */
const otherFits = ["method", "feature", "gamma", "preferences", "plot", "tokenizer", "force"];

/** Adds the flags of {@link EloFlags} to a command. */
export function addEloFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--elo <file>",
        "instead: offsets by model that make win rates agree with ratings, a JSON object by model",
      ).conflicts([...otherFits, ...certaintyFlagNames]),
    )
    .option("--reference <model>", "elo: the model that the others are held against")
    .option(
      "--model-column <name>",
      "elo: column that names a response's model, a pair's with chosen_ and rejected_ before it, " +
        "candidates' a list (default: model)",
    )
    .option(
      "--prompt-column <name>",
      "elo: column that tells prompts apart (default: the prompt's text)",
    );
}
