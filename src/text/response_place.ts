import type { ChatTemplate } from "./chat_template.ts";
import { findResponse } from "./content_guard.ts";
import { type Conversation, withoutResponse, withVariables } from "./conversation.ts";
import type { TextValue } from "./jinja/text_value.ts";

/**
 * Where the response begins in a rendered conversation, from its first character on that is not
 * whitespace.
 *
 * @param template What rendered it.
 * @param conversation The conversation; the last message is the response.
 * @param traced What the template wrote.
 * @returns Offset into the text; null where the template does not tell.
 */
export function placeOfResponse(
  template: ChatTemplate,
  conversation: Conversation,
  traced: TextValue,
): number | null {
  const index = conversation.length - 1;
  const last = conversation[index]!;
  // With further fields the response is what it prints beyond a message that says nothing.
  if (Object.keys(last).length > 2) {
    return commonStart(traced.text, template.render(withoutResponse(conversation)));
  }
  if (last.content.trim() !== "") return findResponse(traced, index);
  // What is not there is nowhere; a letter in its place shows where it would be.
  const filled = { ...last, content: `${last.content}x` };
  const messages = [...conversation.slice(0, -1), filled];
  const probe = template.trace(withVariables(messages, conversation.variables));
  const offset = findResponse(probe, index);
  if (offset === null) return null;
  const emptied = probe.text.slice(0, offset) + probe.text.slice(offset + 1);
  return emptied === traced.text ? offset : null;
}

/** How many units two texts begin with alike. */
function commonStart(a: string, b: string): number {
  let shared = 0;
  while (shared < a.length && a[shared] === b[shared]) shared++;
  return shared;
}
