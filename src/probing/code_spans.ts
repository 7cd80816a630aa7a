/** A stretch of text: prose, or code that no change may touch, its marks and fences included. */
export interface Span {
  /** Whether it is code. */
  readonly isCode: boolean;
  /** The text. */
  readonly text: string;
}

/** A line that opens or closes a fence: up to three spaces, then at least three backticks or tildes. */
const fence = /^ {0,3}(`{3,}|~{3,})(.*)$/;

/**
 * Cuts a text into prose and code: fenced blocks as CommonMark has them (one that is not closed goes
 * on to the end), and spans between backticks in the lines of the rest. Joined, the spans are the text.
 * Linear time.
 *
 * @param text Any text.
 */
export function codeSpans(text: string): Span[] {
  const spans: Span[] = [];
  let open: string | undefined;
  let waiting = "";
  const end = (isCode: boolean) => {
    if (waiting !== "") spans.push(...isCode ? [{ isCode, text: waiting }] : inlineSpans(waiting));
    waiting = "";
  };
  for (const line of text.split(/(?<=\n)/)) {
    const [, marks, rest] = fence.exec(line.replace(/\r?\n$/, "")) ?? [];
    if (open === undefined) {
      const opens = marks !== undefined && !(marks.startsWith("`") && rest!.includes("`"));
      if (opens) {
        end(false);
        open = marks;
      }
      waiting += line;
    } else {
      waiting += line;
      const closes = marks !== undefined && marks[0] === open[0] && marks.length >= open.length &&
        rest!.trim() === "";
      if (!closes) continue;
      end(true);
      open = undefined;
    }
  }
  end(open !== undefined);
  return spans;
}

/** Code between equal runs of backticks within one line; a run that is alone is prose. */
function inlineSpans(text: string): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const match of text.matchAll(/(?<!`)(`{1,2})(?!`)[^`\n]+\1(?!`)/g)) {
    if (match.index > from) spans.push({ isCode: false, text: text.slice(from, match.index) });
    spans.push({ isCode: true, text: match[0] });
    from = match.index + match[0].length;
  }
  if (from < text.length) spans.push({ isCode: false, text: text.slice(from) });
  return spans;
}

/**
 * Changes the prose of a text and leaves its code as it is, to the last character. The change sees the
 * whole text with one character of private use for each piece of code, so that it knows lines and
 * neighbours.
 *
 * @param text Any text.
 * @param change What is done to the prose; it keeps that character wherever it stands.
 * @returns The changed text; the text as it was where code would get lost or doubled.
 */
export function outsideCode(text: string, change: (prose: string) => string): string {
  const spans = codeSpans(text);
  if (!spans.some(({ isCode }) => isCode)) return change(text);
  const mark = unusedMark(text);
  if (mark === undefined) return text;
  const code: string[] = [];
  const prose = spans.map(({ isCode, text }) => {
    if (!isCode) return text;
    const [, inside, lineEnd] = /^([^]*?)(\r?\n)?$/.exec(text)!;
    code.push(inside!);
    return mark + (lineEnd ?? "");
  });
  const parts = change(prose.join("")).split(mark);
  if (parts.length !== code.length + 1) return text;
  return parts.map((part, index) => index === 0 ? part : code[index - 1]! + part).join("");
}

/** A character of private use that the text does not have. */
function unusedMark(text: string): string | undefined {
  for (let code = 0xe000; code < 0xe100; code++) {
    const mark = String.fromCharCode(code);
    if (!text.includes(mark)) return mark;
  }
  return undefined;
}

/** Whether there is any code in a text. */
export function hasCode(text: string): boolean {
  return codeSpans(text).some(({ isCode }) => isCode);
}
