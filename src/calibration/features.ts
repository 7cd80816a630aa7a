import { AssayError } from "../error.ts";
import { ownValue, setOwnValue } from "../own_value.ts";

/**
 * What is known of one scored response when a feature is measured on it. Everything is optional: a
 * feature says `undefined` where it can't be measured from what is there.
 */
export interface FeatureSource {
  /** The response's text. */
  readonly response?: string | undefined;
  /** The prompt's text, all messages before the response. */
  readonly prompt?: string | undefined;
  /** The whole conversation as the model reads it, chat template included. */
  readonly templated?: string | undefined;
  /** How many tokens the response has, where a tokenizer or a score row says so. */
  readonly tokens?: number | undefined;
  /** Columns of the row by name; for one side of a pair, without the side's prefix. */
  readonly columns?: Readonly<Record<string, unknown>> | undefined;
}

/** A property of a response that a score may be biased by: a name and how to measure it. */
export interface Feature {
  /** The name by which calibrators and rows refer to it. */
  readonly name: string;
  /**
   * Measures one response.
   *
   * @param source What is known of the response.
   * @returns The value, or `undefined` where the source does not have what it takes.
   */
  measure(source: FeatureSource): number | undefined;
}

/**
 * Number of Unicode code points of a text: what Python's `len` counts, and not `.length`, which
 * counts an emoji twice.
 *
 * @example
 * ```ts
 * import { codePointLength } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * assert.equal(codePointLength("naïve 👍"), 7);
 * ```
 *
 * @param text Any text; a lone surrogate counts as one.
 */
export function codePointLength(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(i + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      count--;
      i++;
    }
  }
  return count;
}

// Python's \s and \d for text, which differ from JavaScript's in a few characters, and its line
// start: after "\n" only.
const whiteSpace =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const spaceInLine =
  "[\\t\\v-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const header = new RegExp(`(?<![^\\n])${whiteSpace}{0,3}#{1,6}${whiteSpace}+`, "gu");
// As `^\s*[-+*] |\d+\.\s` finds them, written with lookbehinds so that a long run of spaces or of
// digits costs linear time.
const listItem = new RegExp(
  `(?<=(?:^|\\n)${spaceInLine}*)[-+*] |(?<!\\p{Nd})\\p{Nd}+\\.${whiteSpace}`,
  "gu",
);
const boldSpan = /\*\*([^\n]*?)\*\*|__([^\n]*?)__/gu;

/**
 * Number of markdown elements of a text: headers, list items and bold spans, counted as the
 * published calibration runs do (a number, a full stop and a space count as a list item anywhere in
 * a line).
 *
 * @example
 * ```ts
 * import { markdownElements } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * assert.equal(markdownElements("# Title\n- one\n- **two**\n"), 4);
 * ```
 *
 * @param text Any text.
 */
export function markdownElements(text: string): number {
  let count = 0;
  for (const pattern of [header, listItem, boldSpan]) {
    for (const _match of text.matchAll(pattern)) count++;
  }
  return count;
}

/** Length in Unicode code points: a `length` column where there is one, else the response's. */
export const lengthFeature: Feature = {
  name: "length",
  measure: ({ columns, response }) =>
    numeric(columns?.length) ?? (response === undefined ? undefined : codePointLength(response)),
};

/** Length in tokens: a `tokens` column, or as a tokenizer counted them. */
export const tokensFeature: Feature = {
  name: "tokens",
  measure: ({ columns, tokens }) => numeric(columns?.tokens) ?? tokens,
};

/** Markdown elements: a `markdown` column, or counted in the response. */
export const markdownFeature: Feature = {
  name: "markdown",
  measure: ({ columns, response }) =>
    numeric(columns?.markdown) ?? (response === undefined ? undefined : markdownElements(response)),
};

/**
 * Length in code points of the text that the model reads, which the published length penalty
 * counts: a `templated_length` column, the templated text, or prompt and response together where
 * the template is not known.
 */
export const templatedLengthFeature: Feature = {
  name: "templated_length",
  measure: ({ columns, templated, prompt, response }) => {
    const column = numeric(columns?.templated_length);
    if (column !== undefined) return column;
    if (templated !== undefined) return codePointLength(templated);
    if (prompt === undefined || response === undefined) return undefined;
    return codePointLength(prompt) + codePointLength(response);
  },
};

/**
 * Any numeric column of a row as a feature.
 *
 * @example
 * ```ts
 * import { columnFeature } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * assert.equal(columnFeature("similarity").measure({ columns: { similarity: "0.5" } }), 0.5);
 * ```
 *
 * @param name The column; for one side of a pair it is read with the side's prefix
 *   (`chosen_`, `rejected_`).
 */
export function columnFeature(name: string): Feature {
  return { name, measure: ({ columns }) => numeric(ownValue(columns, name)) };
}

const builtIn: readonly Feature[] = [
  lengthFeature,
  tokensFeature,
  markdownFeature,
  templatedLengthFeature,
];

/**
 * The feature of a name: one of the caller's own, one of `length`, `tokens`, `markdown`,
 * `templated_length`, or else the numeric column of that name.
 *
 * @param name Feature or column name.
 * @param own Features of the caller, looked at first.
 * @throws {AssayError} `calibration/bad-option` for an empty name.
 */
export function featureNamed(name: string, own: readonly Feature[] = []): Feature {
  if (name === "") {
    throw new AssayError(
      "calibration/bad-option",
      "Cannot choose a feature: expected length, tokens, markdown, templated_length or a column's name, found an empty name",
    );
  }
  return [...own, ...builtIn].find((feature) => feature.name === name) ?? columnFeature(name);
}

/**
 * Measures features on one response.
 *
 * @param features What to measure.
 * @param source What is known of the response.
 * @returns One finite number per feature name.
 * @throws {AssayError} `calibration/missing-feature` where one can't be measured,
 *   `calibration/not-finite` where one is NaN or infinite.
 */
export function measureFeatures(
  features: readonly Feature[],
  source: FeatureSource,
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const feature of features) {
    const value = feature.measure(source);
    if (value === undefined) {
      throw new AssayError(
        "calibration/missing-feature",
        `Cannot measure the feature "${feature.name}": expected a column "${feature.name}" or the text to measure it on, found neither`,
      );
    }
    if (!Number.isFinite(value)) {
      throw new AssayError(
        "calibration/not-finite",
        `Cannot use the feature "${feature.name}": expected a finite number, found ${value}`,
      );
    }
    setOwnValue(values, feature.name, value);
  }
  return values;
}

/** A number, or a number written as text (CSV); `undefined` for anything else. */
function numeric(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value) && value.length === 1) return numeric(value[0]);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") {
    if (value.trim() === "") return undefined;
    const number = Number(value);
    if (!Number.isNaN(number)) return number;
    if (/^[+-]?(nan|inf(inity)?)$/i.test(value.trim())) return NaN;
  }
  // Measured on the text instead, it would be another number than the one that was given.
  throw new AssayError(
    "calibration/missing-feature",
    `Cannot read a feature from its column: expected a number, found ${
      (JSON.stringify(value) ?? String(value)).slice(0, 60)
    }`,
  );
}
