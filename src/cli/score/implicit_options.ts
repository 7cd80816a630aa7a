import { type Command, Option } from "commander";
import { AssayError } from "../../error.ts";
import type { ImplicitSpec } from "../../tasks/score/open_scorer.ts";
import { positiveArgument } from "../fit/fit_flags.ts";

/** The flags of implicit rewards. */
export interface ImplicitFlags {
  readonly implicit?: "sum" | "mean" | true | undefined;
  readonly reference?: string | undefined;
  readonly beta?: number | undefined;
}

/** Adds the flags of {@link ImplicitFlags} to a command. */
export function addImplicitFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--implicit [reduce]",
        "score by the log-probabilities of a model trained by DPO, the sum or mean over the " +
          "response's tokens (default: sum)",
      ).choices(["sum", "mean"]),
    )
    .option("--reference <model>", "with --implicit: the model it was trained from")
    .option(
      "--beta <number>",
      "with --implicit: what rewards are multiplied with",
      positiveArgument,
    );
}

/**
 * The implicit rewards that the flags ask for; `undefined` where they ask for none.
 *
 * @throws {AssayError} `cli/usage` for flags that belong to `--implicit` without it.
 */
export function implicitSpec(flags: ImplicitFlags): ImplicitSpec | undefined {
  const { implicit, reference, beta } = flags;
  if (implicit !== undefined) {
    return { reference, beta, reduce: implicit === "mean" ? "mean" : "sum" };
  }
  if (reference === undefined && beta === undefined) return undefined;
  throw new AssayError("cli/usage", "Cannot score: --reference and --beta need --implicit");
}
