import { type Command, InvalidArgumentError, Option } from "commander";
import type { FitReportOptions } from "../../calibration/fit.ts";
import type { FitOptions } from "../../calibration/settings.ts";
import type { RowFormat } from "../../data/rows.ts";
import {
  countArgument,
  delimiterOption,
  formatOption,
  inputFormatOption,
  outputFileOption,
} from "../arguments.ts";
import { addEloFlags, eloFlagNames, type EloFlags } from "./elo_flags.ts";
import { addCertaintyFlags, certaintyFlagNames, type CertaintyFlags } from "./certainty_flags.ts";

/** The flags of `assay calibrate`. */
export interface CalibrateFlags extends CertaintyFlags, EloFlags {
  readonly method: "mean" | "lwr" | "lwr-penalty" | "penalty";
  readonly feature?: readonly string[] | undefined;
  readonly gamma?: FitOptions["gamma"] | undefined;
  readonly frac?: number | undefined;
  readonly iterations?: number | undefined;
  readonly delta?: number | undefined;
  readonly cycles?: number | undefined;
  readonly ratio?: number | undefined;
  readonly minimumCount?: number | undefined;
  readonly penalty?: number | undefined;
  readonly penaltyFeature?: string | undefined;
  readonly normalizedPenalty?: true | undefined;
  readonly compat: "paper" | "repo";
  readonly seed?: number | undefined;
  readonly center?: boolean | undefined;
  readonly force?: true | undefined;
  readonly tie?: "half" | "wrong" | "random" | undefined;
  readonly fit?: string | undefined;
  readonly apply?: string | undefined;
  readonly preferences?: true | undefined;
  readonly summary?: string | undefined;
  readonly plot?: string | undefined;
  readonly column?: ReadonlyMap<string, string> | undefined;
  readonly subset: string;
  readonly tokenizer?: string | undefined;
  readonly output?: string | undefined;
  readonly format: "jsonl" | "table";
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

/** Flags that decide how a calibrator is fitted, which one that is applied has already decided. */
const fitOnly = [
  "method",
  "feature",
  "gamma",
  "frac",
  "iterations",
  "delta",
  "cycles",
  "ratio",
  "minimumCount",
  "penalty",
  "penaltyFeature",
  "normalizedPenalty",
  "compat",
  "seed",
  "center",
  "force",
  "fit",
  "preferences",
  ...certaintyFlagNames,
  ...eloFlagNames,
];

/** Adds the flags of {@link CalibrateFlags} to a command. */
export function addCalibrateFlags(command: Command): Command {
  return addEloFlags(addCertaintyFlags(addInputFlags(addMethodFlags(command))))
    .option("--fit <file>", "save the fitted calibrator, intervals or threshold as JSON")
    .addOption(
      new Option("--apply <file>", "use a saved calibrator, intervals or threshold")
        .conflicts(fitOnly),
    )
    .option("--summary <file>", "save the diagnostics as JSON")
    .option("--plot <file>", "draw scores against features: .svg or .html", plotArgument)
    .addOption(formatOption())
    .addOption(outputFileOption());
}

function addMethodFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--method <method>", "how the bias is estimated")
        .choices(["lwr", "mean", "lwr-penalty", "penalty"]).default("lwr"),
    )
    .option(
      "--feature <name>",
      "what to correct for: length, tokens, markdown, templated_length, or a numeric column; " +
        "repeat it for several (default: length)",
      gathered,
    )
    .option(
      "--gamma <value>",
      "calibration constant: a number, NAME=NUMBER for one feature, or auto (default: 1)",
      gammaArgument,
    )
    .option("--frac <share>", "lwr: share of the rows in each window (default: 0.9)", share)
    .option("--iterations <count>", "lwr: robustness passes (default: 3)", wholeArgument)
    .option(
      "--delta <distance>",
      "lwr: interpolate fits closer than this (default: 0, up to 20,000 distinct values)",
      atLeastZero,
    )
    .option("--cycles <count>", "several features: back-fitting rounds (default: 1)", countArgument)
    .option("--ratio <number>", "mean: a pair's mean distance over this is half a window", above)
    .option("--minimum-count <count>", "mean: rows a window needs (default: 20)", countArgument)
    .option("--penalty <number>", "penalty: score per unit of length (default: 0.001)", numeric)
    .option("--penalty-feature <name>", "penalty: what it counts (default: the first feature)")
    .option("--normalized-penalty", "penalty: times the standard deviation of the scores")
    .addOption(
      new Option("--compat <preset>", "mean: the paper's window, or that of its released code")
        .choices(["paper", "repo"]).default("paper"),
    )
    .option("--seed <number>", "with --compat repo: seed of its shuffle", wholeArgument)
    .option("--no-center", "let the calibrated scores' mean move to about 0, as published")
    .option("--force", "fit even with fewer rows than the method needs");
}

function addInputFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--preferences", "rows are a judge's preferences against a baseline, not scores")
        .conflicts(["fit", "plot", "feature"]),
    )
    .option(
      "--column <name=column>",
      "read NAME (score, chosen_length, …) from another column; repeat it for several",
      columnArgument,
    )
    .option("--subset <column>", "column that names a pair's subset", "subset")
    .addOption(
      new Option("--tie <rule>", "what equal scores count as in accuracies (default: half)")
        .choices(["half", "wrong", "random"]),
    )
    .option("--tokenizer <checkpoint>", "folder whose tokenizer and template measure responses")
    .addOption(inputFormatOption())
    .addOption(delimiterOption());
}

/** The options of a fit that the flags ask for. */
export function fitOptions(flags: CalibrateFlags): FitOptions & FitReportOptions {
  const given: Record<string, unknown> = {
    method: flags.method,
    features: flags.feature ?? ["length"],
    gamma: flags.gamma,
    frac: flags.frac,
    iterations: flags.iterations,
    delta: flags.delta,
    cycles: flags.cycles,
    ratio: flags.ratio,
    minimumCount: flags.minimumCount,
    penalty: flags.penalty,
    penaltyFeature: flags.penaltyFeature,
    penaltyUnit: flags.normalizedPenalty ? "deviation" : undefined,
    compat: flags.compat,
    seed: flags.seed,
    // Commander sets a --no- flag's default to true; only the flag itself decides.
    center: flags.center === false ? false : undefined,
    force: flags.force,
    tie: flags.tie,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function gathered(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function gammaArgument(text: string, before: FitOptions["gamma"]): FitOptions["gamma"] {
  if (text === "auto") return "auto";
  const named = /^(.+)=([^=]+)$/.exec(text);
  if (named === null) return numeric(text);
  const others = typeof before === "object" ? before : {};
  return { ...others, [named[1]!]: numeric(named[2]!) };
}

/**
 * `--column NAME=COLUMN`, gathered: the name that a command expects → the row's own column.
 *
 * @throws {InvalidArgumentError} Where the text is no such assignment.
 */
export function columnArgument(
  text: string,
  before: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const named = /^([^=]+)=(.+)$/.exec(text);
  if (named === null) {
    throw new InvalidArgumentError("Expected NAME=COLUMN, for example score=reward.");
  }
  return new Map([...before, [named[1]!, named[2]!]]);
}

function plotArgument(text: string): string {
  if (/\.(svg|html?)$/i.test(text)) return text;
  throw new InvalidArgumentError("Expected a file name that ends in .svg or .html.");
}

function numeric(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new InvalidArgumentError("Expected a number.");
  }
  return value;
}

function share(text: string): number {
  const value = numeric(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError("Expected a number from 0 to 1.");
  return value;
}

function atLeastZero(text: string): number {
  const value = numeric(text);
  if (value < 0) throw new InvalidArgumentError("Expected a number of 0 or more.");
  return value;
}

function above(text: string): number {
  const value = numeric(text);
  if (value <= 0) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

/**
 * A whole number of 0 or more.
 *
 * @throws {InvalidArgumentError} Where the text is none.
 */
export function wholeArgument(text: string): number {
  const value = numeric(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new InvalidArgumentError("Expected a whole number of 0 or more.");
  }
  return value;
}
