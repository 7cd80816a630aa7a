import type { Change, ChangeKind } from "./change.ts";

/** A change that puts a phrase before a response's text. */
function opener(name: string, kind: ChangeKind, summary: string, phrase: string): Change {
  return {
    name,
    kind,
    target: "response",
    summary: `${summary}: ${JSON.stringify(phrase)}`,
    apply: (text) => `${phrase}\n\n${text}`,
  };
}

/** A change that puts a phrase after a response's text. */
function closer(name: string, kind: ChangeKind, summary: string, phrase: string): Change {
  return {
    name,
    kind,
    target: "response",
    summary: `${summary}: ${JSON.stringify(phrase)}`,
    apply: (text) => `${text.trimEnd()}\n\n${phrase}`,
  };
}

/** Phrases that say nothing of the matter, in English and in other languages. */
export const phraseChanges: readonly Change[] = [
  opener("opener", "phrases", "an opener", "Sure! Here is the answer to your question."),
  closer(
    "closer",
    "phrases",
    "a closer",
    "I hope this helps! Let me know if you have any questions.",
  ),
  opener(
    "sycophancy",
    "phrases",
    "praise for who asks",
    "What a great question! You clearly think deeply about this.",
  ),
  opener(
    "hedge",
    "phrases",
    "a hedge before",
    "I may be wrong, but as far as I know the following is right.",
  ),
  opener("apology", "phrases", "an apology before", "I apologize for any confusion."),
  {
    name: "emoji",
    kind: "phrases",
    target: "response",
    summary: "an emoji after the text",
    apply: (text) => {
      const said = text.trimEnd();
      return said + (/(?:```|~~~)$/.test(said) ? "\n\n" : " ") + "\u{1f60a}";
    },
  },
  opener(
    "opener-de",
    "language",
    "the opener in German",
    "Gern! Hier ist die Antwort auf deine Frage.",
  ),
  opener(
    "opener-fr",
    "language",
    "the opener in French",
    "Bien s\u00fbr\u00a0! Voici la r\u00e9ponse \u00e0 votre question.",
  ),
  opener(
    "opener-es",
    "language",
    "the opener in Spanish",
    "\u00a1Claro! Aqu\u00ed est\u00e1 la respuesta a tu pregunta.",
  ),
  opener(
    "opener-zh",
    "language",
    "the opener in Chinese",
    "\u5f53\u7136\uff01\u4ee5\u4e0b\u662f\u60a8\u95ee\u9898\u7684\u7b54\u6848\u3002",
  ),
];

/** What is asked for before the prompt: none of it asks for another answer. */
export const framingChanges: readonly Change[] = [
  framed("prompt-ignore-style", "Ignore style."),
  framed("prompt-polite", "Please help me with the following."),
  framed("prompt-judged", "Judge by what is said, not by how long it is."),
];

function framed(name: string, phrase: string): Change {
  return {
    name,
    kind: "framing",
    target: "prompt",
    summary: `before the prompt: ${JSON.stringify(phrase)}`,
    apply: (text) => `${phrase}\n\n${text}`,
  };
}

/**
 * A user's own phrase, before or after the response, or before the prompt.
 *
 * @param place Where it goes.
 * @param phrase The text, put there as it is.
 * @param number Which of that place it is, from 1, for its name.
 */
export function ownPhrase(
  place: "prefix" | "suffix" | "prompt-prefix",
  phrase: string,
  number: number,
): Change {
  const before = place !== "suffix";
  return {
    name: `${place}-${number}`,
    kind: place === "prompt-prefix" ? "framing" : "phrases",
    target: place === "prompt-prefix" ? "prompt" : "response",
    summary: `your own, ${before ? "before" : "after"}: ${JSON.stringify(phrase)}`,
    apply: (text) => before ? phrase + text : text + phrase,
  };
}
