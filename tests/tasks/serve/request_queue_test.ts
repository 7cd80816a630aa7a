import assert from "node:assert/strict";
import fc from "fast-check";
import type { Verdict } from "../../../src/scoring/verdict.ts";
import {
  RequestQueue,
  type RequestQueueOptions,
  type StreamScorer,
} from "../../../src/tasks/serve/request_queue.ts";
import type { Conversation } from "../../../src/text/conversation.ts";
import { some } from "../../server/fake_model.ts";

function conversation(prompt: string, response: string): Conversation {
  return [{ role: "user", content: prompt }, { role: "assistant", content: response }];
}

/** A model whose score is the number in the response; its calls can be held back. */
class Model implements StreamScorer {
  readonly calls: string[][] = [];
  #held: Promise<void> | undefined;
  failure: Error | undefined;

  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return () => {
      this.#held = undefined;
      resolve();
    };
  }

  async *scoreStream(stream: AsyncIterable<Conversation>): AsyncGenerator<Verdict> {
    for (;;) {
      const conversations = await some(stream[Symbol.asyncIterator](), 32);
      if (conversations.length === 0) return;
      yield* await this.#score(conversations);
    }
  }

  async #score(conversations: readonly Conversation[]): Promise<Verdict[]> {
    this.calls.push(conversations.map((of) => `${of[0]!.content}:${of[1]!.content}`));
    await this.#held;
    if (this.failure !== undefined) throw this.failure;
    return conversations.map((of) => ({ score: Number(of[1]!.content), tokens: 1 }) as Verdict);
  }
}

function make(options: RequestQueueOptions = {}): [RequestQueue, Model] {
  const model = new Model();
  return [new RequestQueue(model, options), model];
}

const scores = (verdicts: readonly Verdict[]) => verdicts.map(({ score }) => score);

Deno.test("requests that come together are one call, in which a prompt's responses are neighbours", async () => {
  const [queue, model] = make();
  const answers = await Promise.all(
    ["a", "b", "a", "b"].map((prompt, i) => queue.submit([conversation(prompt, `${i}`)])),
  );
  assert.deepEqual(answers.map(scores), [[0], [1], [2], [3]]);
  assert.deepEqual(model.calls, [["a:0", "a:2", "b:1", "b:3"]]);
});

Deno.test("a lone request does not wait for a full call", async () => {
  const [queue, model] = make({ patience: 1 });
  assert.deepEqual(scores(await queue.submit([conversation("a", "7")])), [7]);
  assert.equal(model.calls.length, 1);
});

Deno.test("what comes during a call makes the next one", async () => {
  const [queue, model] = make({ patience: 0 });
  const release = model.hold();
  const first = queue.submit([conversation("a", "1")]);
  while (model.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const others = [2, 3, 4].map((i) => queue.submit([conversation("b", `${i}`)]));
  assert.equal(queue.depth, 3);
  release();
  await Promise.all([first, ...others]);
  assert.deepEqual(model.calls, [["a:1"], ["b:2", "b:3", "b:4"]]);
});

Deno.test("a request of a thousand documents holds nobody up", async () => {
  const [queue, model] = make({ tokensTogether: 400, mostWaiting: 5000, patience: 0 });
  const many = queue.submit(Array.from({ length: 1000 }, (_, i) => conversation(`q${i}`, `${i}`)));
  while (model.calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  const before = model.calls.length;
  assert.deepEqual(scores(await queue.submit([conversation("lone", "5")])), [5]);
  const callsUntil = model.calls.findIndex((call) => call.includes("lone:5")) - before;
  assert.ok(callsUntil <= 1, `it waited for ${callsUntil} calls`);
  assert.equal((await many).length, 1000);
});

Deno.test("nor does it hold up one who asks again and again, the longer the less", async () => {
  const [queue, model] = make({ tokensTogether: 400, mostWaiting: 5000, patience: 0 });
  const many = queue.submit(Array.from({ length: 4000 }, (_, i) => conversation(`q${i}`, `${i}`)));
  for (let i = 0; i < 30; i++) {
    const before = model.calls.length;
    await queue.submit([conversation(`${"long ".repeat(150)}${i}`, "5")]);
    assert.ok(
      model.calls.length - before <= 3,
      `request ${i}: ${model.calls.length - before} calls`,
    );
  }
  const shared = model.calls.length;
  assert.equal((await many).length, 4000);
  assert.ok(model.calls.length > shared, "the four thousand were done before their time");
});

Deno.test("a full queue refuses, and a request larger than the queue is taken alone", async () => {
  const [queue, model] = make({ mostWaiting: 2, patience: 0 });
  const release = model.hold();
  const computing = queue.submit([conversation("a", "1")]);
  while (model.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const waiting = queue.submit([conversation("a", "2"), conversation("a", "3")]);
  await assert.rejects(queue.submit([conversation("a", "4")]), { code: "tasks/queue-full" });
  release();
  await Promise.all([computing, waiting]);
  const large = await queue.submit([5, 6, 7].map((i) => conversation("a", `${i}`)));
  assert.deepEqual(scores(large), [5, 6, 7]);
});

Deno.test("what its client gave up is not computed, and harms no other", async () => {
  const [queue, model] = make({ patience: 0 });
  const release = model.hold();
  const computing = queue.submit([conversation("a", "1")]);
  while (model.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const controller = new AbortController();
  const given = queue.submit([conversation("b", "2")], { signal: controller.signal });
  const kept = queue.submit([conversation("b", "3")]);
  controller.abort(new Error("gone"));
  await assert.rejects(given, { message: "gone" });
  release();
  assert.deepEqual(scores(await kept), [3]);
  await computing;
  assert.deepEqual(model.calls, [["a:1"], ["b:3"]]);
});

Deno.test("a deadline ends the wait, waiting or computing", async () => {
  const [queue, model] = make({ patience: 0 });
  const release = model.hold();
  const slow = queue.submit([conversation("a", "1")], { deadline: 5 });
  await assert.rejects(slow, { code: "tasks/deadline" });
  release();
  assert.deepEqual(scores(await queue.submit([conversation("a", "2")], { deadline: 5000 })), [2]);
  assert.equal(model.calls.length, 2);
});

Deno.test("a model that fails as a whole fails its call's requests; the next ones are served", async () => {
  const [queue, model] = make({ patience: 0 });
  model.failure = new Error("device lost");
  await assert.rejects(queue.submit([conversation("a", "1")]), { message: "device lost" });
  model.failure = undefined;
  assert.deepEqual(scores(await queue.submit([conversation("a", "2")])), [2]);
});

Deno.test("a queue that is closed answers what waits and takes nothing more", async () => {
  const [queue, model] = make();
  const release = model.hold();
  const waiting = [1, 2, 3].map((i) => queue.submit([conversation("a", `${i}`)]));
  const closing = queue.close();
  await assert.rejects(queue.submit([conversation("a", "4")]), { code: "tasks/queue-closed" });
  release();
  await closing;
  assert.deepEqual((await Promise.all(waiting)).map(scores), [[1], [2], [3]]);
  await queue.close();
});

Deno.test("whatever comes in whatever order, each request has its own verdicts in order", async () => {
  const request = fc.array(fc.tuple(fc.constantFrom("a", "b", "long ".repeat(60)), fc.nat(999)), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { maxLength: 20 }),
      fc.integer({ min: 1, max: 500 }),
      async (requests, tokensTogether) => {
        const [queue] = make({ tokensTogether, patience: 0 });
        const answers = await Promise.all(
          requests.map((rows) =>
            queue.submit(rows.map(([prompt, score]) => conversation(prompt, `${score}`)))
          ),
        );
        const expected = requests.map((rows) => rows.map(([, score]) => score));
        assert.deepEqual(answers.map(scores), expected);
        assert.equal(queue.depth, 0);
      },
    ),
    { numRuns: 30 },
  );
});
