import assert from "node:assert/strict";
import { armo8b, writeArmoCheckpoint } from "../../bench/models/armo_checkpoint.ts";
import { llama3Conversation } from "../../bench/models/llama3_vocabulary.ts";
import type { ByteSource } from "../../src/checkpoint/byte_source.ts";
import { type CheckpointFolder, localFolder } from "../../src/checkpoint/folder.ts";
import { AssayError } from "../../src/error.ts";
import type { LoadOptions, Progress } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";

/** The 8B model's twin: the same tensors and shards, smaller. */
const shape = {
  ...armo8b,
  layers: 4,
  hidden: 256,
  feedForward: 512,
  heads: 8,
  keyHeads: 2,
  vocabulary: 1024,
  gatingHidden: 64,
};
const conversations = Array.from(
  { length: 40 },
  (_, i) => llama3Conversation(shape.vocabulary, 13 + i % 10, i),
);
/** A pack for each conversation, so that there are two waves. */
const inWaves = { layers: "streamed", tokensPerPack: 16, sharePrefixes: false } as const;

const engines: readonly (readonly [name: string, LoadOptions, missing?: string | undefined])[] = [
  ...testedKernelSets.map(({ kernelSet, missing }) =>
    [kernelSet, { backend: "gpu", kernels: kernelSet }, missing] as const
  ),
  ["wasm", { backend: "wasm" }],
];

for (const [name, options, missing] of engines) {
  testWhere(
    missing,
    `layers streamed in waves: bits, progress, memory, abort (${name})`,
    async () => {
      const folder = await Deno.makeTempDir();
      try {
        await writeArmoCheckpoint(folder, shape);
        await checkWaves(folder, options);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

async function checkWaves(folder: string, options: LoadOptions): Promise<void> {
  using resident = await RewardModel.load(folder, { ...options, layers: "resident" });
  const expected = await resident.score(conversations);
  assert.ok(expected.every(({ score }) => score !== null));

  using streamed = await RewardModel.load(folder, { ...options, ...inWaves });
  assert.equal(streamed.plan.layersAhead, options.backend === "gpu");
  const told: Progress[] = [];
  const onProgress = (progress: Progress): void => {
    assert.ok(streamed.deviceBytes <= streamed.plan.peakBytes);
    told.push(progress);
  };
  assert.deepEqual(await streamed.score(conversations, { onProgress }), expected);
  const waves = told.flatMap(({ wave }) => wave ?? []);
  assert.deepEqual(
    waves.map(({ wave, waves, layer, layers }) => [wave, waves, layer, layers]),
    [1, 2].flatMap((wave) => [0, 1, 2, 3, 4].map((layer) => [wave, 2, layer, 4])),
  );
  assert.equal(waves[0]!.secondsLeft, undefined);
  assert.ok(waves.slice(1, -1).every(({ secondsLeft }) => secondsLeft! > 0));
  assert.equal(waves.at(-1)!.secondsLeft, 0);

  const held = streamed.deviceBytes;
  const last = conversations.slice(-1);
  const controller = new AbortController();
  const stopping = streamed.score(conversations, {
    signal: controller.signal,
    onProgress: ({ wave }) => wave?.layer === 2 && controller.abort(new Error("enough")),
  });
  await assert.rejects(stopping, /enough/);
  assert.ok(streamed.deviceBytes <= held, "an aborted wave left a layer behind");
  assert.deepEqual(await streamed.score(last), expected.slice(-1), "alone");
  assert.ok(streamed.deviceBytes <= held, "memory grows from wave to wave");
}

Deno.test("a file that can't be read in the middle of a wave is an error that names the tensor", async () => {
  const path = await Deno.makeTempDir();
  try {
    await writeArmoCheckpoint(path, shape);
    const state = { broken: false };
    const folder = brokenFolder(path, state);
    using model = await RewardModel.load(folder, { backend: "wasm", ...inWaves });
    const scoring = model.score(conversations, {
      onProgress: ({ wave }) => void (state.broken = wave?.layer === 1),
    });
    await assert.rejects(scoring, {
      code: "checkpoint/read-failed",
      message: /tensor model\.layers\.[23]\.\w+.*gone/,
    });
    state.broken = false;
    const [verdict] = await model.score(conversations.slice(0, 1));
    assert.equal(verdict!.error, null);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

/** A folder whose files can't be read while it is broken. */
function brokenFolder(path: string, state: { broken: boolean }): CheckpointFolder {
  const folder = localFolder(path);
  return {
    ...folder,
    async open(file) {
      const source = await folder.open(file);
      if (source === undefined) return undefined;
      const { name, byteLength } = source;
      const wrapped: ByteSource = {
        name,
        byteLength,
        read(offset, length) {
          if (!state.broken) return source.read(offset, length);
          const error = new AssayError("checkpoint/read-failed", `Cannot read ${name}: gone`);
          return Promise.reject(error);
        },
        [Symbol.dispose]: () => source[Symbol.dispose](),
      };
      return wrapped;
    },
  };
}
