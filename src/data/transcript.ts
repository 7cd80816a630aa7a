import type { Message } from "../text/conversation.ts";
import { unclear } from "./serialized_text.ts";

const turn = /(?:^|\n\n)(Human|Assistant):/g;

/**
 * The messages of a transcript in the layout of Anthropic's HH-RLHF: turns that begin with
 * `\n\nHuman:` and `\n\nAssistant:`, one space after the colon belonging to the marker. The blank line
 * before the first turn may be missing where a turn of the assistant follows; line ends may be CRLF, and
 * are then LF in the messages, as in the data set.
 *
 * @param column What error messages call the text.
 * @param text The text.
 * @param isPrompt Whether the text is a prompt, which may be a single turn.
 * @returns The messages; `undefined` for text that is no transcript.
 * @throws {AssayError} `data/unclear-text` where the text only looks like one.
 */
export function messagesOfTranscript(
  column: string,
  text: string,
  isPrompt: boolean,
): readonly Message[] | undefined {
  if (!/^\s*(?:Human|Assistant):/.test(text)) return undefined;
  const lines = text.replace(/\r\n?/g, "\n");
  const isMarked = /^\n\n(?:Human|Assistant):/.test(lines);
  const body = lines.trimStart();
  const hasAnswer = body.startsWith("Human:") && body.includes("\n\nAssistant:");
  const isLoose = /[^\n]\n(?:Human|Assistant):/.test(body);
  const turns = turnsOf(isMarked ? lines : `\n\n${body}`);
  // With a mark after a single line end, only turns that alternate are certain to be the turns.
  if (isMarked || (hasAnswer && (!isLoose || alternate(turns)))) return turns;
  const isUnclear = body.startsWith("Human:") && (isPrompt || isLoose || hasAnswer);
  if (!isUnclear) return undefined;
  throw unclear(
    column,
    "a transcript without a blank line before each turn (\\n\\nHuman: …\\n\\nAssistant: …)",
  );
}

function alternate(turns: readonly Message[]): boolean {
  return turns.every(({ role }, index) => role === (index % 2 === 0 ? "user" : "assistant"));
}

function turnsOf(text: string): readonly Message[] {
  const marks = [...text.matchAll(turn)];
  return marks.map((mark, index): Message => {
    const start = mark.index + mark[0].length;
    const content = text.slice(start, marks[index + 1]?.index).replace(/^ /, "");
    return { role: mark[1] === "Human" ? "user" : "assistant", content };
  });
}
