import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { productTiles, tileName } from "../../src/ops/products/product_tiles.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { WasmBackend } from "../../src/ops/wasm_backend.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { gpuTest } from "../adapter.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import {
  type GoldenConversation,
  goldenConversations,
  goldenLabel,
  goldenOptions,
  hasDynamicRope,
  hasOwnBackbone,
  isRecurrent,
  parityFolder,
  parityModels,
  parityTolerance,
  readsEveryToken,
  readsPairs,
} from "../golden/parity.ts";

/** Long enough for every golden text, also where a dynamic rope goes past its trained length. */
const maxTokens = 640;

async function load(model: string, options: LoadOptions = {}): Promise<RewardModel> {
  return await RewardModel.load(parityFolder(model), {
    ...await goldenOptions(model),
    maxTokens,
    label: await goldenLabel(model),
    onWarning: (message) => assert.fail(`unexpected warning: ${message}`),
    ...options,
  });
}

async function checkParity(model: string, options: LoadOptions): Promise<void> {
  using loaded = await load(model, options);
  const golden = await goldenConversations(model);
  const verdicts = await loaded.score(golden.map(({ messages }) => messages));
  const { score: bound } = await parityTolerance(model);
  verdicts.forEach((verdict, i) => {
    const expected = golden[i]!;
    assert.equal(verdict.error, null);
    const { kernels = options.backend } = options;
    assert.equal(verdict.kernels, kernels === "wasm" ? loaded.kernels : kernels);
    assert.equal(verdict.tokens, expected.ids.length);
    close(verdict.score!, expected.score, bound, `${expected.name}: score`);
    const { rewards, gating, coefficients } = expected.parts ?? expected;
    for (const [part, numbers] of Object.entries({ rewards, gating, coefficients })) {
      const view = verdict[part as "rewards" | "gating" | "coefficients"];
      closeByObjective(view, numbers, bound, `${expected.name}: ${part}`);
    }
    for (const [part, numbers] of Object.entries(expected.parts ?? {})) {
      closeByObjective(verdict.parts[part] ?? null, numbers, bound, `${expected.name}: ${part}`);
    }
    if (expected.score_std === undefined) assert.equal(verdict.scoreStd, null);
    else close(verdict.scoreStd!, expected.score_std, bound, `${expected.name}: score_std`);
  });
}

/** |Δ| ≤ bound · max(1, |expected|). */
function close(actual: number, expected: number, bound: number, where: string): void {
  const most = bound * Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= most, `${where}: ${actual} against ${expected}`);
}

function closeByObjective(
  actual: Readonly<Record<string, number>> | readonly number[] | null,
  expected: readonly number[] | undefined,
  bound: number,
  where: string,
): void {
  if (expected === undefined) return assert.equal(actual, null);
  const values = Object.values(actual!);
  assert.equal(values.length, expected.length);
  values.forEach((value, i) => close(value, expected[i]!, bound, `${where} ${i}`));
}

for (const model of parityModels) {
  for (const { kernelSet, missing } of testedKernelSets) {
    testWhere(
      missing,
      `scores of ${model} equal the reference's (${kernelSet} kernels)`,
      () => checkParity(model, { backend: "gpu", kernels: kernelSet }),
    );
  }
  Deno.test(
    `scores of ${model} equal the reference's (wasm)`,
    () => checkParity(model, { backend: "wasm" }),
  );
  Deno.test(
    `scores of ${model} equal the reference's on the CPU twins`,
    () => checkParity(model, { backend: "cpu" }),
  );
}

for (const model of parityModels) {
  for (const { kernelSet: kernels, missing } of testedKernelSets) {
    // On a software adapter they are slow: not of each head on the same backbone.
    if (kernels === "tiled" && !hasOwnBackbone(model)) continue;
    invarianceTest(model, { backend: "gpu", kernels }, missing);
  }
  invarianceTest(model, { backend: "wasm" });
}

/** Folders whose responses fill several packs. */
const manyResponses: ReadonlySet<string> = new Set(["armo", "llama", "gemma2", "mixtral"]);

function invarianceTest(model: string, options: LoadOptions, missing?: string): void {
  const { backend, kernels = backend } = options;
  const name = `a verdict of ${model} has the same bits in every company and plan (${kernels})`;
  testWhere(missing, name, async () => {
    // The tiled kernels are slow on a software adapter, and there are some sixty folders: fewer responses
    // show the same.
    const responses = kernels !== "tiled" ? manyResponses.has(model) ? 56 : 20 : 12;
    const conversations = varied(await goldenConversations(model), responses);
    const apartEach = { ...options, tokensPerPack: 1, sharePrefixes: false };
    using alone = await load(model, { ...apartEach, threads: backend === "wasm" ? 1 : undefined });
    const reference = await alone.score(conversations);
    assert.ok(reference.every(({ score }) => score !== null));

    using packed = await load(model, options);
    assert.deepEqual(await packed.score(conversations), reference);
    for (const size of manyResponses.has(model) ? [2, 3, 64] : [3]) {
      const first = conversations.slice(-size);
      assert.deepEqual(await packed.score(first), reference.slice(-size));
    }
    const backwards = [...conversations].reverse();
    assert.deepEqual((await packed.score(backwards)).reverse(), reference);

    using apart = await load(model, { ...options, sharePrefixes: false, tokensPerPack: 300 });
    assert.deepEqual(await apart.score(conversations), reference);

    using streamed = await load(model, { ...options, layers: "streamed", tokensPerPack: 128 });
    assert.equal(streamed.plan.layers, "streamed");
    assert.deepEqual(await streamed.score(conversations), reference);
  });
}

for (const { kernelSet: kernels, missing } of testedKernelSets) {
  testWhere(missing, `scores have the same bits with every tile (${kernels})`, async () => {
    const conversations = varied(await goldenConversations("llama"), 3);
    let expected: Verdict[] | undefined;
    for (const tuning of ["off", ...productTiles[kernels].map(tileName)]) {
      using model = await load("llama", { kernels, tuning });
      const found = await model.score(conversations);
      expected ??= found;
      assert.deepEqual(found, expected, tuning);
    }
    await assert.rejects(load("llama", { kernels, tuning: "1x1x1" }), {
      code: "ops/unknown-tile",
    });
  });
}

for (const model of parityModels) {
  for (const { kernelSet, missing } of testedKernelSets) {
    if (kernelSet === "tiled" && !hasOwnBackbone(model)) continue;
    testWhere(
      missing,
      `a prompt of ${model} that goes on in further packs gives the same bits (${kernelSet})`,
      () => checkKeptPrefix(model, { backend: "gpu", kernels: kernelSet }),
    );
  }
  Deno.test(
    `a prompt of ${model} that goes on in further packs gives the same bits (wasm)`,
    () => checkKeptPrefix(model, { backend: "wasm" }),
  );
  Deno.test(
    `a prompt of ${model} that goes on in further packs gives the same bits on the CPU twins`,
    () => checkKeptPrefix(model, { backend: "cpu" }),
  );
}

const backends = { gpu: GpuBackend, wasm: WasmBackend, cpu: CpuBackend };

/** Scores responses to one prompt in packs that hold a few of them each, layers resident and streamed. */
async function checkKeptPrefix(
  model: string,
  options: LoadOptions & { backend: keyof typeof backends },
): Promise<void> {
  const conversations = varied(await goldenConversations(model), 12).slice(-12);
  using apart = await load(model, { ...options, sharePrefixes: false });
  const reference = await apart.score(conversations);
  for (const layers of ["resident", "streamed"] as const) {
    using packed = await load(model, { ...options, layers, tokensPerPack: 128 });
    using lasting = callsOf(backends[options.backend!].prototype, "lasting");
    const before = packed.deviceBytes;
    assert.deepEqual(await packed.score(conversations), reference);
    const sharesNone = await hasDynamicRope(model) || await readsPairs(model) ||
      await readsEveryToken(model) || await isRecurrent(model);
    assert.ok(lasting.count > 0 || sharesNone, "no prefix was kept");
    for await (const verdict of packed.scoreStream(conversations)) {
      assert.deepEqual(verdict, reference[0]);
      break; // while the prefix is kept
    }
    assert.ok(packed.deviceBytes - before <= packed.plan.matrixBytes, "a prefix stayed behind");
    assert.deepEqual(await packed.score(conversations), reference);
  }
}

/** Counts the calls of a method, until disposed of. */
function callsOf<Name extends string>(
  of: Record<Name, (...operands: never[]) => unknown>,
  name: Name,
): { count: number } & Disposable {
  const method = of[name];
  const calls = { count: 0, [Symbol.dispose]: () => void (of[name] = method) };
  of[name] = function (...operands) {
    calls.count++;
    return method.apply(this, operands);
  };
  return calls;
}

/** The golden conversations, and a prompt with many responses. */
function varied(golden: readonly GoldenConversation[], responses = 56): Conversation[] {
  const prompt = golden.find(({ name }) => name === "system") ?? golden[0]!;
  const hasSteps = prompt.messages.at(-1)!.steps !== undefined;
  const answers = Array.from({ length: responses }, (_, i) => {
    const parts = [`Answer ${i}:`, ...new Array<string>(i % 7).fill(" more of it,"), " done."];
    const response = hasSteps
      ? { content: "", steps: parts.map((part) => `${part} `) }
      : { content: parts.join("") };
    return [...prompt.messages.slice(0, -1), { role: "assistant", ...response }];
  });
  return [...golden.map(({ messages }) => messages), ...answers];
}

gpuTest("a bad conversation costs only its own verdict", async () => {
  using model = await load("armo", { backend: "gpu" });
  const good = (await goldenConversations("armo"))[0]!.messages;
  const bad: [unknown, string][] = [
    [[], "text/empty-conversation"],
    [[{ role: "user", content: 3 }], "text/bad-message"],
    [[{ role: "user", content: "no answer yet" }], "text/no-gating-pattern"],
    [
      [{ role: "user", content: "Hi" }, { role: "assistant", content: "word ".repeat(4e5) }],
      "text/too-long",
    ],
  ];
  const mixed = [good, ...bad.flatMap(([conversation]) => [conversation as Conversation, good])];
  const verdicts = await model.score(mixed);
  const [reference] = await model.score([good]);
  verdicts.forEach((verdict, i) => {
    if (i % 2 === 0) return assert.deepEqual(verdict, reference);
    assert.equal(verdict.score, null);
    assert.equal(verdict.error?.code, bad[(i - 1) / 2]![1]);
  });
});

gpuTest("scoreStream() gives the verdicts of score(), in order, reading as it goes", async () => {
  using model = await load("llama", { backend: "gpu", tokensPerPack: 64 });
  const conversations = varied(await goldenConversations("llama"));
  let given = 0;
  let most = 0;
  let taken = 0;
  async function* source(): AsyncGenerator<Conversation> {
    for (const conversation of conversations) {
      await Promise.resolve();
      given++;
      yield conversation;
    }
  }
  const streamed = [];
  for await (const verdict of model.scoreStream(source())) {
    most = Math.max(most, given - taken++);
    streamed.push(verdict);
  }
  assert.deepEqual(streamed, await model.score(conversations));
  assert.ok(most < conversations.length / 2, `${most} conversations were held at once`);
});

gpuTest("an aborted call throws the signal's reason and leaves the model usable", async () => {
  using model = await load("llama", { backend: "gpu", tokensPerPack: 32 });
  const conversations = (await goldenConversations("llama")).map(({ messages }) => messages);
  const reference = await model.score(conversations);
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    () =>
      model.score(conversations, {
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      }),
    reason,
  );
  assert.deepEqual(await model.score(conversations), reference);
});

gpuTest("calls that overlap don't mix", async () => {
  using model = await load("llama", { backend: "gpu" });
  const conversations = (await goldenConversations("llama")).map(({ messages }) => messages);
  const reference = await model.score(conversations);
  const overlapping = await Promise.all([model.score(conversations), model.score(conversations)]);
  for (const verdicts of overlapping) assert.deepEqual(verdicts, reference);
});

gpuTest("device and host memory do not grow over 1,000 packs", async () => {
  using model = await load("llama_f16", { backend: "gpu", tokensPerPack: 40 });
  const [short] = (await goldenConversations("llama_f16")).map(({ messages }) => messages);
  const hundred = new Array<Conversation>(200).fill(short!);
  const round = async (): Promise<void> => {
    const verdicts = await model.score(hundred); // two in a pack: 100 packs
    assert.ok(verdicts.every(({ score }) => score === verdicts[0]!.score));
  };
  await round();
  const before = { device: model.deviceBytes, host: Deno.memoryUsage().rss };
  for (let i = 0; i < 10; i++) await round();
  assert.equal(model.deviceBytes, before.device);
  const grown = Deno.memoryUsage().rss - before.host;
  assert.ok(grown < 64 * 2 ** 20, `the process grew by ${grown} bytes`);
});

Deno.test("a NaN weight is an error of the row, never a number", async () => {
  const folder = await spoiledCopy("llama", (bytes, offsetOf) => {
    bytes.set([0xc0, 0x7f], offsetOf("model.norm.weight")); // a bf16 NaN
  });
  using model = await load(folder, { backend: "cpu" });
  const [verdict] = await model.score([(await goldenConversations("llama"))[0]!.messages]);
  assert.equal(verdict!.score, null);
  assert.equal(verdict!.error?.code, "scoring/not-finite");
});

Deno.test("a truncated checkpoint is refused before anything is computed", async () => {
  const folder = await spoiledCopy("llama", (bytes) => bytes.subarray(0, bytes.length - 100));
  await assert.rejects(
    () => load(folder, { backend: "cpu" }),
    (error) => error instanceof AssayError && error.code.startsWith("checkpoint/"),
  );
});

/** A copy of a tiny checkpoint whose weights file is changed; `offsetOf` finds a tensor in it. */
async function spoiledCopy(
  model: string,
  spoil: (bytes: Uint8Array, offsetOf: (tensor: string) => number) => Uint8Array | void,
): Promise<string> {
  const folder = await Deno.makeTempDir();
  for await (const { name } of Deno.readDir(parityFolder(model))) {
    await Deno.copyFile(`${parityFolder(model)}/${name}`, `${folder}/${name}`);
  }
  const path = `${folder}/model.safetensors`;
  const bytes = await Deno.readFile(path);
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const offsetOf = (tensor: string): number => start + header[tensor].data_offsets[0];
  await Deno.writeFile(path, spoil(bytes, offsetOf) ?? bytes);
  return folder;
}
