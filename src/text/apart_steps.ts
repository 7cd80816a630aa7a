import type { AddedToken } from "./added_tokens.ts";
import type { EndPlace } from "./step_text.ts";
import type { Encoded, EncodeOptions, GuardedText, Tokenizer } from "./tokenizer.ts";

/** Tokens, and among them the positions of those that were put after steps. */
export interface EncodedSteps extends Encoded {
  readonly ends: readonly number[];
}

/** A text whose steps are cut by themselves. */
export interface ApartText extends GuardedText {
  /** Where the response begins; null where the template does not tell. */
  readonly start: number | null;
  /** Places of the ends of steps. */
  readonly ends: readonly EndPlace[];
}

/**
 * Encodes what stands before the response, each step and what follows the last one by itself, and puts the
 * token of an end after each step.
 *
 * @param tokenizer Encodes a piece.
 * @param control Tokens that must not cross a break.
 * @param text The text, with at least one end.
 * @param end The token that ends a step.
 * @param options As for `Tokenizer.encode`.
 */
export function encodeApart(
  tokenizer: Tokenizer,
  control: ReadonlySet<AddedToken>,
  { text, breaks, start, ends }: ApartText,
  end: number,
  { limit = Infinity, countsOnly }: EncodeOptions,
): EncodedSteps {
  const ids: number[] = [];
  const positions: number[] = [];
  const cuts = [...start === null ? [] : [{ start, end: start }], ...ends];
  let from = 0;
  for (const [index, cut] of [...cuts, { start: text.length, end: text.length }].entries()) {
    const piece = {
      text: text.slice(from, cut.start),
      breaks: breaks.map((place) => place - from),
    };
    const encoded = tokenizer.encode(piece, control, { limit: limit - ids.length, countsOnly });
    const total = ids.length + encoded.total;
    ids.push(...encoded.ids);
    if (!encoded.isComplete) return { ids, ends: positions, isComplete: false, total };
    if (index < cuts.length && cut.end > cut.start) positions.push(ids.push(end) - 1);
    from = cut.end;
  }
  return { ids, ends: positions, isComplete: ids.length <= limit, total: ids.length };
}
