import { type Command, Option } from "commander";
import { AssayError } from "../../error.ts";
import type { LoadOptions } from "../../scoring/load_options.ts";
import { ImplicitRewardModel } from "../../scoring/implicit_reward_model.ts";
import { positiveArgument } from "../fit/fit_flags.ts";

/** The flags of implicit rewards. */
export interface ImplicitFlags {
  readonly implicit?: "sum" | "mean" | true;
  readonly reference?: string;
  readonly beta?: number;
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
 * Loads an implicit reward model where the flags ask for one.
 *
 * @returns `undefined` where they don't.
 * @throws {AssayError} `cli/usage` for flags that belong to `--implicit` without it.
 */
export async function loadImplicit(
  model: string,
  flags: ImplicitFlags,
  options: LoadOptions,
): Promise<ImplicitRewardModel | undefined> {
  if (flags.implicit === undefined) {
    if (flags.reference === undefined && flags.beta === undefined) return undefined;
    throw new AssayError("cli/usage", "Cannot score: --reference and --beta need --implicit");
  }
  return await ImplicitRewardModel.load(model, flags.reference, {
    ...options,
    reduce: flags.implicit === "mean" ? "mean" : "sum",
    ...(flags.beta === undefined ? {} : { beta: flags.beta }),
  });
}
