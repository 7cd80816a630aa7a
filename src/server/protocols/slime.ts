import * as v from "valibot";
import { scoresOrError } from "../answers.ts";
import { conversationOfMessages, conversationOfPair, messagesSchema } from "../conversations.ts";
import type { Failure } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";

const sample = v.object({
  prompt: v.union([v.string(), messagesSchema]),
  response: v.string(),
  label: v.optional(v.unknown()),
  model: v.nullish(v.string()),
});

async function reward(
  { prompt, response, model }: v.InferOutput<typeof sample>,
  exchange: Exchange,
): Promise<unknown> {
  const conversation = typeof prompt === "string"
    ? conversationOfPair(prompt, response)
    : [...conversationOfMessages(prompt), { role: "assistant", content: response }];
  const verdicts = await exchange.score(exchange.model(model), [conversation]);
  const [score] = scoresOrError(verdicts);
  return exchange.url.searchParams.has("bare")
    ? score
    : { score, reward: score, ...verdicts[0]!.parts };
}

/** slime's and miles' `--rm-type remote_rm`: one sample, its number under `score` and `reward`. */
export const slime: Protocol = {
  name: "slime",
  routes: [
    route({
      method: "POST",
      path: "/remote_rm",
      summary: "The reward of one sample (slime); ?bare for the number alone",
      body: sample,
      answerTo: reward,
    }),
  ],
  failed: ({ code, message }: Failure) => ({ error: { code, message } }),
};
