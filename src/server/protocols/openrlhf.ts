import * as v from "valibot";
import { scoresOrError } from "../answers.ts";
import { conversationOfTemplated } from "../conversations.ts";
import type { Failure } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";

const rewards = v.object({
  query: v.pipe(v.array(v.string()), v.maxLength(10_000)),
  prompts: v.nullish(v.array(v.nullable(v.string()))),
  labels: v.nullish(v.array(v.unknown())),
  model: v.nullish(v.string()),
});

/** Numbers by name turned into lists by name, which is how OpenRLHF logs them. */
function byName(
  all: readonly (Readonly<Record<string, number>> | null)[],
): Record<string, number[]> {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, all.map((one) => one?.[name] ?? NaN)]));
}

async function getReward(
  { query, model }: v.InferOutput<typeof rewards>,
  exchange: Exchange,
): Promise<unknown> {
  // With several servers the first gets the sample and the others an empty list.
  if (query.length === 0) return { rewards: [], scores: [], extra_logs: {} };
  // The query was decoded with its special tokens: its beginning stands in it, if it has one.
  const conversations = query.map((text) =>
    conversationOfTemplated(text, { addSpecialTokens: false })
  );
  const verdicts = await exchange.score(exchange.model(model), conversations);
  const scores = scoresOrError(verdicts);
  return { rewards: scores, scores, extra_logs: byName(verdicts.map(({ rewards }) => rewards)) };
}

/** OpenRLHF's `--reward.remote_url`, by its `serve_rm.py` of 2026. */
export const openRlhf: Protocol = {
  name: "openrlhf",
  routes: [
    route({
      method: "POST",
      path: "/get_reward",
      summary: "Rewards of templated texts (OpenRLHF)",
      body: rewards,
      answerTo: getReward,
    }),
  ],
  failed: ({ code, message }: Failure) => ({ error: { code, message } }),
};
