/** A server of a real model on a socket: whatever the protocol and the company, the same bits. */
import assert from "node:assert/strict";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { type RunningServer, serve } from "../../src/server/serve.ts";
import { loadServableModel } from "../../src/tasks/serve/servable_model.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";
import { FakeModel, textOf } from "./fake_model.ts";

const model = parityFolder("armo");
const quiet = () => {};

async function running(folder = model): Promise<RunningServer & AsyncDisposable> {
  const load = () => loadServableModel({ model: folder }, { onWarning: quiet });
  const server = await serve([{ id: "armo", load }], { port: 0, log: quiet });
  await server.ready;
  return { ...server, [Symbol.asyncDispose]: () => server.stop() };
}

// deno-lint-ignore no-explicit-any -- whatever a protocol answers
async function post(server: RunningServer, path: string, body: unknown): Promise<any> {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(server.address + path, init);
  const answer = await response.json();
  assert.equal(response.status, 200, `${path}: ${JSON.stringify(answer)}`);
  return answer;
}

const prompt = "How much is 2+2?";
const response = "The output of 2+2 is 4.";
const messages = [{ role: "user", content: prompt }, { role: "assistant", content: response }];

/** A way to ask for the score of the conversation above. */
type Way = (server: RunningServer, templated: string) => Promise<number>;

const ways: Readonly<Record<string, Way>> = {
  assay: async (server) => (await post(server, "/v1/score", { prompt, response })).score,
  "vllm chat": async (server) => (await post(server, "/classify", { messages })).data[0].probs[0],
  "vllm templated": async (server, input) =>
    (await post(server, "/classify", { input })).data[0].probs[0],
  "vllm pooling": async (server) => (await post(server, "/pooling", { messages })).data[0].data[0],
  "vllm score": async (server) =>
    (await post(server, "/score", { queries: prompt, documents: response })).data[0].score,
  rerank: async (server) =>
    (await post(server, "/rerank", { query: prompt, documents: ["No.", response] })).results
      .find(({ index }: { index: number }) => index === 1).relevance_score,
  "sglang classify": async (server, text) =>
    (await post(server, "/classify", { text: [text] }))[0].embedding[0],
  "sglang embeddings": async (server, input) =>
    (await post(server, "/v1/embeddings", { input })).data[0].embedding[0],
  openrlhf: async (server, text) =>
    (await post(server, "/get_reward", { query: [text] })).rewards[0],
  slime: async (server) => (await post(server, "/remote_rm", { prompt, response })).score,
  "nemo gym": async (server) =>
    (await post(server, "/verify", {
      responses_create_params: { input: prompt },
      response: { output: [messages[1]] },
    })).reward,
  tei: async (server) => (await post(server, "/predict", { inputs: [prompt, response] }))[0].score,
  "tei rerank": async (server) =>
    (await post(server, "/rerank", { query: prompt, texts: [response] }))[0].score,
  promptfoo: async (server) =>
    (await post(server, "/assert", { output: response, context: { prompt } })).score,
};

Deno.test("one text has the same bits through every protocol, alone and in a burst of others", async () => {
  using alone = await RewardModel.load(model);
  const [verdict] = await alone.score([messages]);
  const expected = verdict!.score!;
  await using server = await running();
  const { tokens } = await post(server, "/v1/tokens", { prompt, response });
  const templated = tokens.map(({ text }: { text: string }) => text).join("");
  for (const [name, way] of Object.entries(ways)) {
    assert.equal(await way(server, templated), expected, name);
  }
  const others = await goldenConversations("armo");
  const burst = Array.from({ length: 64 }, (_, i) => {
    const way = Object.values(ways)[i % Object.keys(ways).length]!;
    const other = others[i % others.length]!;
    return i % 2 === 0
      ? way(server, templated).then((score) => assert.equal(score, expected))
      : post(server, "/v1/score", { messages: other.messages }).then(({ score }) => {
        assert.ok(Math.abs(score - other.score) <= 1e-4 * Math.max(1, Math.abs(other.score)));
      });
  });
  await Promise.all(burst);
});

Deno.test("token ids are scored as their text is", async () => {
  await using server = await running(parityFolder("llama"));
  const [{ ids, messages }] = await goldenConversations("llama") as [
    Awaited<ReturnType<typeof goldenConversations>>[number],
  ];
  const { score } = await post(server, "/v1/score", { messages });
  const byIds = await post(server, "/classify", { input: ids });
  assert.equal(byIds.data[0].probs[0], score);
});

Deno.test("a process reward model's steps are pooled numbers", async () => {
  await using server = await running(parityFolder("process_mlp"));
  const rows = { prompt, steps: ["Add two and two.", "It is four."] };
  const { score, step_scores: steps } = await post(server, "/v1/score", rows);
  assert.equal(steps.length, 2);
  assert.ok(Number.isFinite(score));
  const { tokens } = await post(server, "/v1/tokens", rows);
  const input = tokens.map(({ id }: { id: number }) => id);
  const pooled = await post(server, "/pooling", { input, task: "token_classify" });
  assert.deepEqual(pooled.data[0].data, steps);
});

Deno.test("rows that are streamed come back while others are still sent", async () => {
  await using server = await running();
  const rows = Array.from({ length: 200 }, (_, id) => ({ id, prompt, response: `It is ${id}.` }));
  const lines = new TransformStream<string, string>();
  const writer = lines.writable.getWriter();
  const asked = fetch(`${server.address}/v1/score?explain`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.readable.pipeThrough(new TextEncoderStream()),
  });
  const send = async (from: number, to: number) => {
    for (const row of rows.slice(from, to)) await writer.write(`${JSON.stringify(row)}\n`);
  };
  await send(0, 150);
  const answer = (await asked).body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) text += (await answer.read()).value!;
  const rest = send(150, 200).then(() => writer.close());
  for (let done = false; !done;) {
    const next = await answer.read();
    done = next.done;
    text += next.value ?? "";
  }
  await rest;
  const scored = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(scored.map(({ id }) => id), rows.map(({ id }) => id));
  assert.ok(scored.every(({ score, gating }) => Number.isFinite(score) && gating !== undefined));
});

Deno.test("a client that hangs up takes its request out of the queue", async () => {
  const fake = new FakeModel();
  const load = () => Promise.resolve(fake);
  const server = await serve([{ id: "fake", load }], { port: 0, log: quiet });
  await server.ready;
  const { promise, resolve } = Promise.withResolvers<void>();
  fake.held = promise;
  try {
    const ask = (response: string, signal?: AbortSignal) =>
      fetch(`${server.address}/v1/score`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt: "Hi", response }),
        signal: signal ?? null,
      }).then((answer) => answer.json());
    const waiting = async () =>
      (await (await fetch(`${server.address}/v1/models`)).json()).data[0].waiting;
    const first = ask("one");
    while (fake.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    const controller = new AbortController();
    const given = ask("never computed", controller.signal);
    const kept = ask("three");
    while (await waiting() < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    controller.abort();
    await assert.rejects(given, { name: "AbortError" });
    while (await waiting() > 1) await new Promise((resolve) => setTimeout(resolve, 2));
    resolve();
    assert.deepEqual([(await first).score, (await kept).score], [3, 5]);
    const computed = fake.calls.flat().map(textOf);
    assert.deepEqual(computed, ["one", "three"]);
  } finally {
    await server.stop();
  }
});

Deno.test("a worker that ends in the middle fails what is in flight, and the next is served", async () => {
  const models: Disposable[] = [];
  const load = async () => {
    const loaded = await loadServableModel({ model }, { onWarning: quiet });
    models.push(loaded);
    return loaded;
  };
  const log: string[] = [];
  const server = await serve([{ id: "armo", load }], {
    port: 0,
    log: (message) => log.push(message),
  });
  await server.ready;
  try {
    const { score } = await post(server, "/v1/score", { prompt, response });
    const inFlight = fetch(`${server.address}/v1/score`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt, responses: Array.from({ length: 64 }, (_, i) => `${i}`) }),
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    models[0]![Symbol.dispose](); // as where its device is lost
    const failed = await inFlight;
    assert.equal(failed.status, 503, await failed.clone().text());
    assert.match((await failed.json()).error.message, /try again/);
    assert.equal((await post(server, "/v1/score", { prompt, response })).score, score);
    assert.equal(models.length, 2);
    assert.match(log.join(), /loaded again/);
  } finally {
    await server.stop();
  }
});

Deno.test("500 connections at once, some half-sent, some gone, are answered or let go", async () => {
  await using server = await running();
  const { port } = new URL(server.address);
  const idle = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    const body = JSON.stringify({ prompt, response });
    const head = "POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    const text = i % 3 === 0
      ? "POST /v1/sco"
      : `${head}content-length: ${body.length}\r\n\r\n${i % 3 === 1 ? body.slice(0, 5) : body}`;
    await connection.write(new TextEncoder().encode(text));
    if (i % 3 === 2) connection.close();
    return connection;
  }));
  const { score } = await post(server, "/v1/score", { prompt, response });
  const all = await Promise.all(
    Array.from({ length: 440 }, () => post(server, "/v1/score", { prompt, response })),
  );
  assert.ok(all.every((answer) => answer.score === score));
  idle.forEach((connection, i) => i % 3 === 2 || connection.close());
});
