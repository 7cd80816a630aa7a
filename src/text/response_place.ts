import type { ChatTemplate } from "./chat_template.ts";
import { findResponse } from "./content_guard.ts";
import { type Conversation, withoutResponse, withVariables } from "./conversation.ts";
import type { TextValue } from "./jinja/text_value.ts";

/** Steps that were put into a response. */
export interface StepPlaces {
  /** Where the first end of one stands in the rendered text. */
  readonly firstEnd: number;
  /** Whether each is cut into tokens by itself. */
  readonly apart: boolean;
}

/**
 * Where the response begins in a rendered conversation, from its first character on that is not
 * whitespace. One of steps begins with the end of the first where that says nothing, and where steps are
 * cut by themselves with the first one's whitespace, which is that step's own.
 *
 * @param template What rendered it.
 * @param conversation The conversation; the last message is the response.
 * @param traced What the template wrote; ends of steps are none of its origins.
 * @param steps The response's steps, where it has some.
 * @returns Offset into the text; null where the template does not tell.
 */
export function placeOfResponse(
  template: ChatTemplate,
  conversation: Conversation,
  traced: TextValue,
  steps?: StepPlaces,
): number | null {
  if (steps === undefined) return placeOfText(template, conversation, traced);
  const { text, origins } = traced;
  const own = origins.filter(({ source }) => source === conversation.length - 1);
  const isBlank = own.every(({ start, end }) => text.slice(start, end).trim() === "");
  const place = isBlank ? steps.firstEnd : placeOfText(template, conversation, traced);
  if (place === null) return null;
  const whole = steps.apart ? own[0]?.start ?? place : place;
  return Math.min(place, whole, steps.firstEnd);
}

function placeOfText(
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
