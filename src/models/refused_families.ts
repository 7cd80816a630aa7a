/**
 * Architectures that Assay knows and does not run, by their `model_type`, each with the reason: what they
 * compute that no family here does, and what is known of reward models on them.
 */
export const refusedFamilies: Readonly<Record<string, string>> = {
  granitemoe: "no family here reads its experts, and transformers has no class that scores with it",
  cohere:
    "its rope turns neighbouring numbers and both of a layer's blocks read the same norm, and " +
    "transformers has no class that scores with it, nor is a reward model on it published",
  cohere2: "its rope turns neighbouring numbers and both of a layer's blocks read the same norm, " +
    "and transformers has no class that scores with it, nor is a reward model on it published",
  qwen3_5_moe: "its layers have a state and experts both, and no reward model on it is published",
  qwen3_5_moe_text:
    "its layers have a state and experts both, and no reward model on it is published",
  qwen3_next: "its layers have a state and experts both, and no reward model on it is published",
  distilbert:
    "its tensors and its keys have other names than BERT's, and no reward model on it is " +
    "published",
  deberta: "its layers pack queries, keys and values, with biases of their own; versions 2 and 3 " +
    "(deberta-v2) run, on which the published reward models are",
};
