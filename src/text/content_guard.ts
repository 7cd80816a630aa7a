import type { AddedToken } from "./added_tokens.ts";
import type { Origin, TextValue } from "./jinja/text_value.ts";
import { isPythonSpace } from "./jinja/python_space.ts";
import type { GuardedText } from "./tokenizer.ts";

/**
 * Keeps control tokens that are written inside messages from becoming control tokens.
 *
 * A template sees contents as they are, and what it writes carries along which stretches came from a
 * message (`ChatTemplate.trace`; roles are checked against the template's, see `checkConversation`).
 * {@link ContentGuard.guard} then puts a break inside each control token's text of which any
 * character came from there, so that it is encoded as text; all others are the template's own. A
 * control token cannot be put together from parts either, neither from two contents nor from a
 * content and the template's words beside it. Text without control tokens is not touched at all.
 */
export class ContentGuard {
  readonly #contents: readonly string[];
  readonly #normalizedContents: readonly string[];
  readonly #normalize: (text: string) => string;

  /**
   * @param control The control tokens.
   * @param normalize The tokenizer's normalizer, for control tokens that it looks for in normalized
   * text.
   */
  constructor(control: Iterable<AddedToken>, normalize: (text: string) => string) {
    const tokens = [...control];
    this.#normalize = normalize;
    this.#contents = tokens.map((token) => token.content).filter((content) => content !== "");
    // A normalizer may put "▁" before the token; content can have it after any text.
    this.#normalizedContents = tokens.filter((token) => token.normalized)
      .map((token) => normalize(token.content).replace(/^\u2581/, ""))
      .filter((content) => content !== "");
  }

  /**
   * Finds the places that no control token may stretch across.
   *
   * @param rendered What the template wrote.
   * @returns The text with those places.
   */
  guard({ text, origins }: TextValue): GuardedText {
    if (origins.length === 0) return { text, breaks: [] };
    const places = new Set<number>();
    for (const content of this.#contents) {
      for (let at = text.indexOf(content); at >= 0; at = text.indexOf(content, at + 1)) {
        const foreign = foreignWithin(origins, at, at + content.length);
        if (foreign !== undefined) places.add(placeOf(text, content, at, foreign));
      }
    }
    if (this.#normalizedContents.length > 0) this.#addLookalikes(text, origins, places);
    return { text, breaks: [...places].sort((a, b) => a - b) };
  }

  /** Content that only becomes a control token when normalized is marked at every character. */
  #addLookalikes(text: string, origins: readonly Origin[], places: Set<number>): void {
    for (const [start, end] of joined(origins)) {
      const part = text.slice(start, end);
      const normalized = this.#normalize(part);
      if (!this.#normalizedContents.some((content) => normalized.includes(content))) continue;
      let place = start;
      for (const character of part) places.add(place += character.length);
    }
  }
}

/**
 * Where the last message's content begins in a rendered text, from its first character on that is not
 * whitespace.
 *
 * @param rendered What the template wrote.
 * @param last Index of the last message.
 * @returns Offset into the text; null where the template leaves that content out, writes it twice or in
 * another order.
 */
export function findResponse({ text, origins }: TextValue, last: number): number | null {
  let read = 0;
  let first: number | null = null;
  for (const { start, end, source, offset } of origins) {
    if (source !== last) continue;
    // Characters that were changed are taken to be in order: a filter changes them where they stand.
    if (offset >= 0 && offset < read) return null;
    read = Math.max(read, offset + end - start);
    if (first !== null) continue;
    let place = start;
    while (place < end && isPythonSpace(text[place]!)) place++;
    if (place < end) first = place;
  }
  return first;
}

/** The first place in `[start, end)` that came from outside. */
function foreignWithin(origins: readonly Origin[], start: number, end: number): number | undefined {
  let [low, high] = [0, origins.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (origins[middle]!.end <= start) low = middle + 1;
    else high = middle;
  }
  const origin = origins[low];
  return origin !== undefined && origin.start < end ? Math.max(origin.start, start) : undefined;
}

/**
 * The break in a control token's text: beside a character from outside, so that it stands in no
 * control token that is all the template's. One code point has no inside, so its break goes before it.
 */
function placeOf(text: string, content: string, at: number, foreign: number): number {
  if (foreign > at) return foreign;
  const first = String.fromCodePoint(text.codePointAt(at)!).length;
  return first === content.length ? at : at + first;
}

/** Stretches from outside, those that touch as one. */
function joined(origins: readonly Origin[]): [start: number, end: number][] {
  const ranges: [number, number][] = [];
  for (const { start, end } of origins) {
    const last = ranges.at(-1);
    if (last?.[1] === start) last[1] = end;
    else ranges.push([start, end]);
  }
  return ranges;
}
