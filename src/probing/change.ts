/** What a change is applied to: the last thing asked, the response that is scored, or every message. */
export type ChangeTarget = "prompt" | "response" | "conversation";

/** The kinds that changes are listed by. */
export type ChangeKind =
  | "whitespace"
  | "unicode"
  | "casing"
  | "punctuation"
  | "typos"
  | "markdown"
  | "phrases"
  | "language"
  | "length"
  | "framing"
  | "names"
  | "paraphrase";

/**
 * A change that keeps what a text means: a probe scores a text with and without it. Where it does not
 * apply (a text without a list has none to take away), the text comes back as it was.
 */
export interface Change {
  /** Its name, as `assay probe --list` prints it. */
  readonly name: string;
  /** What kind of change it is. */
  readonly kind: ChangeKind;
  /** Where it is applied. */
  readonly target: ChangeTarget;
  /** What it does, for people. */
  readonly summary: string;
  /**
   * The changed text. Code between backticks or fences keeps every character.
   *
   * @param text The text of one message.
   * @param random Draws from [0, 1); the same draws give the same text.
   */
  apply(text: string, random: () => number): string;
}
