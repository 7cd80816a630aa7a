/** What Python's `str.isspace` accepts; JavaScript's `trim` differs in U+001C–1F, U+0085 and U+FEFF. */
// deno-lint-ignore no-control-regex -- Python counts four of them.
const space = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/** Whether Python counts a character as whitespace. */
export function isPythonSpace(character: string): boolean {
  return space.test(character);
}

/** The ends of a text that Python's `strip` methods look at. */
export type StripName = "strip" | "lstrip" | "rstrip";

/**
 * What Python's `str.strip`, `lstrip` and `rstrip` keep.
 *
 * @param text Text to strip.
 * @param name Which ends.
 * @param characters Set of characters to remove; whitespace as Python defines it when absent.
 * @returns `[start, end)` in UTF-16 units.
 */
export function strippedRange(
  text: string,
  name: StripName,
  characters?: string,
): [start: number, end: number] {
  const set = characters === undefined ? undefined : new Set(characters);
  const isStripped = (character: string) => set?.has(character) ?? isPythonSpace(character);
  let start = 0;
  let end = text.length;
  if (name !== "rstrip") {
    while (start < end) {
      const character = String.fromCodePoint(text.codePointAt(start)!);
      if (!isStripped(character)) break;
      start += character.length;
    }
  }
  if (name !== "lstrip") {
    while (end > start) {
      const isPair = end - start >= 2 && text.charCodeAt(end - 1) >> 10 === 0x37 &&
        text.charCodeAt(end - 2) >> 10 === 0x36;
      const character = text.slice(end - (isPair ? 2 : 1), end);
      if (!isStripped(character)) break;
      end -= character.length;
    }
  }
  return [start, end];
}

/** Python's `str.strip`, `lstrip` and `rstrip`. */
export function pythonStrip(text: string, name: StripName, characters?: string): string {
  return text.slice(...strippedRange(text, name, characters));
}
