/** Prints, as JSON, the adapter's vectors and the scores of some conversations by some checkpoints. */
import { describeAdapter, requireAdapter } from "../../src/gpu/adapter.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";

/** Short and long ones, of which some share a prompt: more than one block of keys, and parts of one. */
const conversations = Array.from({ length: 12 }, (_, i) => [
  { role: "user", content: "What is the capital of France? ".repeat(1 + i % 3) },
  { role: "assistant", content: "Paris, I think. " + "More of the same. ".repeat(3 * i) },
]);

const { vectorBits } = describeAdapter(await requireAdapter());
const scores: Record<string, (number | null)[]> = {};
for (const checkpoint of Deno.args) {
  using model = await RewardModel.load(checkpoint, { kernels: "texture" });
  scores[checkpoint] = (await model.score(conversations)).map(({ score }) => score);
}
console.log(JSON.stringify({ vectorBits, scores }));
