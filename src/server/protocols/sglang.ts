import * as v from "valibot";
import { activatedScore, answersOf, ranked, scoresOrError, usageOf } from "../answers.ts";
import { conversationOfPair, conversationOfTemplated, idsSchema } from "../conversations.ts";
import type { Failure } from "../failures.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";
import { badRequest } from "../request_body.ts";

const mostInputs = 10_000;
const strings = v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(mostInputs));
const model = v.nullish(v.string());

const native = v.object({
  model,
  text: v.optional(v.union([v.string(), strings])),
  input_ids: v.optional(v.union([idsSchema, v.pipe(v.array(idsSchema), v.minLength(1))])),
});

const openAi = v.object({
  model,
  input: v.union(
    [v.string(), strings, idsSchema],
    "expected a text, or a list of texts or of token ids that is not empty",
  ),
});

const scoring = v.object({
  model,
  query: v.union([v.string(), idsSchema]),
  items: v.union([v.string(), strings]),
  item_first: v.nullish(v.boolean()),
  label_token_ids: v.nullish(v.never("a reward model has no label tokens")),
  apply_softmax: v.nullish(v.boolean()),
  return_pooled_hidden_states: v.nullish(v.literal(false)),
});

const rerank = v.object({
  model,
  query: v.pipe(v.string(), v.minLength(1, "expected a query, found empty text")),
  documents: v.pipe(
    v.array(v.pipe(v.string(), v.minLength(1, "expected a document, found empty text"))),
    v.minLength(1),
    v.maxLength(mostInputs),
  ),
  instruct: v.nullish(v.string()),
  top_n: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1))),
  return_documents: v.nullish(v.boolean()),
});

/** Inputs that may be one or several, templated already. */
function templated(input: string | readonly string[] | readonly number[] | readonly number[][]) {
  const isOne = typeof input === "string" || typeof input[0] === "number";
  const inputs = (isOne ? [input] : input) as readonly (string | readonly number[])[];
  return inputs.map((one) => conversationOfTemplated(one));
}

async function classify(body: v.InferOutput<typeof native>, exchange: Exchange): Promise<unknown> {
  const input = body.text ?? body.input_ids;
  if (input === undefined) throw badRequest('expected "text" or "input_ids", found neither');
  const verdicts = await exchange.score(exchange.model(body.model), templated(input));
  return answersOf(
    verdicts,
    (score, verdict, index) => ({
      embedding: [score],
      meta_info: {
        id: `${exchange.id}-${index}`,
        prompt_tokens: verdict.tokens,
        ...verdict.parts,
      },
    }),
    (index) => ({ embedding: [], meta_info: { id: `${exchange.id}-${index}`, prompt_tokens: 0 } }),
  );
}

async function embeddings(
  body: v.InferOutput<typeof openAi>,
  exchange: Exchange,
): Promise<unknown> {
  const served = exchange.model(body.model);
  const verdicts = await exchange.score(served, templated(body.input));
  const data = answersOf(
    verdicts,
    (score, _, index) => ({ object: "embedding", embedding: [score], index }),
    (index) => ({ object: "embedding", embedding: [], index }),
  );
  return { object: "list", data, model: served.id, usage: usageOf(verdicts) };
}

async function score(body: v.InferOutput<typeof scoring>, exchange: Exchange): Promise<unknown> {
  const { query, item_first: itemFirst } = body;
  if (typeof query !== "string") throw badRequest('expected "query" to be text, found token ids');
  const served = exchange.model(body.model);
  const items = typeof body.items === "string" ? [body.items] : body.items;
  // SGLang joins the two without a template: what is sent is the text that the model reads.
  const conversations = items.map((item) =>
    conversationOfTemplated(itemFirst ? item + query : query + item)
  );
  const verdicts = await exchange.score(served, conversations);
  const activation = body.apply_softmax ? "sigmoid" : "none";
  const scores = scoresOrError(verdicts).map((score) => [activatedScore(score, activation)]);
  return { scores, model: served.id, usage: usageOf(verdicts), object: "scoring" };
}

async function rerankDocuments(
  body: v.InferOutput<typeof rerank>,
  exchange: Exchange,
): Promise<unknown> {
  if (body.instruct) {
    throw badRequest('expected no "instruct": a reward model is given query and document alone');
  }
  const { query, documents, top_n: most = documents.length, return_documents: returns } = body;
  const served = exchange.model(body.model);
  const conversations = documents.map((document) => conversationOfPair(query, document));
  const verdicts = await exchange.score(served, conversations);
  const answers = answersOf(
    verdicts,
    (score, { tokens }, index) => ({
      score,
      ...place(index),
      meta_info: { prompt_tokens: tokens },
    }),
    (index) => ({ score: null, ...place(index) }),
  );
  function place(index: number) {
    return returns === false ? { index } : { document: documents[index], index };
  }
  const order = ranked(verdicts.map(({ score }) => score));
  return order.slice(0, most ?? documents.length).map((index) => answers[index]);
}

/** SGLang's server, by its own code of 2026; scores are raw where it would always apply a softmax. */
export const sglang: Protocol = {
  name: "sglang",
  routes: [
    route({
      method: "POST",
      path: "/classify",
      summary: "Scores of templated texts (SGLang's own /classify)",
      body: native,
      accepts: (body) => "text" in body || "input_ids" in body,
      answerTo: classify,
    }),
    route({
      method: "POST",
      path: "/v1/embeddings",
      summary: "Scores of templated texts, as embeddings of one number (what verl reads)",
      body: openAi,
      answerTo: embeddings,
    }),
    route({
      method: "POST",
      path: "/v1/score",
      summary: "Scores of a text followed by items",
      body: scoring,
      accepts: (body) => "query" in body && "items" in body,
      answerTo: score,
    }),
    route({
      method: "POST",
      path: "/v1/rerank",
      summary: "Documents from the best to the worst answer to a query, as a bare list",
      body: rerank,
      accepts: (body) => "instruct" in body,
      answerTo: rerankDocuments,
    }),
  ],
  failed: ({ status, code, message }: Failure) => ({
    object: "error",
    message,
    type: code,
    param: null,
    code: status,
  }),
};
