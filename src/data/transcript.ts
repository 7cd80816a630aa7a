import type { Message } from "../text/conversation.ts";

const turn = /\n\n(Human|Assistant):/g;

/**
 * Whether text is a transcript in the layout of Anthropic's HH-RLHF: turns that begin with
 * `\n\nHuman:` and `\n\nAssistant:`, the first of them `\n\nHuman:` at the very beginning.
 */
export function isTranscript(text: string): boolean {
  return text.startsWith("\n\nHuman:");
}

/** The messages of such a transcript; one space after the colon belongs to the marker. */
export function messagesOfTranscript(text: string): readonly Message[] {
  const marks = [...text.matchAll(turn)];
  return marks.map((mark, index): Message => {
    const start = mark.index + mark[0].length;
    const content = text.slice(start, marks[index + 1]?.index).replace(/^ /, "");
    return { role: mark[1] === "Human" ? "user" : "assistant", content };
  });
}
