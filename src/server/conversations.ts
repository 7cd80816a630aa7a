import * as v from "valibot";
import { type Conversation, type Message, withVariables } from "../text/conversation.ts";
import { templatedText } from "../text/templated_text.ts";
import { badRequest } from "./request_body.ts";

/** A message as OpenAI's clients write it; its fields are the chat template's matter. */
export const messageSchema = v.looseObject({
  role: v.string(),
  content: v.nullable(
    v.union([
      v.string(),
      v.array(v.looseObject({ type: v.string(), text: v.optional(v.string()) })),
    ]),
  ),
});

/** A list of messages, of which the last is the response. */
export const messagesSchema = v.pipe(v.array(messageSchema), v.minLength(1), v.maxLength(10_000));

/** Token ids. */
export const idsSchema = v.pipe(
  v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1))),
  v.minLength(1),
);

/** Messages whose content may be given in parts: text parts are joined, others are refused. */
export function conversationOfMessages(
  messages: v.InferOutput<typeof messagesSchema>,
  variables?: Readonly<Record<string, unknown>> | null,
): Conversation {
  const plain = messages.map(({ content, ...rest }): Message => {
    if (!Array.isArray(content)) return { ...rest, content } as Message;
    const texts = content.map(({ type, text }) => {
      if (type === "text" && text !== undefined) return text;
      throw badRequest(
        `expected parts of text, found one of type ${JSON.stringify(type.slice(0, 50))}`,
      );
    });
    return { ...rest, content: texts.join("") } as Message;
  });
  return withVariables(plain, variables ?? undefined);
}

/** A question and its answer, or a query and a document. */
export function conversationOfPair(prompt: string, response: string): Conversation {
  return [{ role: "user", content: prompt }, { role: "assistant", content: response }];
}

/** Text that a client has templated already, or its token ids. */
export function conversationOfTemplated(
  input: string | readonly number[],
  options: { readonly addSpecialTokens?: boolean | undefined } = {},
): Conversation {
  return typeof input === "string"
    ? templatedText({ text: input, addSpecialTokens: options.addSpecialTokens ?? true })
    : templatedText({ ids: input });
}
