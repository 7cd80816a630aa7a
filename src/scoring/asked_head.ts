import { AssayError } from "../error.ts";
import type { Asked, NamedToken } from "../heads/asked.ts";
import { publishedStepToken } from "../heads/process_reward.ts";
import { findTokens } from "../text/find_token.ts";
import type { TextFiles } from "../text/tokenizer_files.ts";
import type { LoadOptions, TokenName } from "./load_options.ts";

/** The options that ask for a head, or say how one is read. */
export type AskingOptions = Pick<
  LoadOptions,
  "logit" | "logits" | "stepToken" | "stepTurns" | "reduceSteps"
>;

/**
 * What the options ask of a checkpoint, their tokens found in its vocabulary.
 *
 * @param files The checkpoint's text files.
 * @param config Its `config.json`: some process reward models are known to have one token for steps.
 * @throws {AssayError} `scoring/bad-option`, `text/no-such-token`, and what reading the tokenizer throws.
 */
export async function askedOf(
  files: TextFiles,
  config: Readonly<Record<string, unknown>>,
  options: AskingOptions,
): Promise<Asked> {
  const { logit, logits, stepTurns, reduceSteps: reduction } = options;
  if (logit !== undefined && logits !== undefined) {
    throw contradiction("either logit or logits", "both");
  }
  if (stepTurns && options.stepToken !== undefined) {
    throw contradiction("either stepToken or stepTurns", "both");
  }
  const stepToken = options.stepToken ?? (stepTurns ? undefined : publishedStepToken(config));
  const names = logits ?? (logit === undefined ? [] : [logit]);
  const wanted: readonly TokenName[] = stepToken === undefined ? names : [...names, stepToken];
  const found: readonly NamedToken[] = await findTokens(files, wanted);
  const [first, second] = found;
  const end = stepTurns ? "turns" : stepToken === undefined ? undefined : found.at(-1)!;
  if (end === undefined && reduction !== undefined) {
    throw contradiction(
      "reduceSteps beside stepToken or stepTurns (--reduce-steps beside --step-token or --step-turns), or " +
        "a model whose token for steps is known",
      "neither",
    );
  }
  return {
    logits: names.length === 0 ? undefined : names.length === 1 ? [first!] : [first!, second!],
    steps: end === undefined ? undefined : { end, reduction: reduction ?? "last" },
  };
}

/**
 * Refuses options that ask for a head where none is loaded.
 *
 * @throws {AssayError} `scoring/bad-option`.
 */
export function refuseAsking(options: AskingOptions): void {
  for (const name of ["logit", "logits", "stepToken", "stepTurns", "reduceSteps"] as const) {
    if (options[name] === undefined || options[name] === false) continue;
    throw contradiction(`no option ${name}, which asks for a model's own head`, "one");
  }
}

function contradiction(expected: string, found: string): AssayError {
  return new AssayError(
    "scoring/bad-option",
    `Cannot load the model: expected ${expected}, found ${found}`,
  );
}
