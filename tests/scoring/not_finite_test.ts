import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { type LazyTensor, overlayFolder } from "../../src/merging/overlay_folder.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";
import { noHalf, testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";

/** Weights so large that something overflows on the way to the score, and would come back from it. */
const overflowing: readonly (readonly [model: string, tensor: string, value: number])[] = [
  ["llama", "model.embed_tokens.weight", 3e38],
  ["llama", "model.layers.0.mlp.up_proj.weight", 1e30],
  ["llama", "model.layers.1.mlp.down_proj.weight", -1e38],
  ["llama", "model.layers.0.self_attn.q_proj.weight", 1e38],
  ["qwen3", "model.layers.0.self_attn.k_proj.weight", 1e30],
  ["llama", "model.layers.0.self_attn.v_proj.weight", 1e38],
  ["llama", "model.norm.weight", 3e38],
  ["armo", "gating.layers.0.weight", -3e38],
];

/** The first golden conversation's verdict by a tiny checkpoint with one tensor filled with a number. */
async function verdictOfFilled(
  name: string,
  tensor: string,
  value: number,
  options: LoadOptions,
): Promise<Verdict> {
  const files = localFolder(parityFolder(name));
  using base = await Checkpoint.open(files);
  const { shape } = base.tensors.get(tensor)!;
  const columns = shape.slice(1).reduce((a, b) => a * b, 1);
  const filled: LazyTensor = {
    name: tensor,
    dtype: "F32",
    shape,
    readRows: (_, count) =>
      Promise.resolve(new Uint8Array(new Float32Array(count * columns).fill(value).buffer)),
  };
  using model = await RewardModel.load(overlayFolder(name, files, base, { tensors: [filled] }), {
    ...options,
    onWarning: () => {},
  });
  const [first] = await goldenConversations(name);
  return (await model.score([first!.messages]))[0]!;
}

async function neverScored(options: LoadOptions): Promise<void> {
  for (const [name, tensor, value] of overflowing) {
    const { score, error } = await verdictOfFilled(name, tensor, value, options);
    assert.equal(score, null, `${tensor} of ${value}: ${score}`);
    assert.equal(error!.code, "scoring/not-finite");
  }
}

testWhere(noHalf, "what f16 has no number for is that row's error, with what to do", async () => {
  const tensor = "model.layers.0.mlp.up_proj.weight";
  const verdicts = await Promise.all(
    (["f32", "f16"] as const).map((precision) =>
      verdictOfFilled("llama", tensor, 1e5, { backend: "gpu", kernels: "tiled", precision })
    ),
  );
  assert.equal(verdicts[0]!.error, null);
  assert.equal(verdicts[1]!.score, null);
  assert.equal(verdicts[1]!.error!.code, "scoring/not-finite");
  assert.match(verdicts[1]!.error!.message, /over 65504.*without --precision f16/);
});

Deno.test("a gate's scale or transform that is not finite is refused by its name", async () => {
  for (const name of ["armo", "head_quantile"]) {
    for (const tensor of ["gating.logit_scale", "reward_transform_matrix"]) {
      for (const value of [NaN, Infinity]) {
        await assert.rejects(verdictOfFilled(name, tensor, value, { backend: "cpu" }), {
          code: "checkpoint/not-finite",
        });
      }
    }
  }
});

Deno.test("an overflow anywhere is the row's error, never a number, on the CPU twins", async () => {
  await neverScored({ backend: "cpu" });
});

for (const { kernelSet, missing } of testedKernelSets) {
  testWhere(
    missing,
    `an overflow anywhere is the row's error, never a number (${kernelSet})`,
    () => neverScored({ backend: "gpu", kernels: kernelSet }),
  );
}
