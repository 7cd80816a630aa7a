import assert from "node:assert/strict";
import { Device } from "../../../src/gpu/device.ts";
import type { LoadOptions } from "../../../src/scoring/load_options.ts";
import { Backbone } from "../../../src/scoring/backbone.ts";
import { RewardModel } from "../../../src/scoring/reward_model.ts";
import { randomDraws } from "../../../src/ops/checks/draws.ts";
import type { Conversation } from "../../../src/text/conversation.ts";
import { gpuTest } from "../../adapter.ts";
import { parityFolder } from "../../golden/parity.ts";
import { testedKernelSets } from "../../kernel_sets.ts";
import { testWhere } from "../../requirement.ts";

const random = randomDraws(6);

function conversationOf(words: number): Conversation {
  return [
    { role: "user", content: `Question ${random.integer(0, 99)}` },
    { role: "assistant", content: "word ".repeat(words) },
  ];
}

/** Lengths as they come: many short conversations, few long ones, some that fill a pack. */
function ragged(count: number): Conversation[] {
  return Array.from({ length: count }, () =>
    conversationOf(
      Math.floor(random.integer(1, 12) * random.integer(1, 20) / random.integer(1, 4)),
    ));
}

gpuTest(
  "device memory stays within a budget, long conversations and kept prompts too",
  async () => {
    for (const memoryBudget of [2e6, 3e6]) {
      using model = await RewardModel.load(parityFolder("armo"), { backend: "gpu", memoryBudget });
      const within = (): void => {
        assert.ok(model.deviceBytes <= memoryBudget, `${model.deviceBytes} of ${memoryBudget}`);
      };
      const prompt = { role: "user", content: "word ".repeat(60) };
      const responses = ragged(12).map(([, response]) => [prompt, response!]);
      const verdicts = await model.score([...ragged(12), ...responses], { onProgress: within });
      within();
      assert.ok(verdicts.some(({ score }) => score !== null));
    }
  },
);

/** One of each family whose row sizes are its own, and words that make more than two packs. */
const long: readonly (readonly [folder: string, words: number])[] = [
  ["armo", 700],
  ["gemma2", 700],
  ["qwen2_moe", 700],
  ["qwen3_5", 700],
  ["bert", 150],
];

for (const { kernelSet: kernels, missing } of testedKernelSets) {
  for (const layers of ["resident", "streamed"] as const) {
    for (const [folder, words] of long) {
      const name = `device memory stays within the plan, ${folder}, ${layers} layers (${kernels})`;
      testWhere(missing, name, () => staysWithinPlan(folder, words, { kernels, layers }));
    }
  }
}

async function staysWithinPlan(
  folder: string,
  words: number,
  where: Pick<LoadOptions, "kernels" | "layers">,
): Promise<void> {
  using model = await RewardModel.load(parityFolder(folder), { ...where, tokensPerPack: 256 });
  const { peakBytes, longestBytes } = model.plan;
  const within = (most: number): void => {
    assert.ok(model.deviceBytes <= most, `${model.deviceBytes} bytes are held of ${most}`);
  };
  for (const count of [1, 40, 7, 25, 3]) {
    await model.score(ragged(count), { onProgress: () => within(peakBytes) });
    within(peakBytes);
  }
  const prompt = { role: "user", content: "word ".repeat(60) };
  const responses = ragged(20).map(([, response]) => [prompt, response!]);
  await model.score(responses, { onProgress: () => within(peakBytes) }); // the prompt is kept
  within(peakBytes);
  const [long] = await model.score([conversationOf(words)]);
  assert.ok(long!.tokens > 2 * 256);
  within(longestBytes);
  await model.score(ragged(10));
  within(peakBytes);
}

/** Words that make a little less than 1,024 tokens, or than the third number, where a model takes no more. */
const filling: readonly (readonly [folder: string, words: number, tokens?: number])[] = [
  ["armo", 334],
  ["gemma2", 497],
  ["gemma3", 497],
  ["olmo2", 334],
  ["phi3", 160, 512],
  ["qwen2_moe", 334],
  ["qwen3_5", 334],
  ["bert", 155, 640],
  ["modernbert", 200],
  ["deberta", 124, 640],
  ["gpt_neox", 334],
  ["internlm2", 334],
];

for (const { kernelSet: kernels, missing } of testedKernelSets) {
  for (const [folder, words, tokensPerPack = 1024] of filling) {
    const name = `a pack takes what the row sizes say, ${folder} (${kernels})`;
    testWhere(missing, name, async () => {
      const options = { kernels, layers: "resident", tokensPerPack } as const;
      using backbone = await Backbone.load(parityFolder(folder), options);
      const { backend, plan: memory } = backbone;
      backend.limitMatrices(Infinity); // else the pools keep within the plan, whatever it says
      const before = backend.bytes;
      const [outcome] = await backbone.pooledStates([conversationOf(words)]);
      assert.ok(outcome !== undefined && "states" in outcome);
      const taken = backend.bytes - before;
      assert.ok(taken <= memory.matrixBytes, `${taken} bytes, planned are ${memory.matrixBytes}`);
      assert.ok(
        taken > memory.matrixBytes / 4,
        `${taken} bytes, planned are ${memory.matrixBytes}`,
      );
    });
  }
}

gpuTest("the pools let idle memory go, oldest first, rather than grow over a limit", async () => {
  using device = await Device.open();
  const { pool } = device;
  const kibibytes = (count: number): GPUBuffer => pool.acquire(count * 1024, "record");
  device.pooledLimit = 56 * 1024;
  let submissions = 0;
  device.onFull = () => {
    submissions++;
    device.submitted();
  };
  const small = kibibytes(8);
  const large = kibibytes(16);
  for (const buffer of [small, large]) pool.release(buffer);
  assert.equal(kibibytes(4), small, "the smallest buffer that is large enough is used again");
  pool.release(small);
  device.submitted();
  const held = kibibytes(32);
  assert.equal(pool.bytes, 56 * 1024);
  kibibytes(20); // held to the end; both idle ones make room for it
  assert.equal(pool.bytes, (32 + 20) * 1024);
  assert.equal(submissions, 0);
  pool.release(held); // recorded commands may use it: it goes once they are submitted
  kibibytes(40); // more than the limit in all, but held at once
  assert.equal(submissions, 1);
  assert.equal(pool.bytes, (20 + 40) * 1024);
  await device.settle();
  assert.deepEqual(device.uncapturedErrors, []);
});
