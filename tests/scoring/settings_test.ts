import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import type { Pooling } from "../../src/scoring/pooling.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";

/** See `tests/golden/settings/make_settings.py`. */
interface SettingsCase {
  readonly name: string;
  readonly model: string;
  readonly pooling: Pooling;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly scores: Readonly<Record<string, number>>;
}

const { cases } = JSON.parse(
  await Deno.readTextFile(new URL("../golden/settings/settings.json", import.meta.url)),
) as { cases: SettingsCase[] };

/** Scores of recorded conversations by a parity checkpoint whose config is changed, and its warnings. */
async function scoresOf(
  { model: name, changes }: Pick<SettingsCase, "model" | "changes">,
  conversations: readonly string[],
  options: LoadOptions,
): Promise<{ scores: (number | null)[]; warnings: string[] }> {
  const files = localFolder(parityFolder(name));
  using base = await Checkpoint.open(files);
  const config = { ...base.config, ...changes };
  const warnings: string[] = [];
  using model = await RewardModel.load(overlayFolder(name, files, base, { config }), {
    backend: "cpu",
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  const recorded = await goldenConversations(name);
  const chosen = conversations.map((of) => recorded.find(({ name }) => name === of)!.messages);
  const verdicts = await model.score(chosen);
  return { scores: verdicts.map(({ score }) => score), warnings };
}

for (const tested of cases) {
  Deno.test(`a score equals transformers': ${tested.name}`, async () => {
    const names = Object.keys(tested.scores);
    const { scores } = await scoresOf(tested, names, { pooling: tested.pooling });
    names.forEach((name, i) => {
      const expected = tested.scores[name]!;
      const bound = 1e-4 * Math.max(1, Math.abs(expected));
      assert.ok(Math.abs(scores[i]! - expected) <= bound, `${name}: ${scores[i]}, not ${expected}`);
    });
  });
}

Deno.test("the true last token is pooled where it is the pad token, with one warning", async () => {
  const plain = { model: "llama", changes: {} };
  const padded = { model: "llama", changes: { pad_token_id: 349 } };
  const names = ["sum_right", "system"];
  const usual = await scoresOf(plain, names, {});
  assert.deepEqual(usual.warnings, []);
  const last = await scoresOf(padded, names, {});
  assert.deepEqual(last.scores, usual.scores);
  const told = last.warnings.filter((message) => message.includes("--pooling last-not-pad"));
  assert.equal(told.length, 1);
  assert.match(told[0]!, /pad_token_id/);
  const other = await scoresOf(padded, names, { pooling: "last-not-pad" });
  assert.ok(!other.warnings.some((message) => message.includes("--pooling")));
});

Deno.test("two spellings of rope that disagree are told of by name", async () => {
  const changes = { rope_scaling: { rope_type: "linear", factor: 4 } };
  const { warnings } = await scoresOf({ model: "llama", changes }, ["sum_right"], {});
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /"rope_scaling" and "rope_parameters".*rope_type/);
});

Deno.test("a memory budget that leaves no room for a conversation is named, not the row's length", async () => {
  let budget = 2 ** 19;
  for (; budget < 2 ** 24; budget *= 1.2) {
    try {
      const options = { backend: "cpu", memoryBudget: Math.round(budget), onWarning() {} } as const;
      using model = await RewardModel.load(parityFolder("llama"), options);
      const recorded = await goldenConversations("llama");
      const [verdict] = await model.score([
        recorded.find(({ name }) => name === "long")!.messages,
      ]);
      if (verdict!.error === null) break;
      assert.equal(verdict!.error.code, "text/too-long");
      assert.match(verdict!.error.message, /the memory budget of \d+ bytes has room for/);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== "scoring/over-budget") throw error;
    }
  }
  assert.fail(`no budget up to ${budget} loads the model and has too little room`);
});

Deno.test("a pooling is refused where no last token is read: it would change nothing, in silence", async () => {
  for (const model of ["bert", "modernbert_mean", "process_mlp"]) {
    const load = RewardModel.load(parityFolder(model), {
      backend: "cpu",
      pooling: "last-not-pad",
    });
    await assert.rejects(load, { code: "scoring/bad-option", message: /leave --pooling out/ });
  }
});
