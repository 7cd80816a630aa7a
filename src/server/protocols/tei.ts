import * as v from "valibot";
import { activatedScore, answersOf, classesOf, ranked } from "../answers.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import { withLimits } from "../../text/conversation.ts";
import { conversationOfPair, conversationOfTemplated } from "../conversations.ts";
import type { Failure } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";

const mostInputs = 10_000;
/** No field of TEI's, which serves one model; who names one here must not get another's scores. */
const model = v.nullish(v.string());
const pair = v.strictTuple([v.string(), v.string()]);
const lone = v.strictTuple([v.string()]);

const predict = v.object({
  model,
  inputs: v.union([
    v.string(),
    lone,
    pair, // two texts are one pair, not two inputs
    v.pipe(v.array(v.union([lone, pair])), v.minLength(1), v.maxLength(mostInputs)),
  ]),
  raw_scores: v.nullish(v.boolean()),
  truncate: v.nullish(v.boolean()),
  truncation_direction: v.nullish(v.picklist(["left", "right", "Left", "Right"])),
});

const rerank = v.object({
  model,
  query: v.string(),
  texts: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(mostInputs)),
  raw_scores: v.nullish(v.boolean()),
  return_text: v.nullish(v.boolean()),
  truncate: v.nullish(v.boolean()),
  truncation_direction: v.nullish(v.picklist(["left", "right", "Left", "Right"])),
});

type One = readonly [string] | readonly [string, string];

function conversationOf(input: One) {
  return input.length === 2
    ? conversationOfPair(input[0], input[1])
    : conversationOfTemplated(input[0]);
}

/** What a request says of texts that are too long: nothing is cut unless it says so. */
function limitsOf(
  { truncate, truncation_direction: side }: Pick<
    v.InferOutput<typeof rerank>,
    "truncate" | "truncation_direction"
  >,
) {
  if (!truncate) return undefined;
  return { truncate: side?.toLowerCase() === "left" ? "left" as const : "right" as const };
}

/** Headers by which TEI tells its times; of a queue's parts only the whole is known here. */
function measured(exchange: Exchange, verdicts: readonly Verdict[], begun: number): void {
  const tokens = verdicts.reduce((sum, { tokens }) => sum + tokens, 0);
  exchange.headers.set("x-compute-tokens", `${tokens}`);
  exchange.headers.set("x-total-time", `${Math.round(performance.now() - begun)}`);
}

async function predicted(
  body: v.InferOutput<typeof predict>,
  exchange: Exchange,
): Promise<unknown> {
  const begun = performance.now();
  const { inputs, raw_scores: raw } = body;
  const limits = limitsOf(body);
  const isBatch = Array.isArray(inputs) && Array.isArray(inputs[0]);
  const all = (isBatch ? inputs : [typeof inputs === "string" ? [inputs] : inputs]) as One[];
  const conversations = all.map((one) => withLimits(conversationOf(one), limits));
  const verdicts = await exchange.score(exchange.model(body.model), conversations);
  measured(exchange, verdicts, begun);
  const activation = raw === false ? "sigmoid" : "none";
  const answers = answersOf(
    verdicts,
    (score, verdict) => ({
      classes: classesOf(verdict, score)
        .map((one) => ({ score: activatedScore(one.score, activation), label: one.label }))
        .sort((a, b) => b.score - a.score),
    }),
    () => ({ classes: [{ score: null, label: "score" }] }),
  ).map((answer) => {
    const { classes, ...error } = answer as { classes: object[]; error?: unknown };
    return classes.map((one) => ({ ...one, ...error }));
  });
  return isBatch ? answers : answers[0];
}

async function reranked(body: v.InferOutput<typeof rerank>, exchange: Exchange): Promise<unknown> {
  const begun = performance.now();
  const { query, texts, return_text: returns, raw_scores: raw } = body;
  const limits = limitsOf(body);
  const conversations = texts.map((text) => withLimits(conversationOfPair(query, text), limits));
  const verdicts = await exchange.score(exchange.model(body.model), conversations);
  measured(exchange, verdicts, begun);
  const place = (index: number) => returns ? { index, text: texts[index] } : { index };
  const activation = raw === false ? "sigmoid" : "none";
  const answers = answersOf(
    verdicts,
    (score, _, index) => ({ ...place(index), score: activatedScore(score, activation) }),
    (index) => ({ ...place(index), score: null }),
  );
  return ranked(verdicts.map(({ score }) => score)).map((index) => answers[index]);
}

function info(exchange: Exchange): unknown {
  const served = exchange.model(null);
  const { labels = [], maxTokens = null } = served.model ?? {};
  const names = labels.length > 1 ? labels : ["score"]; // as /predict calls them
  return {
    model_id: served.id,
    model_sha: null,
    model_dtype: "float32",
    served_model_name: served.id,
    model_type: {
      classifier: {
        id2label: Object.fromEntries(names.map((name, i) => [`${i}`, name])),
        label2id: Object.fromEntries(names.map((name, i) => [name, i])),
      },
    },
    max_concurrent_requests: served.mostWaiting,
    max_input_length: maxTokens,
    max_batch_tokens: 4096,
    max_batch_requests: null,
    max_client_batch_size: mostInputs,
    auto_truncate: false,
    tokenization_workers: 1,
    version: "assay",
    sha: null,
    docker_label: null,
  };
}

/** The kinds of error that TEI knows, with their statuses. */
function kindOf({ status, code }: Failure): [kind: string, status: number] {
  if (code === "scoring/not-finite") return ["Backend", 424];
  switch (status) {
    case 429:
      return ["Overloaded", 429];
    case 400:
    case 404:
    case 413:
    case 415:
      return ["Validation", status];
    case 422:
      return [code.startsWith("text/") ? "Tokenizer" : "Validation", 422];
    case 503:
    case 504:
      return ["Unhealthy", status];
    default:
      return ["Backend", status];
  }
}

/**
 * text-embeddings-inference, by its router of 2026. `raw_scores` is true where a request does not say:
 * TEI itself would answer sigmoids, under which every good answer is 1.
 */
export const tei: Protocol = {
  name: "tei",
  routes: [
    route({
      method: "POST",
      path: "/predict",
      summary: "Scores of texts or pairs (text-embeddings-inference)",
      body: predict,
      answerTo: predicted,
    }),
    route({
      method: "POST",
      path: "/rerank",
      summary: "Texts from the best to the worst answer to a query (text-embeddings-inference)",
      body: rerank,
      accepts: (body) => "texts" in body,
      answerTo: reranked,
    }),
    route({
      method: "GET",
      path: "/info",
      summary: "What is served (text-embeddings-inference)",
      answerTo: (_, exchange) => info(exchange),
    }),
  ],
  failed: (failure) =>
    failure.status === 401 ? undefined : { error: failure.message, error_type: kindOf(failure)[0] },
  status: (failure) => kindOf(failure)[1],
};
