const cased = /[\p{Lowercase}\p{Uppercase}\p{Lt}]/u;
/** Letters with a form of their own at the beginning of a word. */
const titleForms: Readonly<Record<string, string>> = {
  "\u01c4": "\u01c5",
  "\u01c5": "\u01c5",
  "\u01c6": "\u01c5",
  "\u01c7": "\u01c8",
  "\u01c8": "\u01c8",
  "\u01c9": "\u01c8",
  "\u01ca": "\u01cb",
  "\u01cb": "\u01cb",
  "\u01cc": "\u01cb",
  "\u01f1": "\u01f2",
  "\u01f2": "\u01f2",
  "\u01f3": "\u01f2",
};

function toTitle(character: string): string {
  const form = titleForms[character];
  if (form !== undefined) return form;
  const [first = "", ...rest] = character.toUpperCase();
  return first + rest.join("").toLowerCase();
}

/** Python's `capitalize`. */
export function capitalize(text: string): string {
  if (text === "") return "";
  const first = String.fromCodePoint(text.codePointAt(0)!);
  // The rest is lowered where it stands: a sigma at its end is final only after a letter.
  return toTitle(first) + text.toLowerCase().slice(first.toLowerCase().length);
}

/** Python's `title`: a letter after one without case begins a word. */
export function title(text: string): string {
  const lowered = text.toLowerCase();
  let result = "";
  let isInside = false;
  // Character by character, except that a final sigma is known from the whole.
  const isAligned = lowered.length === text.length;
  let place = 0;
  for (const character of text) {
    const lower = isAligned
      ? lowered.slice(place, place + character.length)
      : character.toLowerCase();
    result += isInside ? lower : toTitle(character);
    isInside = cased.test(character);
    place += character.length;
  }
  return result;
}

/** Python's `swapcase`. */
export function swapCase(text: string): string {
  return [...text].map((character) =>
    /\p{Uppercase}/u.test(character)
      ? character.toLowerCase()
      : /\p{Lowercase}/u.test(character)
      ? character.toUpperCase()
      : character
  ).join("");
}

/** Python's `casefold`, for the letters whose folded form is not their lower one. */
export function caseFold(text: string): string {
  return text.replace(/[\u00df\u1e9e]/g, "ss").replace(/\u017f/g, "s").replace(
    /[^\u03a3]+|\u03a3/g,
    (part) => part === "\u03a3" ? "\u03c3" : part.toLowerCase(),
  ).replace(/\u03c2/g, "\u03c3").replace(/\u00b5/g, "\u03bc");
}
