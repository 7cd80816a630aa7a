import { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import { refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { Family, ModelFacts } from "./family.ts";
import { planGemma } from "./gemma2.ts";
import { readGemma3 } from "./gemma3.ts";
import { namesUnder } from "./tensor_names.ts";

/** What the text part's tensors begin with, in files and as newer classes name them, and its output matrix. */
const roots = [
  { root: "language_model.model.", languageHeadName: "language_model.lm_head.weight" },
  { root: "model.language_model.", languageHeadName: "lm_head.weight" },
] as const;

/** Tensors of the part for images. */
const ofImages = /^(model\.)?(vision_tower|multi_modal_projector)\./;

/** Keys of the part for images, which a text alone is not computed with. */
const imageKeys = [
  "vision_config",
  "mm_tokens_per_image",
  "boi_token_index",
  "eoi_token_index",
  "image_token_index",
];

/**
 * A folder of Gemma 3 from 4B on, with a part for images beside the text part that `gemma3.ts` computes:
 * `Gemma3ForSequenceClassification` gives a conversation without images the same score as the text part
 * alone does.
 */
export const gemma3Folder: Family = {
  modelType: "gemma3",
  className: "Gemma3",
  padToken: 0,
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    refuseUnsupported(reader);
    for (const key of imageKeys) reader.value(key);
    const text = reader.section("text_config");
    if (text === undefined) throw reader.unexpected("text_config", "an object", undefined);
    const modelType = text.text("model_type", "gemma3_text");
    if (modelType !== "gemma3_text") {
      throw text.unexpected("model_type", '"gemma3_text"', modelType);
    }
    const settings = readGemma3(text, facts, warn);
    refuseUnknown(text, facts, warn);
    refuseUnknown(reader, facts, warn);
    const { root, languageHeadName } = rootOf(facts);
    return {
      ...planGemma(gemma3Folder, settings, namesUnder(root)),
      languageHeadName,
      needless: (tensor) => ofImages.test(tensor),
    };
  },
};

/** What this folder's names begin with. */
function rootOf({ name, tensors }: ModelFacts): typeof roots[number] {
  const found = roots.find(({ root }) => tensors.has(namesUnder(root).embedding));
  if (found !== undefined || tensors.size === 0) return found ?? roots[0];
  const embeddings = roots.map(({ root }) => `"${namesUnder(root).embedding}"`).join(" or ");
  throw new AssayError(
    "checkpoint/missing-tensor",
    `Cannot load ${name}: expected a tensor ${embeddings} of Gemma 3's text part, found neither; the ` +
      "folder holds another model than its config.json says",
  );
}
