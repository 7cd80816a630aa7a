import assert from "node:assert/strict";
import { AskedServer } from "./asked_server.ts";
import { textOf } from "./fake_model.ts";

const chat = [{ role: "user", content: "Hi" }, { role: "assistant", content: "four" }];
const rewards = { helpful: 4, brief: -4 };

function protocolTest(name: string, test: (server: AskedServer) => Promise<void>): void {
  Deno.test(name, async () => {
    await using server = await AskedServer.ready({}, {}, ["fake", "other"]);
    await test(server);
    assert.deepEqual(server.log, []);
  });
}

protocolTest("/v1/score answers rows as files have them", async (server) => {
  const one = await server.post("/v1/score", { id: 7, prompt: "Hi", response: "four" });
  assert.deepEqual(one.json, { id: 7, prompt: "Hi", response: "four", score: 4, tokens: 4 });
  const many = await server.post("/v1/score", {
    rows: [
      { prompt: "Hi", chosen: "fours", rejected: "one" },
      { prompt: "Hi", responses: ["a", "bb", "bad"] },
      { prompt: 3 },
    ],
    explain: true,
    model: "other",
  });
  assert.equal(many.status, 200);
  const [pair, candidates, wrong] = many.json.rows;
  assert.equal(pair.margin, 2);
  assert.deepEqual(pair.chosen_rewards, { helpful: 5, brief: -5 });
  assert.equal(pair.kernels, "cpu");
  assert.deepEqual([candidates.scores, candidates.best], [[1, 2, null], 1]);
  assert.equal(candidates.error.code, "text/too-long");
  assert.equal(wrong.error.code, "data/bad-row");
  const bad = await server.post("/v1/score", { prompt: "Hi", response: "bad" });
  assert.equal(bad.status, 422);
  assert.equal(bad.json.error.code, "text/too-long");
});

protocolTest("/v1/score keeps whole numbers beyond 2^53", async (server) => {
  const { text } = await server.post(
    "/v1/score",
    '{"id":12345678901234567890,"prompt":"Hi","response":"four"}',
  );
  assert.match(text, /"id":12345678901234567890,/);
});

protocolTest(
  "/v1/score answers JSON Lines line by line, a bad one with its error",
  async (server) => {
    const lines = ['{"prompt":"Hi","response":"four"}', "nonsense", "", '{"messages":[]}'];
    const body = `${lines.join("\n")}\n${'{"prompt":"Hi","response":"12345"}\n'.repeat(300)}`;
    const headers = { "content-type": "application/x-ndjson" };
    const { status, text } = await server.post("/v1/score?model=other&explain", body, { headers });
    assert.equal(status, 200);
    const rows = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(rows.length, 303);
    assert.deepEqual(rows.slice(0, 3).map(({ score, error }) => score ?? error.code), [
      4,
      "data/bad-row",
      "data/bad-row",
    ]);
    assert.ok(rows.slice(3).every(({ score, rewards }) => score === 5 && rewards.helpful === 5));
  },
);

protocolTest("vLLM's /classify takes templated texts, token ids and chats", async (server) => {
  const verl = { model: "fake", input: "<s>four", use_activation: false };
  const { json } = await server.post("/classify", verl);
  assert.equal(json.data.at(-1).probs.at(-1), 7);
  assert.deepEqual(json.data[0].rewards, { helpful: 7, brief: -7 });
  assert.deepEqual(json.usage, { prompt_tokens: 7, total_tokens: 7, completion_tokens: 0 });
  assert.match(json.id, /^classify-/);
  assert.equal(json.model, "fake");
  const [asked] = server.loaded[0]!.calls[0]!;
  assert.deepEqual(asked!.templated, { text: "<s>four", addSpecialTokens: true });
  const several = await server.post("/classify", { input: [[1, 2], [3]], activation: true });
  assert.deepEqual(several.json.data.map((item: { probs: number[] }) => item.probs[0]), [
    1 / (1 + Math.exp(-3)),
    1 / (1 + Math.exp(-1)),
  ]);
  const messages = await server.post("/classify", { messages: chat });
  assert.deepEqual(messages.json.data[0].probs, [4]);
  const parts = [chat[0], { role: "assistant", content: [{ type: "text", text: "four" }] }];
  assert.deepEqual((await server.post("/classify", { messages: parts })).json.data[0].probs, [4]);
});

protocolTest(
  "a text that can't be scored stands among the others with its error",
  async (server) => {
    const { status, json } = await server.post("/classify", { input: ["four", "bad"] });
    assert.equal(status, 200);
    assert.deepEqual(json.data[0].probs, [4]);
    assert.deepEqual(json.data[1].probs, []);
    assert.equal(json.data[1].error.code, "text/too-long");
    const alone = await server.post("/classify", { input: "bad" });
    assert.equal(alone.status, 422);
    assert.equal(alone.json.error.code, 422);
    assert.equal(alone.json.error.assay_code, "text/too-long");
  },
);

protocolTest("vLLM's /pooling gives numbers, or their bytes", async (server) => {
  const { json } = await server.post("/pooling", { input: ["four"], task: "classify" });
  assert.deepEqual(json.data, [{ index: 0, object: "pooling", data: [4] }]);
  const packed = await server.post("/pooling", { messages: chat, encoding_format: "base64" });
  const bytes = Uint8Array.fromBase64(packed.json.data[0].data);
  assert.equal(new DataView(bytes.buffer).getFloat32(0, true), 4);
  for (const task of ["embed", "token_classify"]) { // the fake model judges no steps
    assert.equal((await server.post("/pooling", { input: "x", task })).status, 400);
  }
});

protocolTest(
  "vLLM's /score pairs one query with many documents, or each with its own",
  async (server) => {
    for (
      const names of [["queries", "documents"], ["queries", "items"], ["text_1", "text_2"], [
        "data_1",
        "data_2",
      ]]
    ) {
      const { json } = await server.post("/v1/score", {
        [names[0]!]: "Hi",
        [names[1]!]: ["a", "bad", "ccc"],
      });
      assert.deepEqual(json.data.map(({ score }: { score: number }) => score), [1, null, 3]);
    }
    const asked = server.loaded[0]!.calls.at(-1)!;
    assert.deepEqual(asked[0], [{ role: "user", content: "Hi" }, {
      role: "assistant",
      content: "a",
    }]);
    const each = await server.post("/score", { queries: ["p", "q"], documents: ["a", "bb"] });
    assert.deepEqual(each.json.data.map(({ score }: { score: number }) => score), [1, 2]);
    const uneven = await server.post("/score", { queries: ["p", "q"], documents: ["a", "b", "c"] });
    assert.equal(uneven.status, 400);
  },
);

protocolTest("rerankers' addresses sort, equal documents in their order", async (server) => {
  for (const path of ["/rerank", "/v1/rerank", "/v2/rerank", "/jina/rerank"]) {
    const body = { query: "Hi", documents: ["aa", "cccc", "bb", { text: "d" }], top_n: 3 };
    const { json } = await server.post(path, body);
    assert.deepEqual(
      json.results.map((
        { index, relevance_score: score }: Record<string, number>,
      ) => [index, score]),
      [[1, 4], [0, 2], [2, 2]],
    );
    assert.deepEqual(json.results[0].document, { text: "cccc" });
  }
  const bare = { query: "Hi", documents: ["a"], return_documents: false, use_activation: true };
  const { json } = await server.post("/v2/rerank", bare);
  assert.deepEqual(json.results, [{ index: 0, relevance_score: 1 / (1 + Math.exp(-1)) }]);
});

protocolTest("SGLang's addresses answer raw scores", async (server) => {
  const native = await server.post("/classify", { text: ["four", "bad"] });
  assert.deepEqual(native.json[0].embedding, [4]);
  assert.equal(native.json[0].meta_info.prompt_tokens, 4);
  assert.equal(native.json[1].error.code, "text/too-long");
  const verl = await server.post("/v1/embeddings", { model: "fake", input: "four" });
  assert.equal(verl.json.data.at(-1).embedding.at(-1), 4);
  const scored = await server.post("/v1/score", { query: "ab", items: ["c", "dd"] });
  assert.deepEqual(scored.json.scores, [[3], [4]]);
  const ranked = await server.post("/sglang/v1/rerank", { query: "Hi", documents: ["a", "bb"] });
  assert.deepEqual(ranked.json.map(({ index }: { index: number }) => index), [1, 0]);
  const empty = await server.post("/sglang/v1/rerank", { query: "", documents: ["a"] });
  assert.equal(empty.status, 400);
});

protocolTest("text-embeddings-inference: two texts are one pair", async (server) => {
  assert.deepEqual((await server.post("/predict", { inputs: "four" })).json, [
    { score: 4, label: "score" },
  ]);
  const pair = await server.post("/predict", { inputs: ["Hi", "four"] });
  assert.deepEqual(pair.json, [{ score: 4, label: "score" }]);
  const batch = await server.post("/predict", { inputs: [["four"], ["Hi", "fours"], ["bad"]] });
  assert.deepEqual(batch.json.slice(0, 2).map(([{ score }]: [{ score: number }]) => score), [4, 5]);
  assert.equal(batch.json[2][0].error.code, "text/too-long");
  const squeezed = await server.post("/predict", { inputs: "four", raw_scores: false });
  assert.equal(squeezed.json[0].score, 1 / (1 + Math.exp(-4)));
  assert.equal(squeezed.headers.get("x-compute-tokens"), "4");
  const ranked = await server.post("/rerank", {
    query: "Hi",
    texts: ["a", "bb"],
    return_text: true,
  });
  assert.deepEqual(ranked.json[0], { index: 1, text: "bb", score: 2 });
  const bad = await server.post("/predict", { inputs: "bad" });
  assert.deepEqual([bad.status, bad.json.error_type], [422, "Tokenizer"]);
  const info = await server.ask("/info");
  assert.equal(info.json.max_input_length, 100);
  assert.deepEqual(info.json.model_type.classifier.id2label, { "0": "score" });
  server.loaded[0]!.labels = ["no", "yes"];
  const labelled = await server.ask("/info");
  assert.deepEqual(labelled.json.model_type.classifier.label2id, { no: 0, yes: 1 });
});

protocolTest(
  "OpenRLHF's /get_reward: special tokens are live, an empty list is answered",
  async (server) => {
    const body = { query: ["<s>four"], prompts: ["<s>"], labels: [null] };
    const { json } = await server.post("/get_reward", body);
    assert.deepEqual(json, {
      rewards: [7],
      scores: [7],
      extra_logs: { helpful: [7], brief: [-7] },
    });
    const [asked] = server.loaded[0]!.calls[0]!;
    assert.deepEqual(asked!.templated, { text: "<s>four", addSpecialTokens: false });
    const none = await server.post("/get_reward", { query: [], prompts: [], labels: [] });
    assert.deepEqual([none.status, none.json.rewards], [200, []]);
    assert.equal((await server.post("/get_reward", { query: ["bad"] })).status, 422);
    // A list of numbers has no room for an error among them.
    const some = await server.post("/get_reward", { query: ["four", "bad", "bad"] });
    assert.deepEqual([some.status, some.json.error.code], [422, "text/too-long"]);
    assert.match(some.json.error.message, /^Text 2 of 3: Cannot /);
  },
);

protocolTest("slime's /remote_rm: a number, bare where asked", async (server) => {
  const sample = { prompt: "Hi", response: "four", label: { any: 1 } };
  const { json } = await server.post("/remote_rm", sample);
  assert.deepEqual([json.score, json.reward, json.rewards], [4, 4, rewards]);
  assert.equal((await server.post("/remote_rm?bare=1", sample)).text, "4");
  const messages = await server.post("/remote_rm", { prompt: [chat[0]], response: "four" });
  assert.equal(messages.json.score, 4);
});

protocolTest("NeMo Gym's /verify echoes, and masks what can't be scored", async (server) => {
  const body = {
    responses_create_params: { input: [{ role: "user", content: "Hi" }], temperature: 1 },
    response: {
      output: [
        { type: "reasoning", summary: [] },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "four" }] },
      ],
    },
    verifier_metadata: { id: 3 },
  };
  assert.deepEqual((await server.post("/seed_session", {})).json, {});
  const { json } = await server.post("/verify", body);
  assert.deepEqual(json, { ...body, reward: 4, reward_components: rewards });
  const bad = structuredClone(body);
  bad.response.output[1]!.content![0]!.text = "bad";
  const masked = (await server.post("/verify", bad)).json;
  assert.equal(masked.mask_sample, true);
  assert.match(masked.failure_reason, /^text\/too-long: /);
  assert.deepEqual(Object.keys(masked.reward_components), Object.keys(rewards));
});

protocolTest("promptfoo's webhook passes from a threshold on", async (server) => {
  const body = { output: "four", context: { prompt: "Hi", vars: {} } };
  const { json } = await server.post("/assert?threshold=4", body);
  assert.deepEqual(json, {
    pass: true,
    score: 4,
    reason: "reward 4.00000, threshold 4",
    namedScores: rewards,
  });
  assert.equal((await server.post("/assert?threshold=5", body)).json.pass, false);
  assert.equal((await server.post("/assert?threshold=x", body)).status, 400);
  const asked = { output: "four", context: { prompt: JSON.stringify(chat.slice(0, 1)) } };
  await server.post("/assert", asked);
  assert.deepEqual(server.loaded[0]!.calls.at(-1)![0]![0], chat[0]);
  const bad = await server.post("/assert", { ...body, output: "bad" });
  assert.equal(bad.json.pass, false);
});

protocolTest("a request chooses its model by name, the first one without", async (server) => {
  await server.post("/v1/score", { model: "other", prompt: "Hi", response: "four" });
  assert.deepEqual(server.loaded.map(({ calls }) => calls.length), [0, 1]);
  await server.post("/v1/score", { prompt: "Hi", response: "four" });
  assert.deepEqual(server.loaded.map(({ calls }) => calls.length), [1, 1]);
  const unknown = await server.post("/classify", { model: "none", input: "x" });
  assert.equal(unknown.status, 404);
  assert.match(unknown.json.error.message, /"fake" or "other"/);
});

protocolTest("what is served and counted is told", async (server) => {
  await server.post("/classify", { input: "four" });
  await server.post("/classify", { input: 3 });
  const models = await server.ask("/v1/models");
  assert.deepEqual(models.json.data.map(({ id }: { id: string }) => id), ["fake", "other"]);
  assert.equal(models.json.data[0].head, "armo");
  const { text } = await server.ask("/metrics");
  assert.match(text, /assay_requests_total\{protocol="vllm",path="\/classify",code="ok"\} 1/);
  assert.match(text, /path="\/classify",code="server\/bad-request"\} 1/);
  assert.match(text, /assay_conversations_total\{model="fake"\} 1/);
  assert.match(text, /assay_queue_depth\{model="fake"\} 0/);
  assert.equal((await server.ask("/version")).json.version.split(".").length, 3);
  for (const path of ["/live", "/ready", "/health", "/ping"]) {
    assert.equal((await server.ask(path)).status, 200);
  }
});

protocolTest(
  "the OpenAPI document has every address, and its examples' schemas",
  async (server) => {
    const { json } = await server.ask("/openapi.json");
    assert.equal(json.openapi, "3.1.0");
    for (
      const path of [
        "/v1/score",
        "/classify",
        "/sglang/classify",
        "/rerank",
        "/tei/rerank",
        "/get_reward",
        "/verify",
      ]
    ) {
      assert.ok(path in json.paths, `${path} of ${Object.keys(json.paths)}`);
    }
    const { schema } = json.paths["/get_reward"].post.requestBody.content["application/json"];
    assert.deepEqual(schema.required, ["query"]);
    const ids = Object.values(json.paths).flatMap((path) =>
      Object.values(path as Record<string, { operationId: string }>).map((of) => of.operationId)
    );
    assert.equal(new Set(ids).size, ids.length);
  },
);

Deno.test("the fake model tells what it was given", () => {
  assert.equal(textOf(chat), "four");
});
