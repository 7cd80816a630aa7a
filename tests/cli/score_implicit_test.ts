import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { writeHeadCheckpoint } from "../../src/fitting/head_checkpoint.ts";
import { parityFolder } from "../golden/parity.ts";
import { captureOutput, inFolder } from "./captured_output.ts";

/** A causal model whose output matrix is its embedding. */
async function writeCausal(family: string, folder: string): Promise<string> {
  await writeHeadCheckpoint(parityFolder(family), folder, {
    tensors: [],
    config: { architectures: ["LlamaForCausalLM"], tie_word_embeddings: true },
  });
  return folder;
}

Deno.test("score --implicit scores pairs by both models, with --explain token by token", async () => {
  await inFolder(async (folder) => {
    const policy = await writeCausal("llama", `${folder}/policy`);
    const reference = await writeCausal("llama_f16", `${folder}/reference`);
    const input = `${folder}/pairs.jsonl`;
    const pair = { prompt: "Hi", chosen: "Hello.", rejected: "No, not today." };
    await Deno.writeTextFile(input, `${JSON.stringify(pair)}\n`);
    const score = async (...flags: string[]): Promise<Record<string, unknown>> => {
      const { output, rows, stderr } = captureOutput();
      const args = ["score", policy, input, "--backend", "cpu", "--implicit", ...flags];
      assert.equal(await main(args, output), 0, stderr());
      return rows()[0]!;
    };
    const plain = await score("sum", "--reference", reference, "--explain", "--beta", "0.5");
    const rewards = plain.chosen_token_rewards as number[];
    const sum = rewards.reduce((a, b) => a + b, 0);
    assert.ok(rewards.length > 1);
    assert.ok(Math.abs(Number(plain.chosen_score) - sum) < 1e-9);
    const margin = Number(plain.chosen_score) - Number(plain.rejected_score);
    assert.equal(plain.margin, margin);
    const mean = await score("mean", "--reference", reference);
    assert.ok(Math.abs(Number(mean.chosen_score) - 2 * sum / rewards.length) < 1e-9);
    const same = await score("sum", "--reference", policy);
    assert.equal(same.chosen_score, 0);
    assert.equal("chosen_token_rewards" in same, false);
    assert.ok(Number((await score("sum")).chosen_score) < 0);
  });
});

Deno.test("--reference and --beta need --implicit", async () => {
  const { output, stderr } = captureOutput();
  const row = JSON.stringify({ prompt: "Hi", response: "Hello." });
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/rows.jsonl`, `${row}\n`);
    const args = ["score", parityFolder("llama"), `${folder}/rows.jsonl`, "--beta", "1"];
    assert.equal(await main(args, output), 2);
  });
  assert.match(stderr(), /need --implicit/);
});
