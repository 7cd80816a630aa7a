import { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import { bert } from "./bert.ts";
import { debertaV2 } from "./deberta.ts";
import { electra } from "./electra.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { gemma } from "./gemma.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { gemma3Folder } from "./gemma3_folder.ts";
import { gptNeox, gptNeoxReward } from "./gpt_neox.ts";
import { granite } from "./granite.ts";
import { internLm2 } from "./internlm2.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { mixtral } from "./mixtral.ts";
import { modernbert } from "./modernbert.ts";
import { olmo2 } from "./olmo2.ts";
import { olmo3 } from "./olmo3.ts";
import { phi3 } from "./phi3.ts";
import { refuseQuantized } from "./quantized.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen2Moe } from "./qwen2_moe.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen35 } from "./qwen3_5.ts";
import { qwen35Folder } from "./qwen3_5_folder.ts";
import { qwen3Moe } from "./qwen3_moe.ts";
import { refusedFamilies } from "./refused_families.ts";
import { camembert, roberta, xlmRoberta } from "./roberta.ts";

/** The families that Assay runs. */
export const families: readonly Family[] = [
  // Decoders, which see from left to right.
  llama,
  mistral,
  mixtral,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  qwen35,
  qwen35Folder,
  gemma,
  gemma2,
  gemma3,
  gemma3Folder,
  phi3,
  olmo2,
  olmo3,
  granite,
  internLm2,
  gptNeox,
  gptNeoxReward,
  // Encoders, in which every token sees every other.
  bert,
  roberta,
  xlmRoberta,
  camembert,
  electra,
  modernbert,
  debertaV2,
];

const registered: Family[] = [];

/**
 * Adds a family that is not Assay's own, for this thread: a model in a worker needs it registered there.
 *
 * @returns What takes it away again when it is disposed of.
 */
export function registerFamily(family: Family): Disposable {
  registered.push(family);
  return {
    [Symbol.dispose]: () => {
      const at = registered.indexOf(family);
      if (at >= 0) registered.splice(at, 1);
    },
  };
}

/**
 * The family of a checkpoint, by its `model_type`.
 *
 * @throws {AssayError} `models/unsupported-architecture`, `checkpoint/bad-config`.
 */
export function familyOf({ name, config }: Pick<ModelFacts, "name" | "config">): Family {
  const known = [...families, ...registered];
  const modelType = new ConfigReader(config, `${name}/config.json`).text("model_type");
  const family = known.find((family) => family.modelType === modelType);
  if (family !== undefined) return family;
  const types = known.map((family) => family.modelType);
  const reason = Object.hasOwn(refusedFamilies, modelType)
    ? `, which it does not run: ${refusedFamilies[modelType]}`
    : "";
  throw new AssayError(
    "models/unsupported-architecture",
    `Cannot score with ${name}/config.json: its model_type is "${modelType}"${reason}; Assay runs ` +
      `${types.slice(0, -1).join(", ")} and ${
        types.at(-1)
      } backbones; take a reward model on one of ` +
      "these (docs/reference/models.md lists published ones)",
  );
}

/**
 * Recognises a checkpoint's backbone by its settings, before any weight is read.
 *
 * @param warn Told of settings that are left out of account.
 * @throws {AssayError} `models/unsupported-architecture`, `models/quantized`,
 *   `models/unsupported-config`, `models/unknown-config-key`, `checkpoint/bad-config`.
 */
export function planBackbone(
  facts: ModelFacts,
  warn: (message: string) => void = () => {},
): BackbonePlan {
  const family = familyOf(facts);
  refuseQuantized(facts);
  return family.plan(facts, warn);
}
