import { type Command, InvalidArgumentError, Option } from "commander";
import type { RowFormat } from "../../data/rows.ts";
import type { MixtureShares } from "../../fitting/pair_mixture.ts";
import { countArgument, delimiterOption, inputFormatOption } from "../arguments.ts";
import { addModelFlags, type ModelFlags } from "../model_options.ts";

/** Flags of the commands that fit a head. */
export interface FitFlags extends ModelFlags {
  readonly output: string;
  readonly features?: string | undefined;
  readonly link?: true | undefined;
  readonly rating?: readonly string[] | undefined;
  readonly source: string;
  readonly heldOut: number;
  readonly seed: number;
  readonly dtype: "F32" | "BF16" | "F16";
  readonly format?: "jsonl" | "table" | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

/** Adds the flags of {@link FitFlags} to a command. */
export function addFitFlags(command: Command): Command {
  command
    .requiredOption("--output <folder>", "where the checkpoint goes")
    .option("--link", "link the backbone's files instead of copying them, where they hold no head")
    .option(
      "--features <folder>",
      "features that fit features made; with INPUT, where to keep them (default: OUTPUT/features)",
    );
  addColumnFlags(command)
    .option(
      "--held-out <share>",
      "share of prompts to measure by, where rows have no split",
      shareArgument,
      0.2,
    )
    .option("--seed <number>", "another seed, another split and another start", seedArgument, 0)
    .addOption(
      new Option("--dtype <type>", "element type of the head").choices(["F32", "BF16", "F16"])
        .default("F32"),
    )
    .addOption(
      new Option("--format <format>", "the report (default: text at a terminal, else JSON Lines)")
        .choices(["jsonl", "table"]),
    )
    .addOption(inputFormatOption())
    .addOption(delimiterOption());
  return addModelFlags(command);
}

/** `--rating` and `--source`, for columns that go by names of their own. */
export function addColumnFlags(command: Command): Command {
  return command
    .option(
      "--rating <column>",
      "column that holds a rating of the row's response (repeatable); ratings is always read",
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option("--source <column>", "column that tells where a row comes from", "source");
}

/** Flags of the optimiser, with the command's own defaults. */
export function addTrainingFlags(
  command: Command,
  defaults: { steps: number; batchSize: number; rate: number; weightDecay: number },
): Command {
  return command
    .option("--steps <count>", "steps of the training", countArgument, defaults.steps)
    .option("--pairs-per-step <count>", "pairs in a step", countArgument, defaults.batchSize)
    .option(
      "--rate <number>",
      "learning rate, which falls along a cosine",
      positiveArgument,
      defaults.rate,
    )
    .option("--weight-decay <number>", "weight decay", amountArgument, defaults.weightDecay)
    .option(
      "--mixture <shares>",
      "each source's share of every step and of the figures, as web=0.8,people=0.2 (default: all pairs alike)",
      mixtureArgument,
    );
}

/** Flags of {@link addTrainingFlags}. */
export interface TrainingFlags {
  readonly steps: number;
  readonly pairsPerStep: number;
  readonly rate: number;
  readonly weightDecay: number;
  readonly mixture?: MixtureShares | undefined;
}

/** Names with commas between them. */
export function listArgument(text: string): readonly string[] {
  return text.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

function mixtureArgument(text: string): MixtureShares {
  return Object.fromEntries(
    listArgument(text).map((item) => {
      const at = item.lastIndexOf("=");
      if (at < 1) {
        throw new InvalidArgumentError("Expected SOURCE=SHARE, with commas between several.");
      }
      return [item.slice(0, at).trim(), positiveArgument(item.slice(at + 1))];
    }),
  );
}

/** A number above 0. */
export function positiveArgument(text: string): number {
  return checked(text, (x) => x > 0, "Expected a number above 0.");
}

/** A number of at least 0. */
export function amountArgument(text: string): number {
  return checked(text, (x) => x >= 0, "Expected a number of at least 0.");
}

/** A share, from 0 to below 1. */
export function shareArgument(text: string): number {
  return checked(text, (x) => x >= 0 && x < 1, "Expected a number from 0 to below 1.");
}

/** Any finite number. */
export function numberArgument(text: string): number {
  return checked(text, () => true, "Expected a number.");
}

/** A whole number of at least 0. */
export function seedArgument(text: string): number {
  return checked(text, (x) => Number.isSafeInteger(x) && x >= 0, "Expected a whole number.");
}

function checked(text: string, isRight: (x: number) => boolean, expected: string): number {
  const number = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(number) || !isRight(number)) throw new InvalidArgumentError(expected);
  return number;
}
