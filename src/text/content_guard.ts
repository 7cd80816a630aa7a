import { AssayError } from "../error.ts";
import type { AddedToken } from "./added_tokens.ts";
import { type Conversation, type Message, withoutResponse, withVariables } from "./conversation.ts";
import { mapTexts, someText } from "./nested_text.ts";
import { pythonStrip } from "./template_interpreter.ts";
import type { GuardedText } from "./tokenizer.ts";

/**
 * Ranges of marks, from first to last. Noncharacters first: Unicode keeps them out of interchanged text,
 * templates pass them through; characters for private use where a conversation holds all of those.
 */
const markRanges = [[0xfdd0, 0xfdef], [0xe000, 0xf8ff]] as const;

/** A conversation whose contents are marked, and the mark, which occurs nowhere else in it. */
export interface GuardedConversation {
  readonly conversation: Conversation;
  readonly mark: string;
}

/**
 * Keeps control tokens that are written inside messages from becoming control tokens.
 *
 * Before rendering, {@link ContentGuard.guard} puts a mark, a sentinel character, inside each control
 * token's text that a content holds, or a text in another field of a message or in a variable (roles
 * are checked against the template's, see `checkConversation`). Templates do what they always do (trim, search, split); then
 * {@link ContentGuard.release} takes the marks out of the rendered text and returns where they were.
 * A control token that would cross one of these breaks came from content and is encoded as text;
 * all others are the template's own. Text without control tokens is not touched at all.
 *
 * A control token cannot be put together from parts either: the beginning of one at the end of a
 * content, and the end of one at the beginning, are marked too, also behind whitespace that a
 * template may trim.
 */
export class ContentGuard {
  readonly #contents: readonly string[];
  readonly #normalizedContents: readonly string[];
  readonly #prefixes = new Set<string>();
  readonly #suffixes = new Set<string>();
  readonly #longest: number;
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
    for (const content of this.#contents) {
      for (let length = 1; length < content.length; length++) {
        this.#prefixes.add(content.slice(0, length));
        this.#suffixes.add(content.slice(-length));
      }
    }
    this.#longest = this.#contents.reduce((most, { length }) => Math.max(most, length), 0);
  }

  /**
   * Marks the control tokens in a conversation.
   *
   * @param conversation Messages with well-formed text.
   * @returns The marked messages and the mark.
   */
  guard(conversation: Conversation): GuardedConversation {
    const mark = unusedMark(conversation);
    const ofText = (text: string) => insert(text, this.#placesIn(text), mark);
    // A template looks for keys by name, and prints quotes around them: their edges stay as they are.
    const ofKey = (key: string) => insert(key, sorted(this.#placesInside(key)), mark);
    const guarded = conversation.map((message): Message => {
      const { role, content, ...fields } = message;
      const entries = Object.entries(fields).map(([name, value]) =>
        [name, mapTexts(value, ofText, ofKey)] as const
      );
      return { ...Object.fromEntries(entries), role, content: ofText(content) };
    });
    const { variables } = conversation;
    const marked = variables && Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, mapTexts(value, ofText, ofKey)]),
    );
    return { conversation: withVariables(guarded, marked), mark };
  }

  /**
   * Takes the marks out of a rendered text.
   *
   * @param rendered What the template made of a guarded conversation.
   * @param mark That conversation's mark.
   * @returns The text without marks, and where they were.
   */
  release(rendered: string, mark: string): GuardedText {
    if (!rendered.includes(mark)) return { text: rendered, breaks: [] };
    const pieces = rendered.split(mark);
    const breaks: number[] = [];
    let length = 0;
    for (const piece of pieces.slice(0, -1)) {
      length += piece.length;
      if (breaks.at(-1) !== length) breaks.push(length);
    }
    return { text: pieces.join(""), breaks };
  }

  /**
   * Finds where the response begins in the rendered text, by rendering once more with a mark before
   * the first character of the last content that is not whitespace. Where the last message has
   * further fields, its response is what it prints beyond a message that says nothing.
   *
   * @param guarded The guarded conversation.
   * @param render The template.
   * @param text What the guarded conversation was rendered and released to.
   * @returns Offset into `text`; null where the template moves or rewrites the response.
   */
  findResponse(
    guarded: GuardedConversation,
    render: (conversation: Conversation) => string,
    text: string,
  ): number | null {
    const last = guarded.conversation.at(-1)!;
    if (Object.keys(last).length > 2) {
      const prompt = this.release(render(withoutResponse(guarded.conversation)), guarded.mark).text;
      let shared = 0;
      while (shared < text.length && text[shared] === prompt[shared]) shared++;
      return shared;
    }
    const mark = unusedMark(guarded.conversation);
    const place = last.content.length - pythonStrip(last.content, "lstrip").length;
    const content = insert(last.content, [place], mark);
    const rendered = render(
      withVariables(
        [...guarded.conversation.slice(0, -1), { ...last, content }],
        guarded.conversation.variables,
      ),
    );
    const [before, after, ...more] = rendered.split(mark);
    if (after === undefined || more.length > 0) return null;
    if (this.release(before + after, guarded.mark).text !== text) return null;
    return this.release(before!, guarded.mark).text.length;
  }

  /** Offsets at which a text must be marked. */
  #placesIn(text: string): readonly number[] {
    const places = this.#placesInside(text);
    this.#addEdges(text, places);
    return sorted(places);
  }

  /** Offsets inside the control tokens that a text holds. */
  #placesInside(text: string): Set<number> {
    const places = new Set<number>();
    for (const content of this.#contents) {
      // One code point has no inside, so its mark goes before it.
      const first = String.fromCodePoint(content.codePointAt(0)!).length;
      const inside = first === content.length ? 0 : first;
      for (let at = text.indexOf(content); at >= 0; at = text.indexOf(content, at + 1)) {
        places.add(at + inside);
      }
    }
    if (this.#normalizedContents.length > 0) this.#addLookalikes(text, places);
    return places;
  }

  #addEdges(text: string, places: Set<number>): void {
    for (const end of new Set([text.length, pythonStrip(text, "rstrip").length])) {
      for (let length = 1; length < this.#longest && length <= end; length++) {
        const tail = text.slice(end - length, end);
        if (this.#prefixes.has(tail) && isBoundary(text, end - length) && isBoundary(text, end)) {
          places.add(end - length + String.fromCodePoint(tail.codePointAt(0)!).length);
        }
      }
    }
    const trimmed = text.length - pythonStrip(text, "lstrip").length;
    for (const start of new Set([0, trimmed])) {
      for (let length = 1; length < this.#longest && start + length <= text.length; length++) {
        const head = text.slice(start, start + length);
        if (this.#suffixes.has(head) && isBoundary(text, start + length)) {
          places.add(start + length - lastCharacterLength(head));
        }
      }
    }
  }

  /** Content that only becomes a control token when normalized is marked at every character. */
  #addLookalikes(text: string, places: Set<number>): void {
    const normalized = this.#normalize(text);
    if (!this.#normalizedContents.some((content) => normalized.includes(content))) return;
    let place = 0;
    for (const character of text) places.add(place += character.length);
  }
}

function sorted(places: ReadonlySet<number>): number[] {
  return [...places].sort((a, b) => a - b);
}

function insert(text: string, places: readonly number[], mark: string): string {
  if (places.length === 0) return text;
  let marked = "";
  let previous = 0;
  for (const place of places) {
    marked += text.slice(previous, place) + mark;
    previous = place;
  }
  return marked + text.slice(previous);
}

/**
 * A mark is one code unit that no content holds, so nothing that a template does with the contents
 * (putting the end of one before the beginning of another) makes a mark of them.
 */
function unusedMark(conversation: Conversation): string {
  for (const [first, last] of markRanges) {
    for (let unit = first; unit <= last; unit++) {
      const mark = String.fromCharCode(unit);
      const isUsed = (text: string) => text.includes(mark);
      if (!someText([...conversation], isUsed) && !someText(conversation.variables, isUsed)) {
        return mark;
      }
    }
  }
  throw new AssayError(
    "text/no-mark",
    "Cannot tell this conversation's text from control tokens: expected one of the characters U+FDD0 " +
      "to U+FDEF or U+E000 to U+F8FF to be unused, found all of them in it; is it text at all?",
  );
}

function isBoundary(text: string, place: number): boolean {
  return place <= 0 || place >= text.length ||
    text.charCodeAt(place) >> 10 !== 0x37 || text.charCodeAt(place - 1) >> 10 !== 0x36;
}

function lastCharacterLength(text: string): number {
  return text.length >= 2 && !isBoundary(text, text.length - 1) ? 2 : 1;
}
