import type { LoadOptions } from "../scoring/load_options.ts";

/** Settings that can change a score, by name. */
export type ReadingSettings = Readonly<Record<string, string | number | boolean>>;

/**
 * How a model is told to read conversations and its head, as far as a score can depend on it: what a cache
 * of scores, and machines that score together, hold against each other. What computes is not in it.
 */
export function readingSettings(load: LoadOptions): ReadingSettings {
  return {
    ...(load.weights !== undefined && {
      weights: load.weights,
      weightGroup: load.weightGroup ?? 32,
    }),
    truncate: load.truncate ?? "error",
    trustSpecialTokens: load.trustSpecialTokens ?? false,
    ...(load.maxTokens !== undefined && { maxTokens: load.maxTokens }),
    ...(load.pooling === "last-not-pad" && { pooling: load.pooling }),
    ...(load.form !== undefined && { form: load.form }),
    ...(load.label !== undefined && { label: load.label }),
    ...askedSettings(load),
  };
}

/** What was asked of the head, where anything was. */
function askedSettings(load: LoadOptions): Record<string, string> {
  const { logit, logits, stepToken, stepTurns, reduceSteps, chatTemplate } = load;
  const asked = { logit, logits, stepToken, stepTurns, reduceSteps, chatTemplate };
  const given = Object.entries(asked).filter(([, value]) => value !== undefined && value !== false);
  return Object.fromEntries(given.map(([name, value]) => [name, JSON.stringify(value)]));
}
