import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { HeadFacts, HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";
import { readsSteps } from "./process_reward.ts";

/**
 * Names that published models give the linear map which transformers calls `score`. All read the last
 * token:
 *
 * - `v_head`: InternLM2-reward, Starling-RM, Athene-RM;
 * - `regression_head`: UltraRM, Eurus-RM;
 * - `value_head`: what OpenRLHF trains;
 * - `reward_head`: models that people made by hand;
 * - `v_head.summary`: GRM, whose config says how it is made of layers.
 */
const plainNames: readonly string[] = ["v_head", "regression_head", "value_head", "reward_head"];
const grmName = "v_head.summary";
const names = [...plainNames, grmName];

/** The token that Athene-RM's class reads: its tokenizer's `cls_token`, put after the conversation. */
const atheneToken = 128003;

/** The scalar head of models that have another name for it, with a bias where there is one; GRM's has. */
export const renamedScalarHead: HeadKind = {
  kind: "scalar",
  names: names.map((name) => `${name}.weight`),
  told: `${names.map((name) => `"${name}.weight"`).join(", ")} (scalar, by other names)`,
  matches: (facts) => nameOf(facts) !== undefined && !readsSteps(facts),
  plan: (facts) =>
    planLabelHead(facts, {
      kind: "scalar",
      layers: [nameOf(facts)!],
      biased: nameOf(facts) === grmName,
      ending: endingOf(facts),
    }),
};

/** The one name that is there; with two of them it is not certain which is the score. */
function nameOf(facts: HeadFacts): string | undefined {
  const found = names.filter((name) => facts.tensors.has(`${name}.weight`));
  return found.length === 1 && (found[0] !== grmName || isGrm(facts)) ? found[0] : undefined;
}

/**
 * Whether the config says how GRM's value head is made. Others have a head of that name, such as those that
 * TRL trains for its critics, and nothing says where they are read.
 */
export function isGrm({ config }: HeadFacts): boolean {
  return Object.keys(config).some((key) => key.startsWith("vhead_")) ||
    JSON.stringify(config.architectures ?? null).includes("GRewardModel");
}

/** The token at the end that is read instead of the conversation's own last one, where there is such. */
function endingOf({ name, config, tensors, vocabularySize }: HeadFacts): number | undefined {
  if (!tensors.has("v_head.weight")) return undefined;
  const reader = new ConfigReader(config, `${name}/config.json`);
  const key = "reward_token_id"; // InternLM2-reward, whose class refuses a text that ends otherwise
  // Athene's config does not say it: of heads with these tensors, its class alone reads that token.
  const isAthene = JSON.stringify(config.architectures ?? null).includes("Athene");
  const id = reader.value(key) ?? (isAthene ? atheneToken : undefined);
  if (id === undefined) return undefined;
  if (Number.isSafeInteger(id) && id as number >= 0 && id as number < vocabularySize) {
    return id as number;
  }
  throw reader.unexpected(key, `a token id below the vocabulary's ${vocabularySize}`, id);
}
