import assert from "node:assert/strict";
import type { LoadOptions } from "../../../src/scoring/load_options.ts";
import type { Verdict } from "../../../src/scoring/verdict.ts";
import { RewardModelWorker } from "../../../src/scoring/worker/reward_model_worker.ts";
import {
  type LoadScorer,
  openScorer,
  type ScorerSpec,
} from "../../../src/tasks/score/open_scorer.ts";
import type { Conversation } from "../../../src/text/conversation.ts";
import { inFolder } from "../../cli/captured_output.ts";
import { adapted, writeCausal, writeHeadless, writeMerged } from "../adapted_models.ts";

const conversations: Conversation[] = ["Four.", "Five, or perhaps six."].map((content) => [
  { role: "user", content: "How much is 2 + 2?" },
  { role: "assistant", content },
]);
const inF32 = { ...adapted, adapterDtype: "F32" } as const;

async function verdicts(
  spec: ScorerSpec,
  options: LoadOptions = {},
  load?: LoadScorer,
): Promise<Verdict[]> {
  using scorer = await openScorer(spec, { backend: "cpu", ...options }, load);
  return await Array.fromAsync(scorer.scoreStream(ReadableStream.from(conversations)));
}

Deno.test("openScorer() with an adapter scores as the merged checkpoint, streamed and in a worker too", async () => {
  await inFolder(async (folder) => {
    const merged = await verdicts({ model: await writeMerged(adapted.model, folder) });
    assert.ok(merged.every(({ error }) => error === null));
    assert.deepEqual(await verdicts(inF32), merged);
    assert.deepEqual(await verdicts(inF32, { layers: "streamed" }), merged);
    const inWorker: LoadScorer = (source, options) => RewardModelWorker.load(source, options);
    assert.deepEqual(await verdicts(inF32, {}, inWorker), merged);
    assert.notEqual((await verdicts({ model: adapted.model }))[0]!.score, merged[0]!.score);
  });
});

Deno.test("openScorer() takes the head that an adapter brings, where the base has none", async () => {
  await inFolder(async (folder) => {
    const model = await writeHeadless(folder);
    await assert.rejects(verdicts({ model }), { code: "heads/missing-head" });
    assert.deepEqual(await verdicts({ ...inF32, model }), await verdicts(inF32));
  });
});

Deno.test("openScorer() puts an adapter on the model of implicit rewards, not on its reference", async () => {
  await inFolder(async (folder) => {
    const model = await writeCausal(`${folder}/base`);
    const merged = await writeMerged(model, `${folder}/merged`);
    for (const reference of [undefined, model]) {
      const implicit = { reference };
      assert.deepEqual(
        await verdicts({ ...inF32, model, implicit }),
        await verdicts({ model: merged, implicit }),
      );
    }
    const [verdict] = await verdicts({ ...inF32, model, implicit: { reference: model } });
    assert.notEqual(verdict!.score, 0);
  });
});

Deno.test("openScorer() refuses an adapter that is missing or belongs to another base", async () => {
  await assert.rejects(verdicts({ model: adapted.model, adapter: "no/such/folder" }), {
    code: "voting/bad-adapter",
    message: /no\/such\/folder.*found none, or no such folder/,
  });
  await assert.rejects(verdicts({ ...adapted, model: "models/demo" }), {
    code: "voting/bad-adapter",
    message: /expected a base with model\.layers\.0\..* as floats of shape/,
  });
});
