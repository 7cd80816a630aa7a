import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { blobFolder } from "../../../src/checkpoint/folder.ts";
import { AssayError } from "../../../src/error.ts";
import { RewardModel } from "../../../src/scoring/reward_model.ts";
import { RewardModelWorker } from "../../../src/scoring/worker/reward_model_worker.ts";
import { type Conversation, withVariables } from "../../../src/text/conversation.ts";
import { gpuTest } from "../../adapter.ts";
import { goldenConversations, parityFolder } from "../../golden/parity.ts";

const folder = parityFolder("llama");
const conversations = (await goldenConversations("llama")).map(({ messages }) => messages);
const onCpu = { backend: "cpu", tokensPerPack: 64 } as const;

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof AssayError && error.code === expected;
}

Deno.test("where a runtime has no Worker, the error names RewardModel", async () => {
  const { Worker, process } = globalThis as typeof globalThis & { process: unknown };
  try {
    for (const name of ["Worker", "process"]) Reflect.deleteProperty(globalThis, name);
    await assert.rejects(() => RewardModelWorker.load(folder, onCpu), code("scoring/no-worker"));
  } finally {
    Object.assign(globalThis, { Worker, process });
  }
});

/** How often a timer fires until some work is done. */
async function ticksDuring(work: () => Promise<unknown>): Promise<number> {
  let ticks = 0;
  const timer = setInterval(() => ticks++);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return ticks;
}

Deno.test("timers fire while a worker scores, to the bits of a model on this thread", async () => {
  using plain = await RewardModel.load(folder, onCpu);
  using model = await RewardModelWorker.load(folder, onCpu);
  const expected = await plain.score(conversations);
  assert.equal(await ticksDuring(() => plain.score(conversations)), 0, "this test shows nothing");
  assert.ok(await ticksDuring(() => model.score(conversations)) > 0);
  assert.deepEqual(await model.score(conversations), expected);
  assert.deepEqual(await Array.fromAsync(model.scoreStream(conversations)), expected);
});

gpuTest(
  "a worker's verdicts on the GPU, and what it tells of itself, are a model's own",
  async () => {
    using plain = await RewardModel.load(parityFolder("armo"));
    using model = await RewardModelWorker.load(parityFolder("armo"));
    const armo = (await goldenConversations("armo")).map(({ messages }) => messages);
    assert.deepEqual(await model.score(armo), await plain.score(armo));
    const facts = ["name", "architecture", "headKind", "objectives", "backend", "kernels"] as const;
    for (const fact of [...facts, "plan", "maxTokens"] as const) {
      assert.deepEqual(model[fact], plain[fact]);
    }
  },
);

Deno.test("a worker is asked for logits, steps and a template, and takes steps", async () => {
  const template = "{{ messages[0].content }}\n{{ messages[1].content }}";
  const asked = { ...onCpu, logits: ["+", "-"], stepToken: "ки", chatTemplate: template } as const;
  const source = parityFolder("process_logits");
  using plain = await RewardModel.load(source, asked);
  using model = await RewardModelWorker.load(source, asked);
  const stepped = [
    { role: "user", content: "2+2?" },
    { role: "assistant", content: "", steps: ["It is ", "\n4. "] },
  ];
  const verdicts = await plain.score([stepped]);
  assert.equal((verdicts[0]!.parts.step_scores as number[]).length, 2);
  assert.deepEqual(await model.score([stepped]), verdicts);
});

Deno.test("a worker is told the label, and tells how certain a score is", async () => {
  const labelled = { ...onCpu, label: "neither" };
  using plain = await RewardModel.load(parityFolder("head_labels"), labelled);
  using model = await RewardModelWorker.load(parityFolder("head_labels"), labelled);
  assert.deepEqual([model.labels, model.label], [["bad", "good", "neither"], "neither"]);
  assert.deepEqual(model.parts, ["labels"]);
  const conversation = [{ role: "user", content: "2+2?" }, { role: "assistant", content: "4" }];
  assert.deepEqual(await model.score([conversation]), await plain.score([conversation]));
  using certain = await RewardModelWorker.load(parityFolder("head_urm"), onCpu);
  const [verdict] = await certain.score([conversation]);
  assert.ok(verdict!.scoreStd! > 0);
});

Deno.test("a worker carries fields of messages and template variables", async () => {
  using plain = await RewardModel.load(folder, onCpu);
  using model = await RewardModelWorker.load(folder, onCpu);
  const question = { role: "user", content: "2+2?" };
  const answer = { role: "assistant", content: "4" };
  const odd: Conversation[] = [
    [question, { ...answer, reasoning_content: "Hm." }],
    withVariables([question, answer], { enable_thinking: false }),
    [question, { ...answer, timestamp: 7 }],
  ];
  const expected = await plain.score(odd);
  const codes = expected.map(({ error }) => error?.code);
  assert.deepEqual(codes, ["text/unknown-field", "text/unknown-variable", undefined]);
  assert.deepEqual(
    (await model.score(odd)).map(({ score, error }) => [score, error?.toJSON()]),
    expected.map(({ score, error }) => [score, error?.toJSON()]),
  );
});

Deno.test("a worker takes a folder of this thread, and tells how loading goes", async () => {
  const files = new Map<string, Blob>();
  for await (const { name } of Deno.readDir(folder)) {
    files.set(name, new Blob([await Deno.readFile(`${folder}/${name}`)]));
  }
  const layers: (number | undefined)[] = [];
  using model = await RewardModelWorker.load(blobFolder("picked", files), {
    ...onCpu,
    onProgress: ({ phase, done, total }) => {
      assert.equal(phase, "load");
      layers.push(done, total);
    },
  });
  using plain = await RewardModel.load(folder, onCpu);
  assert.equal(model.name, "picked");
  assert.deepEqual(await model.score(conversations), await plain.score(conversations));
  assert.deepEqual(layers, [1, 2, 2, 2]);
});

Deno.test("errors cross from a worker with their code, message and cause", async () => {
  const loading = (source: string, load: typeof RewardModel.load | typeof RewardModelWorker.load) =>
    load(source, onCpu).then(() => assert.fail("it was loaded"), (error: AssayError) => error);
  for (const source of [`${folder}/nothing`, "https://[bad"]) {
    const plain = await loading(source, RewardModel.load);
    const error = await loading(source, RewardModelWorker.load);
    assert.ok(error instanceof AssayError);
    assert.deepEqual([error.code, error.message], [plain.code, plain.message]);
    assert.equal(String(error.cause), String(plain.cause));
  }
});

Deno.test("a bad conversation costs only its own verdict in a worker too", async () => {
  using plain = await RewardModel.load(folder, onCpu);
  using model = await RewardModelWorker.load(folder, onCpu);
  const bad = [[], [{ role: "user", content: 3 }], [{ role: "user", content: () => {} }], null];
  const mixed = bad.flatMap((one) => [one as unknown as Conversation, conversations[0]!]);
  const verdicts = await model.score(mixed);
  const expected = await plain.score(mixed);
  verdicts.forEach(({ error, ...verdict }, i) => {
    const { error: expectedError, ...rest } = expected[i]!;
    assert.deepEqual(verdict, rest);
    assert.ok(error === null || error instanceof AssayError);
    assert.equal(error?.code, expectedError?.code);
  });
});

Deno.test("an aborted call of a worker throws the signal's reason and leaves it usable", async () => {
  using model = await RewardModelWorker.load(folder, onCpu);
  const reference = await model.score(conversations);
  const controller = new AbortController();
  const reason = new Error("enough");
  const scored = model.score(conversations, {
    signal: controller.signal,
    onProgress: ({ total }) => {
      assert.equal(total, conversations.length);
      controller.abort(reason);
    },
  });
  assert.equal(await scored.catch((error) => error), reason);
  const again = model.score(conversations, { signal: controller.signal });
  assert.equal(await again.catch((error) => error), reason);
  assert.deepEqual(await model.score(conversations), reference);
  const loading = RewardModelWorker.load(folder, { ...onCpu, signal: controller.signal });
  assert.equal(await loading.catch((error) => error), reason);
});

Deno.test("calls of a worker that overlap don't mix", async () => {
  using model = await RewardModelWorker.load(folder, onCpu);
  const backwards = conversations.toReversed();
  const reference = await model.score(conversations);
  const [one, two] = await Promise.all([model.score(conversations), model.score(backwards)]);
  assert.deepEqual(one, reference);
  assert.deepEqual(two!.toReversed(), reference);
});

Deno.test("a worker's stream reads as it goes, stops with its reader and passes errors on", async () => {
  using model = await RewardModelWorker.load(folder, onCpu);
  let closed = false;
  let given = 0;
  async function* endless(): AsyncGenerator<Conversation> {
    try {
      for (;;) yield await Promise.resolve(conversations[given++ % conversations.length]!);
    } finally {
      closed = true;
    }
  }
  let taken = 0;
  for await (const { error } of model.scoreStream(endless())) {
    assert.equal(error, null);
    if (++taken === 60) break;
    assert.ok(given - taken < 150, `${given - taken} conversations were held at once`);
  }
  assert.ok(closed);
  const failure = new Error("the source broke");
  async function* failing(): AsyncGenerator<Conversation> {
    yield await Promise.resolve(conversations[0]!);
    throw failure;
  }
  const streamed = Array.fromAsync(model.scoreStream(failing()));
  assert.equal(await streamed.catch((error) => error), failure);
  assert.equal((await model.score(conversations)).length, conversations.length);
});

Deno.test("a worker that crashes rejects the calls under way, and those to come", async () => {
  const server = new URL("../../../src/scoring/worker/serve_reward_model.ts", import.meta.url);
  const script = `import { serveRewardModel } from ${JSON.stringify(server.href)};
    addEventListener("message", ({ data }) => { if (data.crash) throw new Error("boom"); });
    serveRewardModel();`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(script)}`, {
    type: "module",
  });
  using model = await RewardModelWorker.load(folder, { ...onCpu, worker });
  const under = model.score(conversations);
  worker.postMessage({ crash: true });
  await assert.rejects(under, code("scoring/worker-ended"));
  await assert.rejects(under, /boom/);
  await assert.rejects(() => model.score(conversations), code("scoring/worker-ended"));
});

Deno.test("a worker that can't start is an error", async () => {
  const worker = new Worker("data:text/javascript,nothing.at(all)", { type: "module" });
  const loading = RewardModelWorker.load(folder, { ...onCpu, worker });
  await assert.rejects(loading, code("scoring/worker-ended"));
});

Deno.test("a worker that was disposed of rejects the calls under way, and those to come", async () => {
  const model = await RewardModelWorker.load(folder, onCpu);
  const under = model.score(conversations);
  model[Symbol.dispose]();
  await assert.rejects(under, code("scoring/worker-ended"));
  await assert.rejects(() => model.score(conversations), code("scoring/worker-ended"));
});

Deno.test("a worker that was disposed of ends by itself, and the end can be awaited", async () => {
  const script = new URL("../../../src/scoring/worker/worker_main.ts", import.meta.url);
  const worker = new Worker(script, { type: "module" });
  const terminate = worker.terminate.bind(worker);
  worker.terminate = () => {
    terminate();
    assert.fail("its own end was not seen");
  };
  const model = await RewardModelWorker.load(folder, { ...onCpu, worker });
  await model.score(conversations.slice(0, 1));
  model[Symbol.dispose]();
  await model[Symbol.asyncDispose](); // a second time is no second end
  await assert.rejects(() => model.score(conversations), code("scoring/worker-ended"));
});

Deno.test("a worker needs --allow-read and no other permission", async () => {
  const script = `import { RewardModelWorker } from "./mod.ts";
    using model = await RewardModelWorker.load(${JSON.stringify(folder)}, { backend: "cpu" });
    const [verdict] = await model.score([${JSON.stringify(conversations[0])}]);
    console.log(typeof verdict.score);`;
  const repository = fileURLToPath(new URL("../../../", import.meta.url));
  const program = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(program, script.replace("./mod.ts", `${repository}/mod.ts`));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-read", "--config", "deno.json", program],
      cwd: repository,
    }).output();
    assert.equal(new TextDecoder().decode(stdout), "number\n", new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(program);
  }
});
