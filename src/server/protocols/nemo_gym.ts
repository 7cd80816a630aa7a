import * as v from "valibot";
import type { Conversation, Message } from "../../text/conversation.ts";
import type { Failure } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";
import { badRequest } from "../request_body.ts";

const part = v.looseObject({ text: v.optional(v.string()) });
const item = v.looseObject({
  type: v.optional(v.string()),
  role: v.optional(v.string()),
  content: v.optional(v.union([v.string(), v.array(part)])),
});

const verify = v.looseObject({
  responses_create_params: v.looseObject({
    input: v.union([v.string(), v.array(item)]),
    instructions: v.nullish(v.string()),
  }),
  response: v.looseObject({ output: v.pipe(v.array(item), v.minLength(1)) }),
});

type Item = v.InferOutput<typeof item>;

/** What an item of OpenAI's Responses API says: a message. Others (reasoning, calls) say nothing to score. */
function messageOf({ type = "message", role, content }: Item): Message | undefined {
  if (type !== "message" || role === undefined || content === undefined) return undefined;
  const text = typeof content === "string"
    ? content
    : content.map(({ text }) => text ?? "").join("");
  return { role: role === "developer" ? "system" : role, content: text };
}

function conversationOf(body: v.InferOutput<typeof verify>): Conversation {
  const { input, instructions } = body.responses_create_params;
  const asked = typeof input === "string"
    ? [{ role: "user", content: input }]
    : input.map(messageOf).filter((message) => message !== undefined);
  const answers = body.response.output.map(messageOf).filter((message) =>
    message?.role === "assistant"
  );
  const answer = answers.map((message) => message!.content).join("");
  if (asked.length === 0) throw badRequest("expected a message among the input, found none");
  if (answers.length === 0) throw badRequest("expected a message among the output, found none");
  const system = instructions ? [{ role: "system", content: instructions }] : [];
  return [...system, ...asked, { role: "assistant", content: answer }];
}

async function verified(
  body: v.InferOutput<typeof verify>,
  exchange: Exchange,
): Promise<unknown> {
  const model = exchange.model(null);
  const [verdict] = await exchange.score(model, [conversationOf(body)]);
  const { score, error, rewards } = verdict!;
  // The same keys in every task: a missing objective is told as 0 of a sample that is masked.
  const names = model.model?.objectives ?? [];
  const components = Object.fromEntries(names.map((name) => [name, rewards?.[name] ?? 0]));
  if (error === null) return { ...body, reward: score, reward_components: components };
  return {
    ...body,
    reward: 0,
    reward_components: components,
    mask_sample: true,
    failure_reason: `${error.code}: ${error.message}`,
  };
}

/** A resources server of NeMo Gym, by its `base_resources_server.py` of 2026. */
export const nemoGym: Protocol = {
  name: "nemo_gym",
  routes: [
    route({
      method: "POST",
      path: "/seed_session",
      summary: "Begins a session, which has no state (NeMo Gym)",
      body: v.looseObject({}),
      answerTo: () => ({}),
    }),
    route({
      method: "POST",
      path: "/verify",
      summary: "The reward of a response (NeMo Gym)",
      body: verify,
      answerTo: verified,
    }),
  ],
  failed: ({ code, message }: Failure) => ({ detail: message, code }),
};
