import { ConfigReader } from "../checkpoint/config_reader.ts";
import { refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { Family } from "./family.ts";
import { planQwen35, readQwen35 } from "./qwen3_5.ts";
import { namesUnder } from "./tensor_names.ts";

/** Tensors of the part for images, and of layers that foretell more tokens. */
const needless = /^(model\.visual|mtp)\./;

/** Keys of the part for images, which a text alone is not computed with. */
const imageKeys = [
  "vision_config",
  "image_token_id",
  "video_token_id",
  "vision_start_token_id",
  "vision_end_token_id",
];

/**
 * A folder of Qwen3.5 as published, with a part for images beside the text part that `qwen3_5.ts`
 * computes: `Qwen3_5ForSequenceClassification` gives a conversation without images the same score as the
 * text part alone does.
 */
export const qwen35Folder: Family = {
  modelType: "qwen3_5",
  className: "Qwen3_5",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    refuseUnsupported(reader);
    for (const key of imageKeys) reader.value(key);
    const text = reader.section("text_config");
    if (text === undefined) throw reader.unexpected("text_config", "an object", undefined);
    const modelType = text.text("model_type", "qwen3_5_text");
    if (modelType !== "qwen3_5_text") {
      throw text.unexpected("model_type", '"qwen3_5_text"', modelType);
    }
    const settings = readQwen35(text, facts, warn);
    refuseUnknown(reader, facts, warn);
    return {
      ...planQwen35(qwen35Folder, settings, namesUnder("model.language_model.")),
      needless: (tensor) => needless.test(tensor),
    };
  },
};
