import { type Command, InvalidArgumentError, Option } from "commander";
import { type StepReduction, stepReductions } from "../heads/asked.ts";
import type { AskingOptions } from "../scoring/asked_head.ts";
import type { TokenName } from "../scoring/load_options.ts";

/** The flags that ask for a head that no file of a checkpoint tells of. */
export interface HeadFlags {
  readonly logit?: TokenName | undefined;
  readonly logits?: readonly [TokenName, TokenName] | undefined;
  readonly stepToken?: TokenName | undefined;
  readonly stepTurns?: true | undefined;
  readonly reduceSteps?: StepReduction | undefined;
}

/** Adds the flags of {@link HeadFlags} to a command. */
export function addHeadFlags(command: Command): Command {
  return command
    .option(
      "--logit <token>",
      "score with a causal model: the raw logit of this token after the last one (a text that is one " +
        "token, or id:NUMBER)",
      tokenArgument,
    )
    .option(
      "--logits <yes,no>",
      "the same by two tokens: the logit of the first minus that of the second",
      twoTokensArgument,
    )
    .option(
      "--step-token <token>",
      "the token that ends a step, for process rewards",
      tokenArgument,
    )
    .option("--step-turns", "with --logits: each of the assistant's turns is a step")
    .addOption(
      new Option(
        "--reduce-steps <how>",
        "what the score is of the scores of the steps (default: last)",
      ).choices(stepReductions),
    );
}

/** The load options that the flags ask for. */
export function headOptions(flags: HeadFlags): AskingOptions {
  const { logit, logits, stepToken, stepTurns, reduceSteps } = flags;
  return { logit, logits, stepToken, stepTurns, reduceSteps };
}

/**
 * A token as people write it: its text, or `id:` and its number. Digits alone may mean either.
 *
 * @throws {InvalidArgumentError} For digits alone, and for nothing.
 */
export function tokenArgument(text: string): TokenName {
  const [, id] = /^id:(\d{1,9})$/.exec(text) ?? [];
  if (id !== undefined) return Number(id);
  if (text.startsWith("text:") && text.length > 5) return text.slice(5);
  if (text === "") throw new InvalidArgumentError("Expected a token.");
  if (!/^\d+$/.test(text)) return text;
  throw new InvalidArgumentError(
    `Expected id:${text} for the token with that number, or text:${text} for the one with that text.`,
  );
}

function twoTokensArgument(text: string): readonly [TokenName, TokenName] {
  const [first, second, ...more] = text.split(",");
  if (first === undefined || second === undefined || more.length > 0) {
    throw new InvalidArgumentError("Expected two tokens with a comma between, as yes,no.");
  }
  return [tokenArgument(first), tokenArgument(second)];
}
