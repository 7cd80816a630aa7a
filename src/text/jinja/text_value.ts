/** A stretch of a text that came from outside of the template: from a message or a variable. */
export interface Origin {
  /** First unit of the stretch in the text. */
  readonly start: number;
  /** Unit after the stretch. */
  readonly end: number;
  /** Which string it came from; the caller's number. */
  readonly source: number;
  /** Where the stretch begins in that string; -1 where its characters were changed on the way. */
  readonly offset: number;
}

const none: readonly Origin[] = [];

/**
 * A template's string: its text, and which stretches of it came from outside. Every operation carries
 * the stretches along, so that the template sees contents as they are, and the reader of what it
 * wrote can still tell them from the template's own words.
 *
 * Positions in this class are UTF-16 units; {@link TextValue.length} and
 * {@link TextValue.unitOf} turn them into code points, which are what a template counts in.
 */
export class TextValue {
  #offsets: Uint32Array | null | undefined;

  /**
   * A text and where its stretches came from.
   *
   * @param text The text.
   * @param origins Its stretches from outside, ascending.
   */
  constructor(readonly text: string, readonly origins: readonly Origin[] = none) {}

  /** A text that came whole from outside. */
  static from(text: string, source: number): TextValue {
    if (text === "") return new TextValue("");
    return new TextValue(text, [{ start: 0, end: text.length, source, offset: 0 }]);
  }

  /** Number of code points. */
  get length(): number {
    const offsets = this.#codePoints();
    return offsets === null ? this.text.length : offsets.length - 1;
  }

  /** The unit at which a code point begins; the length of the text for the one after the last. */
  unitOf(point: number): number {
    return this.#codePoints()?.[point] ?? point;
  }

  /** The code point that begins at a unit. */
  pointOf(unit: number): number {
    const offsets = this.#codePoints();
    if (offsets === null) return unit;
    let [low, high] = [0, offsets.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsets[middle]! < unit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Units `[start, end)`. */
  slice(start: number, end: number = this.text.length): TextValue {
    if (start === 0 && end === this.text.length) return this;
    if (end <= start) return new TextValue("");
    if (this.origins.length === 0) return new TextValue(this.text.slice(start, end));
    const origins: Origin[] = [];
    for (let index = this.#firstAfter(start); index < this.origins.length; index++) {
      const origin = this.origins[index]!;
      if (origin.start >= end) break;
      const from = Math.max(origin.start, start);
      origins.push({
        start: from - start,
        end: Math.min(origin.end, end) - start,
        source: origin.source,
        offset: origin.offset < 0 ? -1 : origin.offset + from - origin.start,
      });
    }
    return new TextValue(this.text.slice(start, end), origins);
  }

  /**
   * Changes the characters without losing where they came from.
   *
   * @param change What becomes of a stretch of the text.
   */
  map(change: (text: string) => string): TextValue {
    const whole = change(this.text);
    if (whole === this.text) return this;
    if (this.origins.length === 0) return new TextValue(whole);
    if (whole.length === this.text.length) {
      return new TextValue(whole, this.origins.map((origin) => ({ ...origin, offset: -1 })));
    }
    const builder = new TextBuilder();
    let done = 0;
    for (const { start, end, source } of this.origins) {
      builder.add(new TextValue(change(this.text.slice(done, start))));
      builder.add(changed(change(this.text.slice(start, end)), source));
      done = end;
    }
    return builder.add(new TextValue(change(this.text.slice(done)))).build();
  }

  /** Another text in place of this one; if any of this came from outside, so did all of that. */
  replacedBy(text: string): TextValue {
    const [first] = this.origins;
    return first === undefined ? new TextValue(text) : changed(text, first.source);
  }

  /** Index of the first stretch that ends after a unit. */
  #firstAfter(unit: number): number {
    let [low, high] = [0, this.origins.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.origins[middle]!.end <= unit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Offsets of the code points and of the end; null where each is one unit. */
  #codePoints(): Uint32Array | null {
    if (this.#offsets !== undefined) return this.#offsets;
    if (!/[\ud800-\udfff]/.test(this.text)) return this.#offsets = null;
    const offsets: number[] = [];
    let unit = 0;
    for (const character of this.text) {
      offsets.push(unit);
      unit += character.length;
    }
    offsets.push(unit);
    return this.#offsets = Uint32Array.from(offsets);
  }
}

/**
 * What the filters `safe` and `escape` give: Python's `Markup`, which escapes whatever is joined to
 * it. Printing it, comparing it and going over it are as for any text; formatting it is refused.
 */
export class SafeText extends TextValue {
  /** A text, marked as safe. */
  static of({ text, origins }: TextValue): SafeText {
    return new SafeText(text, origins);
  }

  /** A text as it is if it is marked, else escaped for HTML. */
  static escaping(value: TextValue): SafeText {
    if (value instanceof SafeText) return value;
    return SafeText.of(
      value.map((part) => part.replace(/[&<>'"]/g, (found) => htmlEscapes[found]!)),
    );
  }
}

const htmlEscapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};

function changed(text: string, source: number): TextValue {
  if (text === "") return new TextValue("");
  return new TextValue(text, [{ start: 0, end: text.length, source, offset: -1 }]);
}

/** Joins texts. */
export class TextBuilder {
  readonly #parts: string[] = [];
  readonly #origins: Origin[] = [];
  /** Units so far. */
  length = 0;

  /** Appends a text; returns the builder. */
  add(part: TextValue | string): this {
    const { text, origins } = typeof part === "string" ? { text: part, origins: none } : part;
    for (const { start, end, source, offset } of origins) {
      const last = this.#origins.at(-1);
      const at = this.length + start;
      const isNext = last !== undefined && last.end === at && last.source === source &&
        (offset < 0 ? last.offset < 0 : last.offset + at - last.start === offset);
      if (isNext) this.#origins[this.#origins.length - 1] = { ...last, end: this.length + end };
      else this.#origins.push({ start: at, end: this.length + end, source, offset });
    }
    this.#parts.push(text);
    this.length += text.length;
    return this;
  }

  /** The text so far. */
  build(): TextValue {
    return new TextValue(this.#parts.join(""), this.#origins);
  }
}
