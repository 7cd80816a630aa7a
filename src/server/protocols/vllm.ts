import * as v from "valibot";
import { stepScores } from "../../heads/step_scores.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import { type Conversation, withLimits } from "../../text/conversation.ts";
import { activatedScore, activationOf, answersOf, classesOf, usageOf } from "../answers.ts";
import {
  conversationOfMessages,
  conversationOfPair,
  conversationOfTemplated,
  idsSchema,
  messagesSchema,
} from "../conversations.ts";
import type { Failure } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";
import { badRequest } from "../request_body.ts";
import { packedNumbers } from "../packed_numbers.ts";

/** Most documents, or texts, of a request. */
const mostInputs = 10_000;

/** What every request may say; fields that no reward model's answer depends on are let pass. */
const common = {
  model: v.nullish(v.string()),
  truncate_prompt_tokens: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(-1))),
  truncation_side: v.nullish(v.picklist(["left", "right"])),
  use_activation: v.nullish(v.boolean()),
  activation: v.nullish(v.boolean()),
  softmax: v.nullish(v.boolean()),
  // Not Assay's: refused, as vLLM does itself.
  normalize: v.optional(v.never('"normalize" is no field of this request; see "use_activation"')),
};

const textInput = v.object({
  ...common,
  input: v.union([
    v.string(),
    idsSchema,
    v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(mostInputs)),
    v.pipe(v.array(idsSchema), v.minLength(1), v.maxLength(mostInputs)),
  ], "expected a text, token ids, or a list of either that is not empty"),
  add_special_tokens: v.nullish(v.boolean()),
});

const chatInput = v.object({
  ...common,
  messages: v.union([messagesSchema, v.pipe(v.array(messagesSchema), v.minLength(1))]),
  add_generation_prompt: v.nullish(v.boolean()),
  continue_final_message: v.nullish(v.boolean()),
  chat_template: v.nullish(v.never("a client's template is not run: the checkpoint's own is")),
  chat_template_kwargs: v.nullish(v.record(v.string(), v.unknown())),
});

const input = v.union([chatInput, textInput], 'expected "messages" or "input"');
type Input = v.InferOutput<typeof input>;

/** The conversations of a text or chat request. */
function conversationsOf(body: Input): Conversation[] {
  if ("messages" in body) {
    if (body.add_generation_prompt || body.continue_final_message) {
      throw badRequest(
        "expected the last message to be the whole response, without add_generation_prompt or " +
          "continue_final_message",
      );
    }
    const lists = Array.isArray(body.messages[0]) ? body.messages : [body.messages];
    return (lists as v.InferOutput<typeof messagesSchema>[]).map((messages) =>
      conversationOfMessages(messages, body.chat_template_kwargs)
    );
  }
  const { input, add_special_tokens } = body;
  const options = { addSpecialTokens: add_special_tokens ?? true };
  const isOne = typeof input === "string" || typeof input[0] === "number";
  const inputs = (isOne ? [input] : input) as (string | number[])[];
  return inputs.map((one) => conversationOfTemplated(one, options));
}

const pooling = v.intersect([
  input,
  v.object({
    task: v.nullish(
      v.picklist(
        ["classify", "plugin", "token_classify"],
        "a reward model has the tasks classify and, where it judges steps, token_classify",
      ),
    ),
    encoding_format: v.nullish(v.picklist(["float", "base64"])),
    dimensions: v.optional(v.never("a score has one dimension")),
  }),
]);

const texts = v.union([
  v.string(),
  v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(mostInputs)),
]);

const scorePairs = v.object({
  ...common,
  queries: v.optional(texts),
  documents: v.optional(texts),
  items: v.optional(texts),
  text_1: v.optional(texts),
  text_2: v.optional(texts),
  data_1: v.optional(texts),
  data_2: v.optional(texts),
});

/** The two lists of a score request, under the names that its versions had. */
function pairsOf(body: v.InferOutput<typeof scorePairs>): [string, string][] {
  const first = body.queries ?? body.text_1 ?? body.data_1;
  const second = body.documents ?? body.items ?? body.text_2 ?? body.data_2;
  if (first === undefined || second === undefined) {
    throw badRequest('expected "queries" and "documents" (or "text_1" and "text_2"), found one');
  }
  const [queries, documents] = [first, second].map((of) => typeof of === "string" ? [of] : of);
  if (queries!.length !== 1 && queries!.length !== documents!.length) {
    throw badRequest(
      `expected one query, or as many as documents, found ${queries!.length} and ${
        documents!.length
      }`,
    );
  }
  return documents!.map((
    document,
    i,
  ) => [queries!.length === 1 ? queries![0]! : queries![i]!, document]);
}

interface Scored {
  readonly model: string;
  readonly verdicts: readonly Verdict[];
}

async function scored(
  body: Pick<
    v.InferOutput<typeof textInput>,
    "model" | "truncate_prompt_tokens" | "truncation_side"
  >,
  conversations: readonly Conversation[],
  exchange: Exchange,
): Promise<Scored> {
  const model = exchange.model(body.model);
  const limits = limitsOf(body);
  const limited = conversations.map((conversation) => withLimits(conversation, limits));
  return { model: model.id, verdicts: await exchange.score(model, limited) };
}

/** -1 is the model's own length; where no side is named the last tokens stay, as vLLM documents it. */
function limitsOf(
  { truncate_prompt_tokens: most, truncation_side: side }: Pick<
    v.InferOutput<typeof textInput>,
    "truncate_prompt_tokens" | "truncation_side"
  >,
) {
  if (most === undefined || most === null) return undefined;
  if (most === 0) {
    throw badRequest("expected truncate_prompt_tokens to be -1 or at least 1, found 0");
  }
  return { truncate: side ?? "left", ...(most > 0 && { maxTokens: most }) };
}

function list(kind: string, { model, verdicts }: Scored, { id, now }: Exchange, data: unknown) {
  return {
    id: `${kind}-${id}`,
    object: "list",
    created: now,
    model,
    data,
    usage: usageOf(verdicts),
  };
}

async function classify(body: Input, exchange: Exchange): Promise<unknown> {
  const found = await scored(body, conversationsOf(body), exchange);
  const activation = activationOf(body);
  const data = answersOf(found.verdicts, (score, verdict, index) => {
    const classes = classesOf(verdict, score);
    const best = classes.reduce((a, b) => b.score > a.score ? b : a);
    return {
      index,
      label: best.label,
      probs: classes.map((one) => activatedScore(one.score, activation)),
      num_classes: classes.length,
      ...verdict.parts,
    };
  }, (index) => ({ index, label: null, probs: [], num_classes: 1 }));
  return list("classify", found, exchange, data);
}

async function pool(body: v.InferOutput<typeof pooling>, exchange: Exchange): Promise<unknown> {
  const found = await scored(body, conversationsOf(body), exchange);
  const activation = activationOf(body);
  const pack = (numbers: readonly number[]) =>
    body.encoding_format === "base64" ? packedNumbers(numbers) : numbers;
  const data = answersOf(found.verdicts, (score, verdict, index) => ({
    index,
    object: "pooling",
    data: body.task === "token_classify"
      ? pack(stepsOf(verdict))
      : pack([activatedScore(score, activation)]),
  }), (index) => ({ index, object: "pooling", data: [] }));
  return list("pool", found, exchange, data);
}

/** The score of each step, of a process reward model. */
function stepsOf({ parts }: Verdict): readonly number[] {
  const steps = parts[stepScores];
  if (Array.isArray(steps)) return steps;
  throw badRequest('expected "task" to be classify: this model does not judge steps');
}

async function score(body: v.InferOutput<typeof scorePairs>, exchange: Exchange): Promise<unknown> {
  const pairs = pairsOf(body).map(([query, document]) => conversationOfPair(query, document));
  const found = await scored(body, pairs, exchange);
  const activation = activationOf(body);
  const data = answersOf(
    found.verdicts,
    (score, _, index) => ({ index, object: "score", score: activatedScore(score, activation) }),
    (index) => ({ index, object: "score", score: null }),
  );
  return list("score", found, exchange, data);
}

const errorTypes: Readonly<Record<number, string>> = {
  400: "BadRequestError",
  401: "Unauthorized",
  404: "NotFoundError",
  422: "BadRequestError",
};

/** vLLM's pooling server, by its own code of 2026; its `/rerank` stands with Jina's in `rerank.ts`. */
export const vllm: Protocol = {
  name: "vllm",
  routes: [
    route({
      method: "POST",
      path: "/classify",
      summary: "Scores of templated texts or chats, as class probabilities",
      body: input,
      accepts: (body) => "input" in body || "messages" in body,
      answerTo: classify,
    }),
    route({
      method: "POST",
      path: "/pooling",
      summary: "Scores of templated texts or chats, as pooled numbers",
      body: pooling,
      answerTo: pool,
    }),
    ...["/score", "/v1/score"].map((path) =>
      route({
        method: "POST",
        path,
        summary: "Scores of queries with documents",
        body: scorePairs,
        accepts: (body) => ["queries", "text_1", "data_1"].some((field) => field in body),
        answerTo: score,
      })
    ),
  ],
  failed: ({ status, code, message }: Failure) => ({
    error: {
      message,
      type: errorTypes[status] ?? "InternalServerError",
      param: null,
      code: statusOf({ status }),
      assay_code: code,
    },
  }),
  status: statusOf,
};

/** A client of verl's gives up on any 4xx: a full queue is told as 503, so that it tries again. */
function statusOf({ status }: Pick<Failure, "status">): number {
  return status === 429 ? 503 : status;
}
