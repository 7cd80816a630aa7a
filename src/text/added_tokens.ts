/** A token that the tokenizer splits off before anything else, as `tokenizer.json` lists it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Whether it controls the model (`<|eot_id|>`) rather than abbreviates text. */
  readonly special: boolean;
  /** Whether it is looked for in the normalized text rather than in the text as given. */
  readonly normalized: boolean;
  /** Whether it takes the whitespace on its left with it. */
  readonly lstrip: boolean;
  /** Whether it takes the whitespace on its right with it. */
  readonly rstrip: boolean;
  /** Whether it counts only where no word character touches it. */
  readonly singleWord: boolean;
}

/** A stretch of text, `[start, end)` in UTF-16 units, and the added token it is, if any. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly token: AddedToken | undefined;
}

interface TrieNode {
  readonly children: Map<number, TrieNode>;
  token: AddedToken | undefined;
}

const wordCharacter = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const whiteSpace = /\p{White_Space}/u;

/**
 * Finds added tokens in text as the Rust `tokenizers` does: the leftmost, and of those that start
 * there the longest; then `single_word`, `lstrip` and `rstrip`.
 * Source: `AddedVocabulary::find_matches`.
 */
export class AddedTokenSplitter {
  readonly #root: TrieNode = { children: new Map(), token: undefined };
  /** Number of tokens looked for. */
  readonly size: number;

  /** @param patterns What to look for, and the token each pattern stands for. */
  constructor(patterns: Iterable<readonly [pattern: string, token: AddedToken]>) {
    let size = 0;
    for (const [pattern, token] of patterns) {
      if (pattern.length === 0) continue;
      let node = this.#root;
      for (let index = 0; index < pattern.length; index++) {
        const unit = pattern.charCodeAt(index);
        let child = node.children.get(unit);
        if (child === undefined) {
          child = { children: new Map(), token: undefined };
          node.children.set(unit, child);
        }
        node = child;
      }
      node.token ??= token;
      size++;
    }
    this.size = size;
  }

  /**
   * Cuts a text into added tokens and the stretches between them.
   *
   * @param text Text to cut.
   * @param isAllowed Whether a token may stand at `[start, end)`; where it may not, a shorter one that
   * starts there may.
   * @returns Segments in order that cover the text, except whitespace that a token has swallowed.
   */
  split(
    text: string,
    isAllowed: (token: AddedToken, start: number, end: number) => boolean = () => true,
  ): Segment[] {
    const segments: Segment[] = [];
    let covered = 0;
    let index = 0;
    while (index < text.length) {
      const match = this.#longest(text, index, isAllowed);
      if (match === undefined) {
        index++;
        continue;
      }
      const [token, matchEnd] = match;
      const matchStart = index;
      index = matchEnd;
      if (token.singleWord && touchesWord(text, matchStart, matchEnd)) continue;
      const start = token.lstrip ? skipSpacesBack(text, covered, matchStart) : matchStart;
      const end = token.rstrip ? skipSpaces(text, matchEnd) : matchEnd;
      if (covered < start) segments.push({ start: covered, end: start, token: undefined });
      segments.push({ start, end, token });
      covered = end;
    }
    if (covered < text.length) {
      segments.push({ start: covered, end: text.length, token: undefined });
    }
    return segments;
  }

  #longest(
    text: string,
    start: number,
    isAllowed: (token: AddedToken, start: number, end: number) => boolean,
  ): [AddedToken, number] | undefined {
    let node = this.#root.children.get(text.charCodeAt(start));
    let found: [AddedToken, number] | undefined;
    for (let end = start + 1; node !== undefined; end++) {
      if (node.token !== undefined && isAllowed(node.token, start, end)) found = [node.token, end];
      node = end < text.length ? node.children.get(text.charCodeAt(end)) : undefined;
    }
    return found;
  }
}

function touchesWord(text: string, start: number, end: number): boolean {
  const before = start > 0 ? lastCharacter(text, start) : "";
  const after = end < text.length ? String.fromCodePoint(text.codePointAt(end)!) : "";
  return wordCharacter.test(before) || wordCharacter.test(after);
}

function lastCharacter(text: string, end: number): string {
  const isPair = end >= 2 && text.charCodeAt(end - 1) >> 10 === 0x37 &&
    text.charCodeAt(end - 2) >> 10 === 0x36;
  return text.slice(end - (isPair ? 2 : 1), end);
}

function skipSpacesBack(text: string, from: number, end: number): number {
  let index = end;
  while (index > from && whiteSpace.test(text[index - 1]!)) index--;
  return Math.max(index, Math.min(from, end));
}

function skipSpaces(text: string, start: number): number {
  let index = start;
  while (index < text.length && whiteSpace.test(text[index]!)) index++;
  return index;
}
