import type { Change } from "./change.ts";
import { codeSpans, hasCode, outsideCode } from "./code_spans.ts";

/** Markdown on and off, fences, lists and prose. */
export const markdownChanges: readonly Change[] = [
  {
    name: "markdown-off",
    kind: "markdown",
    target: "response",
    summary: "headers, bold, italics, list marks and rules taken away; their words stay",
    apply: (text) => outsideCode(text, plain),
  },
  {
    name: "markdown-on",
    kind: "markdown",
    target: "response",
    summary: "a header above, and each paragraph's first sentence in bold",
    apply: decorated,
  },
  {
    name: "code-fences",
    kind: "markdown",
    target: "response",
    summary: "tildes for the backticks of code fences; the code stays",
    apply: withTildes,
  },
  {
    name: "list",
    kind: "markdown",
    target: "response",
    summary: "prose as a list, an item for each sentence (texts without code, list or header)",
    apply: asList,
  },
  {
    name: "prose",
    kind: "markdown",
    target: "response",
    summary: "the items of lists as sentences of one paragraph",
    apply: asProse,
  },
];

const listItem = /^[ \t]*(?:[-+*]|\d{1,9}[.)])[ \t]+/;
const header = /^ {0,3}#{1,6}[ \t]+/;

function plain(prose: string): string {
  return prose
    .replace(/^ {0,3}#{1,6}[ \t]+(?=\S)/gm, "")
    .replace(/^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/gm, "")
    .replace(/^[ \t]*[-+*][ \t]+(?=\S)/gm, "")
    .replace(/^[ \t]*\d{1,9}[.)][ \t]+(?=\S)/gm, "")
    .replace(/\*\*(?=\S)([^*\n]+)\*\*/g, "$1")
    .replace(/__(?=\S)([^_\n]+)__/g, "$1")
    .replace(/(?<![\w*])\*(?=[^\s*])([^*\n]+)\*(?![\w*])/g, "$1");
}

/** The first sentence of a paragraph of plain prose. */
const firstSentence = /^[^\n*_#`]{2,400}?[.!?:](?=\s|$)/;

function decorated(text: string): string {
  if (text.trim() === "") return text;
  const changed = outsideCode(
    text,
    (prose) =>
      prose.split(/(\n{2,})/).map((part) =>
        listItem.test(part) || header.test(part)
          ? part
          : part.replace(firstSentence, (sentence) => `**${sentence.trim()}**`)
      ).join(""),
  );
  return header.test(text) ? changed : `## Answer\n\n${changed}`;
}

function withTildes(text: string): string {
  return codeSpans(text).map(({ isCode, text: span }) => {
    const [, marks] = isCode ? /^ {0,3}(`{3,})/.exec(span) ?? [] : [];
    if (marks === undefined || span.includes("~~~")) return span;
    const tildes = "~".repeat(marks.length);
    return span
      .replace(/^( {0,3})`{3,}/, `$1${tildes}`)
      .replace(/(\n {0,3})`{3,}(\s*)$/, `$1${tildes}$2`);
  }).join("");
}

/** The sentences of a text; abbreviations and numbers do not end one. */
function sentencesOf(text: string): string[] {
  return text.split(/(?<=[^\s.]{3}[.!?]["')\]]?)\s+(?=[\p{Lu}"'(\d])/u).filter((part) =>
    part !== ""
  );
}

function asList(text: string): string {
  const lines = text.split("\n");
  const isMarked = lines.some((line) => listItem.test(line) || header.test(line));
  if (isMarked || hasCode(text)) return text;
  const said = lines.map((line) => line.trim()).filter((line) => line !== "").join(" ");
  const sentences = sentencesOf(said);
  if (sentences.length < 2) return text;
  return sentences.map((sentence) => `- ${sentence}`).join("\n");
}

function asProse(text: string): string {
  return outsideCode(text, (prose) => {
    const kept: string[] = [];
    let isListed = false;
    for (const line of prose.split("\n")) {
      if (!listItem.test(line) || /^\s*(?:\*\s*){3,}$/.test(line)) {
        // A blank line between items belongs to the list.
        if (!(isListed && line.trim() === "")) isListed = false;
        kept.push(line);
        continue;
      }
      const item = line.replace(listItem, "").trim();
      const sentence = /[.!?:;,]$/.test(item) ? item : `${item}.`;
      if (isListed) {
        while (kept.at(-1) === "") kept.pop();
        kept[kept.length - 1] += ` ${sentence}`;
      } else kept.push(sentence);
      isListed = true;
    }
    return kept.join("\n");
  });
}
