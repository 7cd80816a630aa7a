import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { AskedServer } from "./asked_server.ts";
import { FakeModel } from "./fake_model.ts";

const good = { prompt: "Hi", response: "four" };

Deno.test("what is no request of a protocol is told in its words, with its status", async () => {
  await using server = await AskedServer.ready({ mostBytes: 100_000 });
  const deep = "[".repeat(100) + "]".repeat(100);
  const cases: [path: string, body: string, status: number, code: string][] = [
    ["/v1/score", "{", 400, "server/bad-request"],
    ["/v1/score", "", 400, "server/bad-request"],
    ["/v1/score", "[]", 400, "server/bad-request"],
    ["/v1/score", "null", 400, "server/bad-request"],
    ["/v1/score", "3", 400, "server/bad-request"],
    ["/v1/score", `{"rows":${deep}}`, 400, "server/bad-request"],
    ["/v1/score", '{"rows":[3]}', 400, "server/bad-request"],
    ["/v1/score", '{"prompt":"Hi"}', 422, "data/bad-row"],
    ["/v1/score", "{}", 422, "data/bad-row"],
    ["/v1/score", `{"prompt":"Hi","response":"${"x".repeat(200_000)}"}`, 413, "server/too-large"],
    ["/v1/score", '{"model":"none","prompt":"Hi","response":"x"}', 404, "server/unknown-model"],
    ["/get_reward", '{"query":"text"}', 400, "server/bad-request"],
    ["/remote_rm", '{"prompt":"Hi"}', 400, "server/bad-request"],
    ["/nowhere", "{}", 404, "server/unknown-route"],
  ];
  for (const [path, body, status, code] of cases) {
    const answer = await server.post(path, body);
    const where = `${path} ${body.slice(0, 60)}`;
    assert.equal(answer.status, status, where);
    assert.equal(answer.json.error.code, code, where);
    assert.match(answer.json.error.message, /Cannot /, where);
  }
  for (const path of ["/classify", "/pooling", "/v1/embeddings"]) {
    const { text } = await server.post(path, '{"input":[]}');
    assert.match(text, /\\"input\\": expected a text, .* that is not empty/, path);
  }
  const vllm = await server.post("/classify", '{"input":{}}');
  assert.deepEqual([vllm.status, vllm.json.error.type], [400, "BadRequestError"]);
  const tei = await server.post("/predict", '{"inputs":[1]}');
  assert.deepEqual([tei.status, tei.json.error_type], [400, "Validation"]);
  assert.equal((await server.post("/v1/score", good)).json.score, 4);
});

Deno.test("fields that would change a score in another way are refused, not ignored", async () => {
  await using server = await AskedServer.ready();
  const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "x" }];
  for (
    const [path, body, field] of [
      ["/classify", { input: "x", normalize: true }, "normalize"],
      ["/classify", { messages, chat_template: "{{ x }}" }, "template"],
      ["/classify", { messages, add_generation_prompt: true }, "add_generation_prompt"],
      ["/classify", { messages, continue_final_message: true }, "continue_final_message"],
      ["/pooling", { input: "x", dimensions: 3 }, "dimension"],
      ["/v1/score", { query: "a", items: ["b"], label_token_ids: [1] }, "label tokens"],
      ["/v1/rerank", { query: "a", documents: ["b"], instruct: "judge" }, "instruct"],
    ] as const
  ) {
    const { status, text } = await server.post(path, body);
    assert.equal(status, 400, `${path} ${JSON.stringify(body)}`);
    assert.match(text, new RegExp(field), path);
  }
});

Deno.test("a body that is not said to be JSON is refused: a page elsewhere could send it", async () => {
  await using server = await AskedServer.ready();
  for (const type of ["text/plain", "application/x-www-form-urlencoded", undefined]) {
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    const body = new TextEncoder().encode(JSON.stringify(good));
    const { status, json } = await server.ask("/v1/score", { method: "POST", headers, body });
    assert.equal(status, 415);
    assert.match(json.error.message, /content-type: application\/json/);
  }
  const headers = { "content-type": "application/json; charset=utf-8" };
  assert.equal((await server.post("/v1/score", good, { headers })).status, 200);
  const packed = { "content-type": "application/json", "content-encoding": "gzip" };
  const { status, json } = await server.post("/v1/score", good, { headers: packed });
  assert.equal(status, 415);
  assert.match(json.error.message, /not compressed, found the header "content-encoding: gzip"/);
});

Deno.test("no protocol answers with another model than the one that was named", async () => {
  await using server = await AskedServer.ready({}, {}, ["fake", "other"]);
  const asked = { input: [{ role: "user", content: "Hi" }] };
  const message = { type: "message", role: "assistant", content: "four" };
  const bodies: Record<string, Record<string, unknown>> = {
    "/v1/score": good,
    "/v1/tokens": good,
    "/classify": { input: "four" },
    "/pooling": { input: "four" },
    "/score": { text_1: "Hi", text_2: "four" },
    "/rerank": { query: "Hi", documents: ["four"] },
    "/tei/rerank": { query: "Hi", texts: ["four"] },
    "/predict": { inputs: [["Hi", "four"]] },
    "/sglang/classify": { text: "four" },
    "/sglang/v1/rerank": { query: "Hi", documents: ["four"] },
    "/v1/embeddings": { input: "four" },
    "/get_reward": { query: ["four"] },
    "/remote_rm": { prompt: "Hi", response: "four" },
    "/assert": { output: "four", context: { prompt: "Hi" } },
    "/verify": { responses_create_params: asked, response: { output: [message] } },
  };
  const isItsClients = (path: string) => path === "/assert" || path === "/verify";
  for (const [path, body] of Object.entries(bodies)) {
    assert.equal((await server.post(path, body)).status, 200, path);
    // NeMo Gym answers a sample that can't be scored with 200, masked.
    const { text } = await server.post(`${path}?model=none`, body);
    assert.match(text, /Cannot find the model/, path);
    if (isItsClients(path)) continue; // whose other fields have their own meanings
    const { status } = await server.post(path, { ...body, model: "none" });
    assert.equal(status, 404, path);
  }
  assert.equal((await server.ask("/info?model=other")).json.model_id, "other");
});

Deno.test("a body that breaks off is its sender's fault, and nothing for the log", async () => {
  await using server = await AskedServer.ready();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"prompt":')),
    pull: (controller) => controller.error(new Deno.errors.BadResource("gone")),
  });
  const headers = { "content-type": "application/json" };
  const { status, json } = await server.ask("/v1/score", { method: "POST", headers, body });
  assert.deepEqual([status, json.error.code], [400, "server/bad-request"]);
  assert.match(json.error.message, /the connection broke off/);
  assert.deepEqual(server.log, []);
});

Deno.test("another method than an address has is told which it has", async () => {
  await using server = await AskedServer.ready();
  const { status, headers, json } = await server.ask("/v1/score");
  assert.deepEqual([status, headers.get("allow"), json.error.code], [
    405,
    "POST",
    "server/wrong-method",
  ]);
});

Deno.test("texts of any kind are scored or refused: surrogates, two million characters, nothing", async () => {
  await using server = await AskedServer.ready();
  for (const text of ["\ud800", "x".repeat(2_000_000), "", "\u0000", "\u202e"]) {
    const { status, json } = await server.post("/v1/score", { prompt: "Hi", response: text });
    assert.equal(status, 200, JSON.stringify(text.slice(0, 10)));
    assert.equal(json.score, text.length);
  }
  const invalid = new Uint8Array([0x22, 0xff, 0x22]);
  const headers = { "content-type": "application/json" };
  const bytes = await server.ask("/v1/score", { method: "POST", headers, body: invalid });
  assert.equal(bytes.status, 400);
});

Deno.test("a thousand documents are one answer", async () => {
  await using server = await AskedServer.ready({}, { mostWaiting: 100 });
  const documents = Array.from({ length: 1000 }, (_, i) => "x".repeat(1 + i % 7));
  const { status, json } = await server.post("/rerank", { query: "Hi", documents, top_n: 2 });
  assert.equal(status, 200);
  assert.deepEqual(json.results.map(({ index }: { index: number }) => index), [6, 13]);
});

Deno.test("many rows in one request do not fill a small queue for themselves", async () => {
  await using server = await AskedServer.ready({}, { mostWaiting: 8 });
  const rows = Array.from({ length: 300 }, (_, i) => ({ prompt: `${i}`, response: "four" }));
  const { status, json } = await server.post("/v1/score", { rows });
  assert.equal(status, 200);
  assert.ok(json.rows.every(({ score }: { score: number }) => score === 4));
});

Deno.test("without its key a server answers nothing but whether it lives", async () => {
  await using server = await AskedServer.ready({ apiKey: "s3cret-key" });
  for (const authorization of [undefined, "Bearer wrong", "Basic s3cret-key", "s3cret-key"]) {
    const headers = {
      "content-type": "application/json",
      ...(authorization === undefined ? {} : { authorization }),
    };
    const { status, text, headers: answered } = await server.post("/v1/score", good, { headers });
    assert.equal(status, 401);
    assert.equal(answered.get("www-authenticate"), "Bearer");
    assert.ok(!text.includes("s3cret"));
    assert.equal((await server.ask("/v1/models", { headers })).status, 401);
    assert.equal((await server.ask("/live", { headers })).status, 200);
  }
  const headers = { "content-type": "application/json", authorization: "Bearer s3cret-key" };
  assert.equal((await server.post("/v1/score", good, { headers })).json.score, 4);
  const tei = await server.post("/predict", { inputs: "four" });
  assert.deepEqual([tei.status, tei.text], [401, ""]);
});

Deno.test("a body that drips is given up, one that comes late enough is read", async () => {
  await using server = await AskedServer.ready({ bodyPatience: 60 });
  const encoder = new TextEncoder();
  const dripping = (pause: number) =>
    new ReadableStream<Uint8Array>({
      async start(controller) {
        const text = JSON.stringify(good);
        try {
          controller.enqueue(encoder.encode(text.slice(0, 5)));
          await new Promise((resolve) => setTimeout(resolve, pause));
          controller.enqueue(encoder.encode(text.slice(5)));
          controller.close();
        } catch {
          // The server has given it up.
        }
      },
    });
  const headers = { "content-type": "application/json" };
  const ask = (pause: number) =>
    server.ask("/v1/score", { method: "POST", headers, body: dripping(pause) });
  const slow = await ask(500);
  assert.deepEqual([slow.status, slow.json.error.code], [400, "server/slow-request"]);
  assert.equal((await ask(1)).json.score, 4);
  await new Promise((resolve) => setTimeout(resolve, 500)); // the stream's own end
});

Deno.test("headers beyond all measure are refused before the body is read", async () => {
  await using server = await AskedServer.ready();
  const headers = { "content-type": "application/json", "x-large": "x".repeat(20_000) };
  const { status, json } = await server.post("/v1/score", good, { headers });
  assert.deepEqual([status, json.error.code], [431, "server/headers-too-large"]);
});

Deno.test("a full queue says try again, as each protocol's clients hear it", async () => {
  await using server = await AskedServer.ready({}, { mostWaiting: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.loaded[0]!.held = promise;
  const first = server.post("/v1/score", good);
  while (server.loaded[0]!.calls.length === 0) await new Promise((done) => setTimeout(done, 1));
  const second = server.post("/v1/score", good);
  await new Promise((done) => setTimeout(done, 5));
  const full = await server.post("/v1/score", good);
  assert.deepEqual([full.status, full.json.error.code], [429, "tasks/queue-full"]);
  assert.equal(full.headers.get("retry-after"), "1");
  // verl gives up on any 4xx.
  const verl = await server.post("/classify", { input: "four" });
  assert.deepEqual([verl.status, verl.headers.get("retry-after")], [503, "1"]);
  const tei = await server.post("/predict", { inputs: "four" });
  assert.deepEqual([tei.status, tei.json.error_type], [429, "Overloaded"]);
  resolve();
  assert.deepEqual([(await first).status, (await second).status], [200, 200]);
});

Deno.test("a deadline, a client that is gone: the request is given up, others go on", async () => {
  await using server = await AskedServer.ready({ deadline: 20 });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.loaded[0]!.held = promise;
  const controller = new AbortController();
  const gone = server.post("/v1/score", good, { signal: controller.signal });
  const late = server.post("/v1/score", good);
  controller.abort();
  assert.equal((await gone).status, 499);
  assert.equal((await late).status, 504);
  resolve();
  server.loaded[0]!.held = undefined;
  assert.equal((await server.post("/v1/score", good)).json.score, 4);
});

Deno.test("a model that fails as a whole is loaded again; what is told names no file", async () => {
  await using server = await AskedServer.ready();
  const crashed = await server.post("/v1/score", { prompt: "Hi", response: "crash" });
  assert.equal(crashed.status, 503);
  assert.match(crashed.json.error.message, /try again/);
  assert.ok(!/secret|folder/.test(crashed.text));
  assert.match(server.log.join(), /device is lost/);
  assert.equal(server.loaded[0]!.isDisposed, true);
  const next = await server.post("/v1/score", good);
  assert.deepEqual([next.status, next.json.score], [200, 4]);
  assert.equal(server.loaded.length, 2);
  assert.equal((await server.ask("/ready")).status, 200);
});

Deno.test("a model that can't be loaded again lets requests wait, then says so", async () => {
  let tries = 0;
  await using server = new AskedServer({ deadline: 2000 }, {
    load: () => {
      tries++;

      if (tries === 2) return Promise.reject(new Error("no memory in /secret"));
      return Promise.resolve(new FakeModel());
    },
  });
  await server.models.open();
  await server.post("/v1/score", { prompt: "Hi", response: "crash" });
  assert.equal((await server.ask("/ready")).status, 503);
  assert.equal((await server.ask("/live")).status, 200);
  assert.equal((await server.post("/v1/score", good)).json.score, 4);
  assert.equal(tries, 3);
});

Deno.test("before its models are loaded a server lives and is not ready", async () => {
  await using server = new AskedServer();
  assert.equal((await server.ask("/live")).status, 200);
  assert.equal((await server.ask("/health")).status, 503);
  const early = await server.post("/v1/score", good);
  assert.deepEqual([early.status, early.json.error.code], [503, "server/not-ready"]);
  assert.equal(early.headers.get("retry-after"), "1");
  await server.models.open();
  assert.equal((await server.post("/v1/score", good)).status, 200);
});

Deno.test("a server that stops answers what waits and refuses what is new", async () => {
  const server = await AskedServer.ready();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.loaded[0]!.held = promise;
  const waiting = Array.from({ length: 5 }, () => server.post("/v1/score", good));
  await new Promise((done) => setTimeout(done, 5));
  const closing = server.models.close();
  const refused = await server.post("/v1/score", good);
  assert.deepEqual([refused.status, refused.json.error.code], [503, "tasks/queue-closed"]);
  resolve();
  await closing;
  assert.ok((await Promise.all(waiting)).every(({ status }) => status === 200));
  assert.equal(server.loaded[0]!.isDisposed, true);
});

Deno.test("a row's error calls the model as its clients do, not by its folder", async () => {
  await using server = await AskedServer.ready();
  const [model] = server.loaded;
  const refused = new AssayError("text/template-refused", `Cannot render: ${model!.name} says no`);
  const scoreStream = model!.scoreStream.bind(model);
  model!.scoreStream = async function* (conversations) {
    for await (const verdict of scoreStream(conversations)) yield { ...verdict, error: refused };
  };
  model!.tokens = () => Promise.reject(refused);
  for (const [path, body] of [["/v1/score", good], ["/v1/tokens", good]] as const) {
    const { status, json } = await server.post(path, body);
    assert.equal(status, 422, path);
    assert.equal(json.error.message, "Cannot render: fake says no", path);
  }
});

Deno.test("a worker that is gone is no fault of who asks for tokens", async () => {
  await using server = await AskedServer.ready();
  const gone = new AssayError("scoring/worker-ended", "Cannot score: killed in /secret");
  server.loaded[0]!.tokens = () => Promise.reject(gone);
  const { status, json, text } = await server.post("/v1/tokens", good);
  assert.deepEqual([status, json.error.code], [503, "server/model-failed"]);
  assert.ok(!text.includes("secret"));
});

Deno.test("a model that still loads when the server stops is freed once it is loaded", async () => {
  const { promise, resolve } = Promise.withResolvers<FakeModel>();
  const server = new AskedServer({}, { load: () => promise });
  const opening = server.models.open();
  const closing = server.models.close();
  const model = new FakeModel();
  resolve(model);
  await Promise.all([opening, closing]);
  assert.equal(model.isDisposed, true);
});

Deno.test("a model that can't be loaded again does not keep the server from stopping", async () => {
  let tries = 0;
  const server = new AskedServer({}, {
    load: () => tries++ === 0 ? Promise.resolve(new FakeModel()) : Promise.reject(new Error("no")),
  });
  await server.models.open();
  await server.post("/v1/score", { prompt: "Hi", response: "crash" });
  const waiting = server.post("/v1/score", good);
  await new Promise((done) => setTimeout(done, 20));
  const begun = performance.now();
  await server.models.close();
  assert.ok(performance.now() - begun < 200, "it waited for another try");
  assert.equal((await waiting).status, 503);
});
