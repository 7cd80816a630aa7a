import type { Change } from "./change.ts";
import { outsideCode } from "./code_spans.ts";

/** Whitespace, Unicode form, letter case and punctuation: what readers hardly see. */
export const textChanges: readonly Change[] = [
  {
    name: "double-spaces",
    kind: "whitespace",
    target: "response",
    summary: "two spaces for one between words",
    apply: doubledSpaces,
  },
  {
    name: "prompt-double-spaces",
    kind: "whitespace",
    target: "prompt",
    summary: "two spaces for one between words of the prompt",
    apply: doubledSpaces,
  },
  {
    name: "blank-lines",
    kind: "whitespace",
    target: "response",
    summary: "one more blank line between paragraphs",
    apply: (text) => outsideCode(text, (prose) => prose.replace(/(?<=\S)\n\n(?=\S)/g, "\n\n\n")),
  },
  {
    name: "trailing-lines",
    kind: "whitespace",
    target: "response",
    summary: "two line ends after the last word",
    apply: (text) => `${text}\n\n`,
  },
  {
    name: "no-break-spaces",
    kind: "unicode",
    target: "response",
    summary: "U+00A0 for every space between words",
    apply: (text) => outsideCode(text, (prose) => prose.replace(/(?<=\S) (?=\S)/g, "\u00a0")),
  },
  {
    name: "decomposed",
    kind: "unicode",
    target: "response",
    summary: "Unicode form NFD: letters and their marks apart (nothing without such letters)",
    apply: (text) => outsideCode(text, (prose) => prose.normalize("NFD")),
  },
  {
    name: "curly-quotes",
    kind: "unicode",
    target: "response",
    summary: "typographic quotation marks and apostrophes",
    apply: (text) => outsideCode(text, curlyQuotes),
  },
  {
    name: "prompt-lower-case",
    kind: "casing",
    target: "prompt",
    summary: "the prompt in small letters",
    apply: (text) => outsideCode(text, (prose) => prose.toLowerCase()),
  },
  {
    name: "prompt-upper-case",
    kind: "casing",
    target: "prompt",
    summary: "the prompt in capitals",
    apply: (text) => outsideCode(text, (prose) => prose.toUpperCase()),
  },
  {
    name: "prompt-no-end-mark",
    kind: "punctuation",
    target: "prompt",
    summary: "the prompt without the mark that ends it",
    apply: (text) => text.replace(/(?<=[\p{L}\p{N})])[.?!]+\s*$/u, ""),
  },
  {
    name: "spaced-marks",
    kind: "punctuation",
    target: "response",
    summary: "a space before commas, full stops, colons and question marks",
    apply: (text) =>
      outsideCode(text, (prose) => prose.replace(/(?<=[\p{L})])(?=[,.;:?!](?:\s|$))/gu, " ")),
  },
  {
    name: "prompt-quoted",
    kind: "punctuation",
    target: "prompt",
    summary: "the prompt between quotation marks",
    apply: (text) => `"${text}"`,
  },
];

function doubledSpaces(text: string): string {
  return outsideCode(text, (prose) => prose.replace(/(?<=\S) (?=\S)/g, "  "));
}

function curlyQuotes(prose: string): string {
  return prose
    .replace(/(?<=[\p{L}\p{N}])'(?=[\p{L}\p{N}])/gu, "\u2019")
    .replace(/(?<=^|[\s([])"(?=\S)/g, "\u201c")
    .replace(/(?<=\S)"(?=$|[\s.,;:!?)\]])/g, "\u201d");
}
