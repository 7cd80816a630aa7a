/** A stretch of a text, in UTF-16 units. */
export interface Span {
  /** Where it begins. */
  readonly start: number;
  /** Where it ends, exclusive. */
  readonly end: number;
}

/** What decodes to no character by itself. */
const broken = "\ufffd";
/** Most UTF-16 units that one token which is part of a character can stand for. */
const unitsOfPart = 4;

/**
 * Finds tokens in the text that they were made of. White space that a template trimmed or a tokenizer
 * left out is passed over; capitals that a tokenizer made small are found; tokens that are parts of
 * one character share that character's span; tokens after the text, as those that close a message, have
 * an empty span at its end.
 *
 * @param content The text.
 * @param tokens Texts of the tokens, as `decodeToken` gives them, from the first of the text on.
 * @returns One span per token; `undefined` where the tokens are not those of this text.
 */
export function spansOfTokens(content: string, tokens: readonly string[]): Span[] | undefined {
  const spans: Span[] = [];
  const end = content.trimEnd().length;
  let at = 0;
  let parts = 0; // tokens before this one that are parts of a character
  const settle = (until: number): void => {
    spans.push(...spansOfParts(content, at, until, parts));
    [at, parts] = [until, 0];
  };
  for (const token of tokens) {
    if (at >= end && parts === 0) {
      spans.push({ start: content.length, end: content.length });
      continue;
    }
    const found = placeOf(content, token, at, parts);
    if (found === undefined && token.includes(broken)) {
      parts++;
      continue;
    }
    if (found === undefined) {
      // What closes the message, after parts of the last character.
      if (parts === 0 || end - at > unitsOfPart * parts) return undefined;
      settle(end);
      spans.push({ start: content.length, end: content.length });
      continue;
    }
    settle(parts > 0 ? found.start : at);
    spans.push({ start: at, end: found.end });
    at = found.end;
  }
  if (parts > 0 && end - at <= unitsOfPart * parts) settle(end);
  return at >= end && parts === 0 ? spans : undefined;
}

/** Spans of tokens that are parts of the characters between two places. */
function spansOfParts(content: string, start: number, end: number, parts: number): Span[] {
  const spans: Span[] = [];
  let at = start;
  for (const character of content.slice(start, end)) {
    const span = { start: at, end: at += character.length };
    spans.push(...new Array<Span>(new TextEncoder().encode(character).length).fill(span));
  }
  // A token for each byte is found out; what else the parts are of which character is not.
  return spans.length === parts ? spans : new Array<Span>(parts).fill({ start, end });
}

/** Where a token stands: at `at`, or after the characters that the tokens before it are parts of. */
function placeOf(content: string, token: string, at: number, parts: number): Span | undefined {
  const last = parts === 0 ? at : Math.min(content.length, at + unitsOfPart * parts);
  for (let from = parts === 0 ? at : at + 1; from <= last; from++) {
    const end = matchAt(content, token, from);
    if (end !== undefined) return { start: from, end };
  }
  return undefined;
}

/** The end of a token that begins at `from`, white space passed over; `undefined` where it does not. */
function matchAt(content: string, token: string, from: number): number | undefined {
  const bare = token.trimStart().replace(/^##(?=.)/, "");
  const skipped = from + content.slice(from).search(/\S|$/);
  const tries: readonly (readonly [string, number])[] = [[token, from], [bare, skipped]];
  for (const [text, start] of tries) {
    const end = start + text.length;
    const found = content.slice(start, end);
    if (text !== "" && (found === text || found.toLowerCase() === text.toLowerCase())) return end;
  }
  return undefined;
}

/**
 * The words of a text, each with the white space before it; the last one with what follows it.
 *
 * @param content The text.
 */
export function spansOfWords(content: string): Span[] {
  const spans = Array.from(
    content.matchAll(/\s*\S+/g),
    ({ index, 0: { length } }) => ({ start: index, end: index + length }),
  );
  const last = spans.pop();
  if (last === undefined) return content === "" ? [] : [{ start: 0, end: content.length }];
  return [...spans, { start: last.start, end: content.length }];
}
