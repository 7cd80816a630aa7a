import { AssayError } from "../error.ts";
import { type Conversation, withVariables } from "./conversation.ts";

/** Whitespace of Python and of JavaScript, which templates trim and join. */
// deno-lint-ignore no-control-regex
const whiteSpace = /[\s\u001c-\u001f\u0085]+/g;
/** A response shorter than this may stand in the template or the prompt by chance. */
const telling = 24;
/** What is put to a response to see whether its ends are printed. */
const probe = "Q7";

/**
 * Requires that a rendered text holds the whole response. Whatever a template trims, escapes or
 * rewrites is its own business; one that leaves the response out, or cuts it, would give different
 * responses one score.
 *
 * @param conversation The conversation, as the template was given it.
 * @param rendered What the template made of it.
 * @param render Renders another one.
 * @throws {AssayError} `text/response-not-rendered`.
 */
export function requireResponse(
  conversation: Conversation,
  rendered: string,
  render: (conversation: Conversation) => string,
): void {
  const last = conversation.at(-1)!;
  const response = last.content.replace(whiteSpace, "");
  if (response === "") return;
  const before = conversation.slice(0, -1);
  const isElsewhere = response.length < telling ||
    before.some(({ content }) => content.replace(whiteSpace, "").includes(response));
  if (!isElsewhere && rendered.replace(whiteSpace, "").includes(response)) return;
  const differs = (content: string): boolean => {
    try {
      return render(withVariables([...before, { ...last, content }], conversation.variables)) !==
        rendered;
    } catch {
      return true; // A template that refuses the probe has looked at it.
    }
  };
  const end = last.content.trimEnd();
  // Templates leave out what a response thinks before it answers: <think>…</think>.
  const begins = /<\/[^<>\s]+>/.test(end) || differs(`${probe}${last.content.trimStart()}`);
  if (begins && differs(end + probe)) return;
  throw new AssayError(
    "text/response-not-rendered",
    `Cannot score the conversation: expected the chat template to print the whole response, the ` +
      `content of its last message, of role ${JSON.stringify(last.role)}, found ` +
      `${
        begins ? "its end" : "its beginning"
      } left out of the ${rendered.length} characters that ` +
      "it prints; other responses would get the same score",
  );
}

/** Two responses that no template takes for one. */
const probes = ["Yes, 7", "It depends."];

/**
 * Requires that a template prints another text for another response.
 *
 * @param render Renders a conversation; may throw what the template throws.
 * @param origin Where the template stands, for the message.
 * @throws {AssayError} `text/template-ignores-response`.
 */
export function requireResponsive(
  render: (conversation: Conversation) => string,
  origin: string,
): void {
  const texts: string[] = [];
  for (const content of probes) {
    try {
      texts.push(render([{ role: "user", content: "Hello" }, { role: "assistant", content }]));
    } catch {
      return; // It does not take such a conversation; each row is looked at by itself.
    }
  }
  if (texts[0] !== texts[1]) return;
  throw new AssayError(
    "text/template-ignores-response",
    `Cannot use ${origin}: expected it to print what the assistant says, found the same ` +
      `${texts[0]!.length} characters for ${JSON.stringify(probes[0])} and ` +
      `${JSON.stringify(probes[1])}; every response would get one score`,
  );
}
