import assert from "node:assert/strict";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { Engine } from "../../src/wasm/engine.ts";
import type { StartHelper } from "../../src/wasm/helper_worker.ts";
import { ThreadTeam } from "../../src/wasm/thread_team.ts";

/** Enough for helpers to be asked for. */
const conversations = Array.from({ length: 12 }, (_, i) => [
  { role: "user", content: `Question ${i}: ${"how much is it? ".repeat(10)}` },
  { role: "assistant", content: "Four." },
]);

async function scores(threads: number, onWarning: (message: string) => void) {
  const options = { backend: "wasm", threads, onWarning } as const;
  using model = await RewardModel.load("models/demo", options);
  const first = await model.score(conversations);
  await new Promise((resolve) => setTimeout(resolve, 100)); // events of workers come
  assert.deepEqual(await model.score(conversations), first);
  return first;
}

const unexpected = (message: string): void => assert.fail(`unexpected warning: ${message}`);

/** Workers that end as they begin, some the moment they are asked for. */
const failing: Readonly<Record<string, typeof Worker>> = {
  "are forbidden": class {
    constructor() {
      throw new DOMException("forbidden by the test", "SecurityError");
    }
  } as unknown as typeof Worker,
  "fail as they load": class extends Worker {
    constructor(_: string | URL, options?: WorkerOptions) {
      super("data:text/javascript,import 'data:text/plain,no'", options);
    }
  },
  "don't take what they are sent": class extends Worker {
    override postMessage(): void {
      super.postMessage({ module: "none", memory: null, index: 1, patience: 1 });
    }
  },
};

for (const [what, failingWorker] of Object.entries(failing)) {
  Deno.test(`where helpers ${what}, one thread scores alone, and says so once`, async () => {
    const expected = await scores(1, unexpected);
    const told: string[] = [];
    const { Worker } = globalThis;
    globalThis.Worker = failingWorker;
    try {
      assert.deepEqual(await scores(3, (message) => told.push(message)), expected);
    } finally {
      globalThis.Worker = Worker;
    }
    assert.equal(told.length, 1);
    assert.match(told[0]!, /computes with one thread.*\(.+\)/);
  });
}

Deno.test("after a failure a team starts no helper any more", async () => {
  using engine = await Engine.open({ threads: 1 });
  let started = 0;
  let fail!: (reason: string) => void;
  const start: StartHelper = (_, onFailure) => {
    started++;
    fail = onFailure;
    return { terminate() {} };
  };
  const { team: { module, memory }, kernels } = engine;
  using team = new ThreadTeam(module, memory, kernels, 4, start);
  const told: string[] = [];
  team.onFailure = (reason) => told.push(reason);
  team.assemble();
  assert.equal(started, 4);
  team.assemble(); // they are on their way
  assert.equal(started, 4);
  fail("it is the first");
  fail("it is the second");
  team.assemble();
  assert.equal(started, 4);
  assert.deepEqual(told, ["it is the first"]);
  assert.equal(team.failure, "it is the first");
});

Deno.test("a team gives helpers time to begin, and ends none that may have begun", async () => {
  using engine = await Engine.open({ threads: 1 });
  const { team: { module, memory }, kernels } = engine;
  const calls = { started: 0, ended: 0 };
  const start: StartHelper = () => {
    calls.started++;
    return { terminate: () => void calls.ended++ };
  };
  using time = new FakeTime();
  {
    using team = new ThreadTeam(module, memory, kernels, 2, start);
    team.assemble();
    time.pass(2000); // a busy machine
    team.assemble();
    assert.deepEqual(calls, { started: 2, ended: 0 });
    time.pass(20_000); // they are lost
    team.assemble();
    assert.deepEqual(calls, { started: 4, ended: 0 });
  }
  assert.equal(calls.ended, 2);
});

Deno.test("of two helpers in one place the second leaves at once, and the first keeps its place", async () => {
  using engine = await Engine.open({ threads: 1 });
  const { module, memory } = engine.team;
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const { help, helpers } = exports as Record<"help" | "helpers", (...numbers: number[]) => number>;
  const word = new Int32Array(memory.buffer, 256, 1); // HELPERS in wasm/team.ts
  Atomics.or(word, 0, 1 << 3);
  help!(3, 3_600_000); // would wait for an hour
  assert.equal(helpers!(), 1 << 3);
});

/** Stands in for the clock until it is disposed of. */
class FakeTime implements Disposable {
  readonly #now = performance.now;
  #time = 0;

  constructor() {
    performance.now = () => this.#time;
  }

  pass(milliseconds: number): void {
    this.#time += milliseconds;
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
  }
}
