import { AssayError } from "../error.ts";

/** Stages of one `Sequence`; published tokenizers have less than ten. */
export const maxStages = 64;
/** What a stage may make of any text, and of each of its UTF-16 units. */
const baseUnits = 10_000;
const unitsPerUnit = 32;

/**
 * How long a text may become on its way through a tokenizer's stages. The largest growth that Unicode
 * knows is eighteenfold; stages of a file can double a text again and again.
 *
 * @param units UTF-16 units of the text as it came.
 */
export function growthLimit(units: number): number {
  return baseUnits + unitsPerUnit * units;
}

/**
 * Refuses what has grown too long.
 *
 * @param stage What made it, as `tokenizer.json` calls it.
 * @param units UTF-16 units that it has, or would have.
 * @param limit What {@link growthLimit} allows.
 * @throws {AssayError} `text/tokenizer-runaway`.
 */
export function checkGrowth(stage: string, units: number, limit: number): void {
  if (units <= limit) return;
  throw new AssayError(
    "text/tokenizer-runaway",
    `Cannot tokenize: expected the ${stage} of tokenizer.json to make at most ${limit} characters of ` +
      `this text, found at least ${units}; look at its stages, those of a published tokenizer make ` +
      "a text a few times as long at most",
  );
}
