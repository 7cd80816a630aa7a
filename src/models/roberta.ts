import { bertFamily } from "./bert.ts";
import type { Family } from "./family.ts";

/**
 * RoBERTa (Liu et al. 2019, arXiv 1907.11692): BERT's layers, positions counted after the pad token's id,
 * and tokens of one type.
 */
export const roberta: Family = bertFamily({
  modelType: "roberta",
  className: "Roberta",
  prefix: "roberta.",
  positionsAfterPad: 1,
});

/** XLM-R (Conneau et al. 2019, arXiv 1911.02116): RoBERTa with another tokenizer. */
export const xlmRoberta: Family = bertFamily({
  modelType: "xlm-roberta",
  className: "XLMRoberta",
  prefix: "roberta.",
  positionsAfterPad: 1,
});

/** CamemBERT (Martin et al. 2019, arXiv 1911.03894): RoBERTa of French texts. */
export const camembert: Family = bertFamily({
  modelType: "camembert",
  className: "Camembert",
  prefix: "roberta.",
  positionsAfterPad: 1,
});
