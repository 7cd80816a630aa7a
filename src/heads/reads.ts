import type { StepEnd } from "../text/step_text.ts";

/**
 * A position of a conversation, or several, whose final hidden states a head reads:
 *
 * - `first`, `last`: the first or the last token;
 * - `last-not`: the last token that is another than this one, as transformers pools where sequences are
 *   padded with it; the first token where there is no other;
 * - `mean`: every token; the head is given the mean of their states, one row;
 * - `header`: the first token of the last assistant header, the end of the prompt, which all responses
 *   to it share; a conversation without one is an error;
 * - `response`: every token of the response;
 * - `foretelling`: every token before one of the response's, whose state foretells it;
 * - `token`: each occurrence of a token, wherever it stands;
 * - `step`: each token that ends a step of the response; one that stands in the prompt ends none;
 * - `turn`: the last token of each assistant header, which foretells the turn's first token;
 * - `pattern`: the first token of the last occurrence of a row of tokens.
 */
export type Read =
  | { readonly at: "first" | "last" | "mean" | "header" | "response" | "foretelling" | "turn" }
  | { readonly at: "token" | "last-not"; readonly id: number }
  | StepRead
  | { readonly at: "pattern"; readonly ids: readonly number[] };

/** A read of the tokens that end steps. */
export interface StepRead extends StepEnd {
  readonly at: "step";
}

/** What a head reads, by its own names: they stand in `inspect` and where its positions are shown. */
export type Reads = Readonly<Record<string, Read>>;

/** Whether the assistant header must be found in a template and in every conversation. */
export function needsHeader(reads: Reads): boolean {
  return Object.values(reads).some(({ at }) => at === "header" || at === "turn");
}
