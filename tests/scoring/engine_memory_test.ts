import assert from "node:assert/strict";
import type { AssayError } from "../../src/error.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";

const demo = "models/demo";
const conversations = ["Four.", "I think that it is five. Or six.", "4"].map((content) => [
  { role: "user", content: "How much is 2+2?" },
  { role: "assistant", content },
]);

function load(options: LoadOptions = {}): Promise<RewardModel> {
  return RewardModel.load(demo, { backend: "wasm", ...options });
}

/** Runs something where the runtime gives no memory that may grow to more. */
async function within(bytes: number, work: () => Promise<void>): Promise<void> {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if (descriptor.maximum! * 65536 > bytes) throw new RangeError("refused by the test");
      super(descriptor);
    }
  };
  try {
    await work();
  } finally {
    WebAssembly.Memory = Memory;
  }
}

Deno.test("a model larger than the WebAssembly engine's memory streams, with the same bits", async () => {
  using roomy = await load();
  assert.equal(roomy.plan.layers, "resident");
  const expected = await roomy.score(conversations);
  await within(2 ** 23, async () => {
    using tight = await load();
    assert.equal(tight.plan.layers, "streamed");
    assert.ok(tight.plan.weightBytes + tight.plan.matrixBytes > 2 ** 23);
    assert.ok(tight.plan.longestBytes < 2 ** 23, `${tight.plan.longestBytes}`);
    assert.deepEqual(await tight.score(conversations), expected);
    assert.ok(tight.maxTokens < roomy.maxTokens);
    const words = "word ".repeat(2 * tight.maxTokens);
    const [verdict] = await tight.score([[
      { role: "user", content: words },
      { role: "assistant", content: "no" },
    ]]);
    assert.equal(verdict!.error?.code, "text/too-long");
    assert.match(verdict!.error!.message, /the WebAssembly engine's memory of \d+ bytes has room/);
  });
});

Deno.test("the whole of a small engine's memory can be used", async () => {
  await within(2 ** 23, async () => {
    using tight = await load({ sharePrefixes: false });
    const longest = "a ".repeat(tight.maxTokens - 20);
    const filling = Array.from({ length: 40 }, (_, i) => [
      { role: "user", content: `${i}` },
      { role: "assistant", content: i % 3 === 0 ? longest.slice(0, -2 * i) : "no" },
    ]);
    const verdicts = await tight.score(filling);
    assert.deepEqual(verdicts.map(({ error }) => error), filling.map(() => null));
    assert.ok(Math.max(...verdicts.map(({ tokens }) => tokens)) > tight.maxTokens - 40);
  });
});

Deno.test("a model that does not fit into the engine even by layers is refused, with its largest tensor", async () => {
  await within(2 ** 22, () =>
    assert.rejects(load(), {
      code: "scoring/over-budget",
      message:
        /into the WebAssembly engine's memory of \d+ bytes.* "[\w.]+", takes.*--backend gpu/s,
    }));
});

Deno.test("memory that the runtime does not give when it is asked for is an error with a way out", async () => {
  const { prototype } = WebAssembly.Memory;
  const { grow } = prototype;
  prototype.grow = () => {
    throw new RangeError("refused by the test");
  };
  try {
    await assert.rejects(load(), (error: AssayError) => {
      assert.equal(error.code, "wasm/memory");
      assert.match(error.message, /Cannot hold \d+ more bytes.*--memory-budget/);
      return true;
    });
  } finally {
    prototype.grow = grow;
  }
});

Deno.test("an engine that is given no memory at all says so", async () => {
  await within(
    2 ** 20,
    () => assert.rejects(load(), { code: "wasm/memory", message: /refused it \d+ bytes/ }),
  );
});
