import * as v from "valibot";
import { stringifyJson } from "../../data/json_text.ts";
import { conversationOfMessages, conversationOfPair, messagesSchema } from "../conversations.ts";
import type { Failure } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";
import { badRequest } from "../request_body.ts";

const assertion = v.object({
  output: v.union([v.string(), v.looseObject({})]),
  context: v.optional(v.looseObject({ prompt: v.nullish(v.string()) })),
});

/** The prompt may be a chat's messages as JSON, which promptfoo's prompts often are. */
function conversationOf({ output, context }: v.InferOutput<typeof assertion>) {
  const answer = typeof output === "string" ? output : stringifyJson(output);
  const prompt = context?.prompt;
  if (prompt === undefined || prompt === null) {
    throw badRequest('expected "context" with its "prompt", found none');
  }
  if (prompt.trimStart().startsWith("[")) {
    try {
      const messages = v.safeParse(messagesSchema, JSON.parse(prompt));
      if (messages.success) {
        const before = conversationOfMessages(messages.output);
        return [...before, { role: "assistant", content: answer }];
      }
    } catch {
      // A prompt that only begins like a list.
    }
  }
  return conversationOfPair(prompt, answer);
}

function numberOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number)) return number;
  throw badRequest(
    `expected ?threshold= to be a number, found ${JSON.stringify(text.slice(0, 50))}`,
  );
}

async function assess(
  body: v.InferOutput<typeof assertion>,
  exchange: Exchange,
): Promise<unknown> {
  const threshold = numberOf(exchange.url.searchParams.get("threshold"));
  const model = exchange.model(null);
  const [verdict] = await exchange.score(model, [conversationOf(body)]);
  const { score, error, rewards } = verdict!;
  if (error !== null) return { pass: false, score: 0, reason: `${error.code}: ${error.message}` };
  const pass = threshold === undefined || score! >= threshold;
  const compared = threshold === undefined ? "" : `, threshold ${threshold}`;
  return {
    pass,
    score,
    reason: `reward ${score!.toPrecision(6)}${compared}`,
    ...(rewards === null ? {} : { namedScores: rewards }),
  };
}

/** promptfoo's webhook assertion: `?threshold=` says from which score on an output passes. */
export const promptfoo: Protocol = {
  name: "promptfoo",
  routes: [
    route({
      method: "POST",
      path: "/assert",
      summary: "Whether an output's score reaches ?threshold= (promptfoo's webhook)",
      body: assertion,
      answerTo: assess,
    }),
  ],
  failed: ({ code, message }: Failure) => ({
    pass: false,
    score: 0,
    reason: `${code}: ${message}`,
  }),
};
