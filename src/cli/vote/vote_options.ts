import { type Command, InvalidArgumentError, Option } from "commander";
import { paperQuantiles } from "../../voting/categories.ts";
import { type Aggregation, aggregations } from "../../voting/committee.ts";
import type { MajorityTie } from "../../voting/majority_vote.ts";
import type { TallyOptions } from "../../voting/tally.ts";
import { countArgument } from "../arguments.ts";

/** The flags that say how votes are counted. */
export interface TallyFlags {
  readonly aggregate: Aggregation;
  readonly normalize?: "std" | "none" | undefined;
  readonly quantiles?: readonly [number, number, number] | undefined;
  readonly thresholds?: readonly [number, number, number] | undefined;
  readonly trim?: number | undefined;
  readonly varianceWeight?: number | undefined;
  readonly stdWeight?: number | undefined;
  readonly tie?: MajorityTie | undefined;
  readonly groups: number;
}

/** Short names that the papers use. */
const shortNames: Readonly<Record<string, Aggregation>> = {
  trimmed: "trimmed-mean",
  wco: "worst-case",
  uwo: "uncertainty-weighted",
  lcb: "lower-confidence-bound",
};

/** Adds the flags of {@linkcode TallyFlags} to a command. */
export function addTallyFlags(command: Command): Command {
  return command
    .option(
      "--aggregate <how>",
      `how scores are put together: ${aggregations.join(", ")} (short: ${
        Object.keys(shortNames).join(", ")
      })`,
      aggregationArgument,
      "mean",
    )
    .addOption(
      new Option(
        "--normalize [how]",
        "std: divide each voter's margins by their own spread, and standardise its scores, for " +
          "voters of different kinds; no vote changes sides",
      ).choices(["std", "none"]).preset("std"),
    )
    .option(
      "--quantiles <a,b,c>",
      `positions where incorrect and ambiguous end and strong begins (default: ${
        paperQuantiles.join(",")
      })`,
      boundsArgument,
    )
    .addOption(
      new Option(
        "--thresholds <a,b,c>",
        "the same three bounds as strengths, for example -0.5,0.5,3",
      )
        .argParser(boundsArgument).conflicts("quantiles"),
    )
    .option("--groups <n>", "groups of equal size in the summary and the plot", countArgument, 20)
    .option(
      "--trim <share>",
      "trimmed-mean: share cut off at each end (default: 0.2)",
      numberArgument,
    )
    .option("--variance-weight <x>", "uncertainty-weighted: λ (default: 0.5)", numberArgument)
    .option("--std-weight <x>", "lower-confidence-bound: β (default: 1)", numberArgument)
    .addOption(
      new Option("--tie <rule>", "majority: what a level vote comes to (default: mean)")
        .choices(["mean", "half", "wrong"]),
    );
}

/** The options that the flags ask for. */
export function tallyOptions(flags: TallyFlags): TallyOptions {
  const { aggregate, normalize = "none", trim, varianceWeight, stdWeight, tie } = flags;
  const { quantiles, thresholds } = flags;
  const bounds = { quantiles, thresholds };
  return { aggregation: aggregate, normalize, bounds, trim, varianceWeight, stdWeight, tie };
}

/**
 * A finite number.
 *
 * @throws {InvalidArgumentError} Where the text is none.
 */
export function numberArgument(text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number)) return number;
  throw new InvalidArgumentError("Expected a number.");
}

/**
 * Three ascending numbers with commas between them.
 *
 * @throws {InvalidArgumentError} Where the text is something else.
 */
export function boundsArgument(text: string): readonly [number, number, number] {
  const [a, b, c, ...rest] = text.split(",").map(numberArgument);
  if (c !== undefined && rest.length === 0 && a! <= b! && b! <= c) return [a!, b!, c];
  throw new InvalidArgumentError("Expected three ascending numbers, for example 0.2,0.4,0.9.");
}

function aggregationArgument(text: string): Aggregation {
  const name = shortNames[text] ?? text;
  const found = aggregations.find((aggregation) => aggregation === name);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`Allowed choices are ${aggregations.join(", ")}.`);
}
