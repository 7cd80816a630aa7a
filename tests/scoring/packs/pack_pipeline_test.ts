import assert from "node:assert/strict";
import { AssayError } from "../../../src/error.ts";
import type { BackboneModel } from "../../../src/models/family.ts";
import type { TokenPack } from "../../../src/models/token_pack.ts";
import { CpuBackend } from "../../../src/ops/cpu_backend.ts";
import type { Matrix } from "../../../src/ops/matrix.ts";
import type { Readback } from "../../../src/ops/backend.ts";
import type { Conversations } from "../../../src/scoring/packs/look_ahead.ts";
import type { MemoryPlan } from "../../../src/scoring/packs/memory_plan.ts";
import {
  type Outcome,
  type PipelineParts,
  runPacks,
} from "../../../src/scoring/packs/pack_pipeline.ts";
import { Turns } from "../../../src/scoring/packs/turns.ts";
import type { Conversation } from "../../../src/text/conversation.ts";

/** A backend that keeps a record of what it was asked, and what tokenising came between. */
class WatchedBackend extends CpuBackend {
  override readonly computesAtOnce: boolean = false;
  readonly events: string[] = [];
  open = 0;
  #count = 0;

  override submit(matrices: readonly Matrix[]): Readback {
    const number = this.#count++;
    this.events.push(`submit ${number}`);
    this.open++;
    const readback = super.submit(matrices);
    return {
      numbers: () => {
        this.events.push(`wait ${number}`);
        return readback.numbers().finally(() => this.open--);
      },
      [Symbol.dispose]: () => this.open--,
    };
  }
}

/** A clock by which whatever is timed takes so many milliseconds. */
function clock(milliseconds: number): () => number {
  let time = 0;
  return () => time += milliseconds;
}

/** Layers whose hidden states are the numbers of tokens; `bad` packs fail. Batches take 100 ms. */
function partsWith(backend: WatchedBackend, tokensPerPack = 10): PipelineParts {
  const layers = {
    mayShare: () => true,
    hiddenStates: (packs: readonly TokenPack[]): Promise<Matrix[]> =>
      Promise.resolve(packs.map(({ pooled, lengths }) => {
        backend.events.push("record");
        const numbers = Float32Array.from(pooled, (row) => lengths[row]!);
        if (numbers.includes(7)) throw new AssayError("gpu/test", "Cannot go on: seven");
        return backend.upload(pooled.length, 1, numbers);
      })),
  };
  return {
    backend,
    layers: layers as unknown as BackboneModel,
    layerCount: 1,
    plan: { tokensPerPack, packsInFlight: 1, longestKeptPrefix: 0 } as MemoryPlan,
    sharePrefixes: true,
    turns: new Turns(),
    now: clock(100),
  };
}

function conversationOf(tokens: number): Conversation {
  return [{ role: "user", content: "x".repeat(tokens) }];
}

function run(
  parts: PipelineParts,
  conversations: Conversations,
  options: { signal?: AbortSignal } = {},
): AsyncGenerator<Outcome<number>> {
  return runPacks(parts, {
    conversations,
    tokenize(conversation, index) {
      const { content } = conversation[0]!;
      (parts.backend as WatchedBackend).events.push(`tokenize ${index}`);
      if (content === "") throw new AssayError("text/test", "Cannot tokenise nothing");
      const ids = new Uint32Array(content.length).fill(index);
      return { index, ids, truncated: false, positions: { last: [ids.length - 1] } };
    },
    readout: {
      reads: { last: { at: "last" } },
      record: (_, hidden) => [hidden],
      results: (_, [numbers]) => [...numbers!],
    },
    options,
  });
}

Deno.test("runPacks() tokenises and records the next pack while the device computes one", async () => {
  const backend = new WatchedBackend();
  const lengths = [9, 9, 9, 9, 9];
  const outcomes = await Array.fromAsync(run(partsWith(backend), lengths.map(conversationOf)));
  assert.deepEqual(outcomes.map(({ result }) => result), lengths);
  const { events } = backend;
  const place = (event: string): number => {
    assert.ok(events.includes(event), `${event} among ${events.join(", ")}`);
    return events.indexOf(event);
  };
  assert.ok(place("submit 0") < place("tokenize 4"), "the first pack waits for all tokenising");
  for (let pack = 0; pack < 4; pack++) {
    const between = events.slice(place(`submit ${pack}`), place(`wait ${pack}`));
    assert.ok(between.includes("record"), `pack ${pack + 1} is recorded while ${pack} computes`);
    assert.equal(events[place(`wait ${pack}`) + 1], `submit ${pack + 1}`);
  }
  assert.equal(backend.open, 0);
});

Deno.test("runPacks() reads several packs back together where they take no longer than that", async () => {
  const lengths = Array.from({ length: 60 }, (_, i) => i % 3 === 0 ? 8 : 9);
  const batches = async (milliseconds: number, streamed = 0): Promise<number[]> => {
    const backend = new WatchedBackend();
    const parts = { ...partsWith(backend), now: clock(milliseconds) };
    if (streamed > 0) Object.assign(parts.plan, { layers: "streamed", packsInFlight: streamed });
    const outcomes = await Array.fromAsync(run(parts, lengths.map(conversationOf)));
    assert.deepEqual(outcomes.map(({ result }) => result), lengths);
    assert.equal(backend.open, 0);
    // The first pack of a batch is recorded before the one before it is waited for.
    const counts = backend.events.filter((event) => !/tokenize|wait/.test(event)).join(" ")
      .split(/submit \d+/).map((records) => records.match(/record/g)?.length ?? 0);
    return counts.slice(0, -1);
  };
  assert.deepEqual(await batches(5), [1, 2, 4, 8, 16, 16, 13]);
  assert.deepEqual(await batches(30), [1, 2, 4, 8, 16, 16, 13]);
  assert.deepEqual(await batches(100), new Array(60).fill(1));
  assert.deepEqual(await batches(5, 20), [20, 20, 20]);
});

Deno.test("runPacks() reads numbers at once where a backend computes at once, small packs first", async () => {
  const backend = new WatchedBackend();
  Object.assign(backend, { computesAtOnce: true });
  const parts = partsWith(backend, 400);
  const lengths = new Array<number>(40).fill(50);
  const outcomes = run(parts, lengths.map(conversationOf));
  assert.equal((await outcomes.next()).value.result, 50);
  const { events } = backend;
  assert.deepEqual(events.filter((event) => !event.startsWith("tokenize")), [
    "record",
    "submit 0",
    "wait 0",
  ]);
  const tokenized = events.length - 3;
  assert.ok(tokenized < 10, `${tokenized} conversations were tokenised for two`);
  const rest = await Array.fromAsync(outcomes);
  assert.equal(rest.length, 39);
  // Of 50 tokens each: 2 conversations, then 5, and 8 in each pack of 400.
  assert.equal(events.filter((event) => event === "record").length, 2 + Math.ceil((40 - 7) / 8));
  assert.equal(backend.open, 0);
});

Deno.test("runPacks() keeps the order where packs are filled out of order, and errors in place", async () => {
  const backend = new WatchedBackend();
  const lengths = [6, 0, 8, 4, 0, 0, 9, 2, 1, 40, 3];
  const outcomes = await Array.fromAsync(run(partsWith(backend), lengths.map(conversationOf)));
  outcomes.forEach(({ result, tokens }, i) => {
    assert.equal(tokens, lengths[i]);
    if (lengths[i] !== 0) return assert.equal(result, lengths[i]);
    assert.ok(result instanceof AssayError && result.code === "text/test");
  });
});

for (const milliseconds of [1, 100]) {
  const took = `${milliseconds} ms a batch`;
  Deno.test(
    `runPacks() hands results on while a slow source keeps it waiting, ${took}`,
    () => slowSource(clock(milliseconds)),
  );
}

async function slowSource(now: () => number): Promise<void> {
  const backend = new WatchedBackend();
  const { promise: last, resolve: giveLast } = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<Conversation> {
    for (let i = 0; i < 4; i++) yield conversationOf(9);
    await last;
    yield conversationOf(5);
  }
  const outcomes = run({ ...partsWith(backend), now }, source());
  // Three packs are full; the fourth is not, and waits for the source.
  for (let i = 0; i < 3; i++) assert.equal((await outcomes.next()).value.result, 9);
  giveLast();
  const rest = await Array.fromAsync(outcomes);
  assert.deepEqual(rest.map(({ result }) => result), [9, 5]);
}

Deno.test("runPacks() holds a bounded number of conversations, failed ones too", async () => {
  const backend = new WatchedBackend();
  let taken = 0;
  let given = 0;
  let most = 0;
  function* source(): Generator<Conversation> {
    for (let i = 0; i < 5000; i++) {
      taken++;
      yield conversationOf(i < 2500 || i % 3 === 0 ? 0 : 4);
    }
  }
  for await (const _ of run(partsWith(backend), source())) most = Math.max(most, taken - given++);
  assert.equal(given, 5000);
  assert.ok(most < 400, `${most} conversations were held at once`);
});

Deno.test("runPacks() lets its source and its readback go when its reader stops", async () => {
  const backend = new WatchedBackend();
  let closed = false;
  function* endless(): Generator<Conversation> {
    try {
      for (;;) yield conversationOf(9);
    } finally {
      closed = true;
    }
  }
  for await (const { result } of run(partsWith(backend), endless())) {
    assert.equal(result, 9);
    break;
  }
  assert.ok(closed);
  assert.equal(backend.open, 0);
});

Deno.test("runPacks() throws where a pack fails, and leaves nothing open", async () => {
  const backend = new WatchedBackend();
  const parts = partsWith(backend);
  const failing = Array.fromAsync(run(parts, [9, 9, 7, 9].map(conversationOf)));
  await assert.rejects(
    failing,
    (error) => error instanceof AssayError && error.code === "gpu/test",
  );
  assert.equal(backend.open, 0);
  const [outcome] = await Array.fromAsync(run(parts, [conversationOf(3)]));
  assert.equal(outcome!.result, 3);
});

Deno.test("runPacks() may be run again from within its own loop", async () => {
  const parts = partsWith(new WatchedBackend());
  for await (const { result } of run(parts, [9, 8, 6].map(conversationOf))) {
    const [inner] = await Array.fromAsync(run(parts, [conversationOf(result as number)]));
    assert.equal(inner!.result, result);
  }
});
