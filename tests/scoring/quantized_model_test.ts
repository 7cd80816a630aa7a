import assert from "node:assert/strict";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { type CheckpointFolder, folderAt } from "../../src/checkpoint/folder.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import { ownQuantization } from "../../src/models/quantized_weights.ts";
import { widenRows } from "../../src/ops/quantization/group_quantization.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { openQuantized } from "../../src/scoring/quantized_checkpoint.ts";
import { quantizeCheckpoint } from "../../src/tasks/quantize/quantize_checkpoint.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { assertSameBits } from "../bits.ts";
import { goldenOptions, hasOwnBackbone, parityFolder, parityModels } from "../golden/parity.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";

const conversations: Conversation[] = ["Four.", "It is five, I think, or else six."].map((
  content,
) => [
  { role: "user", content: "How much is 2 + 2?" },
  { role: "assistant", content },
]);

const forms = [["int8", 32], ["int8", 128], ["int4", 32], ["int4", 128]] as const;

/** A quantized checkpoint, with the numbers in f32 that its weights stand for in their place. */
function widened(folder: CheckpointFolder, checkpoint: Checkpoint): CheckpointFolder {
  const form = ownQuantization(checkpoint)!;
  const scales = [...checkpoint.tensors.keys()].filter((name) => name.endsWith(".weight_scale"));
  const tensors = scales.map((scale) => {
    const name = scale.slice(0, -"_scale".length);
    const [rows, stored] = checkpoint.tensors.get(name)!.shape as [number, number];
    const columns = form.bits === 8 ? stored : 2 * stored;
    return {
      name,
      dtype: "F32" as const,
      shape: [rows, columns],
      readRows: async (start: number, count: number) => {
        const quants = (await checkpoint.readRows(name, start, count)).bytes;
        const { bytes } = await checkpoint.readRows(scale, start, count);
        const rows = { quants, scales: new Uint16Array(bytes.slice().buffer) };
        return new Uint8Array(widenRows(rows, columns, form).buffer);
      },
    };
  });
  assert.ok(tensors.length > 0);
  const { quantization_config: _, ...config } = checkpoint.config;
  return overlayFolder(checkpoint.name, folder, checkpoint, { tensors, without: scales, config });
}

async function scoresOf(source: string | CheckpointFolder, options: LoadOptions) {
  using model = await RewardModel.load(source, { ...options, onWarning: () => {} });
  const verdicts = await model.score(conversations);
  assert.deepEqual(verdicts.map(({ error }) => error), conversations.map(() => null));
  assert.ok(verdicts.every(({ weights }) => weights === model.weights));
  const scores = Float32Array.from(verdicts, ({ score }) => score!);
  return { bits: new Uint32Array(scores.buffer), weights: model.weights };
}

/** Scores with quantized weights have the bits of those with the same numbers in f32. */
async function holdAgainstPlain(
  model: string,
  [weights, weightGroup]: (typeof forms)[number],
  computed: LoadOptions,
): Promise<void> {
  const path = parityFolder(model);
  const options = { ...await goldenOptions(model), ...computed };
  using opened = new DisposableStack();
  const checkpoint = await openQuantized(path, { weights, weightGroup }, opened);
  const plain = await scoresOf(widened(folderAt(path), checkpoint), options);
  const quantized = await scoresOf(path, { ...options, weights, weightGroup });
  assert.equal(quantized.weights, weights);
  assert.equal(plain.weights, undefined);
  assertSameBits([quantized.bits], [plain.bits], `${model}, ${weights} by ${weightGroup}`);
}

parityModels.filter(hasOwnBackbone).forEach((model, index) => {
  const form = forms[index % forms.length]!;
  Deno.test(`${model} in ${form.join(" by ")} scores as with its numbers in f32 (wasm)`, async () => {
    await holdAgainstPlain(model, form, { backend: "wasm", threads: 1 });
    await holdAgainstPlain(model, forms[(index + 2) % 4]!, { backend: "cpu" });
  });
});

for (const { kernelSet, missing } of testedKernelSets) {
  testWhere(missing, `phi3 in int4 scores as with its numbers in f32 (${kernelSet})`, async () => {
    await holdAgainstPlain("phi3", ["int4", 32], { backend: "gpu", kernels: kernelSet });
  });
}

Deno.test("a quantized folder scores as weights that are quantized at load, streamed too", async () => {
  const model = "models/demo";
  for (const [weights, group] of [["int8", 32], ["int4", 128]] as const) {
    const folder = await Deno.makeTempDir();
    try {
      const { quantized } = await quantizeCheckpoint(model, folder, { weights, group });
      assert.equal(quantized, 35);
      const options = { backend: "wasm", threads: 1 } as const;
      const written = await scoresOf(folder, options);
      const atLoad = { ...options, weights, weightGroup: group } as const;
      for (const layers of ["resident", "streamed"] as const) {
        assertSameBits(
          [(await scoresOf(model, { ...atLoad, layers })).bits],
          [written.bits],
          layers,
        );
      }
      // The same form is taken as it is; another one would be quantized twice.
      assertSameBits([(await scoresOf(folder, atLoad)).bits], [written.bits], "again");
      const other = { ...options, weights: weights === "int8" ? "int4" : "int8" } as const;
      await assert.rejects(RewardModel.load(folder, other), { code: "scoring/already-quantized" });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
});

Deno.test("the plan tells the memory that quantized weights take, within 5 percent", async () => {
  const without = testedKernelSets.some(({ missing }) => missing !== undefined);
  for (const backend of without ? ["wasm"] as const : ["wasm", "gpu"] as const) {
    const held: { device: number; plan: number }[] = [];
    for (const weights of [undefined, "int8", "int4"] as const) {
      using model = await RewardModel.load("models/demo", { backend, weights });
      held.push({ device: model.deviceBytes, plan: model.plan.weightBytes });
    }
    // What is held beside the weights is the same for all.
    const [plain, ...quantized] = held;
    for (const { device, plan } of quantized) {
      const ratio = (plain!.device - device) / (plain!.plan - plan);
      assert.ok(ratio > 0.95 && ratio < 1.05, `${backend}: ${ratio}`);
      assert.ok(plan < 0.6 * plain!.plan, `${plan} of ${plain!.plan}`);
    }
  }
});
