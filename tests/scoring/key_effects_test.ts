import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { AssayError } from "../../src/error.ts";
import { overlayFolder } from "../../src/merging/overlay_folder.ts";
import { families } from "../../src/models/families.ts";
import { planFor, type RewardModelPlan } from "../../src/scoring/model_plan.ts";
import { padToken } from "../../src/scoring/pooling.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { goldenConversations, parityFolder, parityTolerance } from "../golden/parity.ts";

type Config = Readonly<Record<string, unknown>>;

/** What transformers makes of changed keys, see `tests/golden/settings/make_key_effects.py`. */
interface KeyEffects {
  readonly model: string;
  readonly conversation: string;
  readonly score: number;
  readonly defaults: Config;
  readonly changes: readonly (readonly [changes: Config, score: number | null])[];
}

/** Families without such a file, and why. */
const without: Readonly<Record<string, string>> = {
  camembert: "its config class is RoBERTa's, and so is its family",
  gemma3: "its keys are those of gemma3_text, in a section",
  qwen3_5: "its keys are those of qwen3_5_text, in a section",
  gpt_neox_reward_model: "no class of transformers; the backbone is gpt_neox's",
};

const root = new URL("../golden/settings/key_effects/", import.meta.url);
const recorded = [...Deno.readDirSync(root)].map(({ name }) => name.replace(/\.json$/, "")).sort();

Deno.test("every family has the effects of its keys recorded, or a reason", () => {
  const types = families.map(({ modelType }) => modelType);
  const missing = types.filter((type) => !recorded.includes(type) && !(type in without));
  assert.deepEqual(missing, [], "run tests/golden/settings/make_key_effects.py");
});

for (const type of recorded) {
  const effects = JSON.parse(await Deno.readTextFile(new URL(`${type}.json`, root))) as KeyEffects;

  Deno.test(`every key of the config class of ${type} is read, refused, or harmless`, async () => {
    const model = await openPlans(effects.model);
    const classKeys = new Set([
      ...Object.keys(effects.defaults),
      ...effects.changes.flatMap(([changes]) => Object.keys(changes)),
    ]);
    const forgotten = [...classKeys].filter((key) => {
      const given = effects.changes.flatMap(([changes]) => changes[key] ?? [])[0] ??
        effects.defaults[key] ?? 1;
      return refusalOf(model({ [key]: given })) === "models/unknown-config-key";
    });
    assert.deepEqual(forgotten, [], "neither read by the family, nor in harmless_keys.ts");
  });

  Deno.test(`a key that a config of ${type} lacks has the value of its class`, async () => {
    const model = await openPlans(effects.model);
    const wrong = Object.entries(effects.defaults).filter(([key, value]) => {
      const absent = model({ [key]: undefined });
      if (absent instanceof AssayError) return false;
      const given = model({ [key]: value });
      // The class's default may contradict what another key of this config says: it is refused then.
      if (refusalOf(given) === "checkpoint/bad-config") return false;
      return told(absent) !== told(given);
    });
    assert.deepEqual(wrong, []);
  });

  Deno.test(`a config of ${type} that names no pad token has the one of its class`, async () => {
    const plan = (await openPlans(effects.model))({ pad_token_id: undefined });
    if (plan instanceof AssayError || !plan.backbone.causal) return; // encoders read their first token
    const expected = effects.defaults.pad_token_id ?? undefined;
    assert.equal(padToken({ name: type, config: { model_type: type } }), expected);
    const none = { model_type: type, pad_token_id: null };
    assert.equal(padToken({ name: type, config: none }), undefined);
  });

  Deno.test(`a changed key of ${type} changes the score as in transformers, or is refused`, async () => {
    const plans = await openPlans(effects.model);
    const usual = told(plans({}));
    const { score: bound } = await parityTolerance(effects.model);
    const wrong: string[] = [];
    for (const [changes, expected] of effects.changes) {
      const plan = plans(changes);
      if (plan instanceof AssayError) continue;
      const score = told(plan) === usual
        ? effects.score
        : await scoreOf(effects.model, effects.conversation, changes);
      const isRight = score === undefined || expected !== null &&
          Math.abs(score - expected) <= bound * Math.max(1, Math.abs(expected));
      if (!isRight) wrong.push(`${JSON.stringify(changes)}: ${score}, not ${expected}`);
    }
    assert.deepEqual(wrong, []);
  });
}

/** Plans of a tiny checkpoint by changes of its config; `undefined` takes a key away. */
async function openPlans(
  name: string,
): Promise<(changes: Config) => RewardModelPlan | AssayError> {
  using checkpoint = await Checkpoint.open(parityFolder(name));
  const { config, tensors } = checkpoint;
  return (changes) => {
    const changed = Object.entries({ ...config, ...changes }).filter(([, value]) =>
      value !== undefined
    );
    try {
      return planFor({ name, config: Object.fromEntries(changed), tensors }, { head: "reward" });
    } catch (error) {
      if (error instanceof AssayError) return error;
      throw error;
    }
  };
}

function refusalOf(plan: RewardModelPlan | AssayError): string | undefined {
  return plan instanceof AssayError ? plan.code : undefined;
}

/** All that a score depends on, beside weights and tokens; or the refusal. */
function told(plan: RewardModelPlan | AssayError): string {
  if (plan instanceof AssayError) return plan.message;
  const { backbone: { settings, logitSoftcap: _, ...backbone }, head, reads } = plan;
  return JSON.stringify([
    settings,
    backbone.maxTokens,
    head.kind,
    head.settings,
    [...head.tensors],
    reads,
  ]);
}

/** The score under changed keys; `undefined` where the row or the model is refused. */
async function scoreOf(
  name: string,
  conversation: string,
  changes: Config,
): Promise<number | undefined> {
  const files = localFolder(parityFolder(name));
  using base = await Checkpoint.open(files);
  const config = { ...base.config, ...changes };
  try {
    using model = await RewardModel.load(overlayFolder(name, files, base, { config }), {
      backend: "cpu",
      onWarning() {},
    });
    const { messages } = (await goldenConversations(name)).find((one) =>
      one.name === conversation
    )!;
    const [verdict] = await model.score([messages]);
    return verdict!.score ?? undefined;
  } catch (error) {
    if (error instanceof AssayError) return undefined;
    throw error;
  }
}
