import * as v from "valibot";
import { activatedScore, activationOf, answersOf, ranked, usageOf } from "../answers.ts";
import { conversationOfPair } from "../conversations.ts";
import { type Exchange, type Protocol, route } from "../protocol.ts";
import { vllm } from "./vllm.ts";

/** As Cohere bounds it. */
const mostDocuments = 10_000;

const rerank = v.object({
  model: v.nullish(v.string()),
  query: v.string(),
  documents: v.union([
    v.string(),
    v.pipe(
      v.array(v.union([v.string(), v.looseObject({ text: v.string() })])),
      v.minLength(1),
      v.maxLength(mostDocuments),
    ),
  ]),
  top_n: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  return_documents: v.nullish(v.boolean()),
  use_activation: v.nullish(v.boolean()),
  activation: v.nullish(v.boolean()),
  softmax: v.nullish(v.boolean()),
});

async function answerTo(body: v.InferOutput<typeof rerank>, exchange: Exchange): Promise<unknown> {
  const given = typeof body.documents === "string" ? [body.documents] : body.documents;
  const documents = given.map((document) =>
    typeof document === "string" ? document : document.text
  );
  const model = exchange.model(body.model);
  const conversations = documents.map((document) => conversationOfPair(body.query, document));
  const verdicts = await exchange.score(model, conversations);
  const activation = activationOf(body);
  const results = answersOf(
    verdicts,
    (score, _, index) => ({ ...place(index), relevance_score: activatedScore(score, activation) }),
    (index) => ({ ...place(index), relevance_score: null }),
  );
  function place(index: number) {
    return body.return_documents === false
      ? { index }
      : { index, document: { text: documents[index] } };
  }
  const most = body.top_n ? body.top_n : documents.length;
  return {
    id: `rerank-${exchange.id}`,
    model: model.id,
    usage: usageOf(verdicts),
    results: ranked(verdicts.map(({ score }) => score)).slice(0, most).map((at) => results[at]),
    meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
  };
}

/**
 * Rerankers' common language: Jina's, Cohere's (v1 and v2) and vLLM's, whose answers hold each other's
 * fields. Scores are raw; `use_activation: true` asks for sigmoids.
 */
export const rerankers: Protocol = {
  ...vllm,
  name: "jina",
  routes: ["/rerank", "/v1/rerank", "/v2/rerank"].map((path) =>
    route({
      method: "POST",
      path,
      summary: "Documents from the best to the worst answer to a query",
      body: rerank,
      accepts: (body) => "documents" in body && !("instruct" in body),
      answerTo,
    })
  ),
};
