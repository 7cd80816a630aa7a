import { bertFamily } from "./bert.ts";
import type { Family } from "./family.ts";
import { unsupported } from "./unsupported.ts";

/** What only the pooling of transformers' other ELECTRA classes reads. */
const unread = ["summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout"];

/** ELECTRA (Clark et al. 2020, arXiv 2003.10555): BERT's layers, in the sizes whose embeddings are as wide. */
export const electra: Family = bertFamily({
  modelType: "electra",
  className: "Electra",
  prefix: "electra.",
  readOthers(reader, hiddenSize) {
    for (const key of unread) reader.value(key);
    const embeddingSize = reader.count("embedding_size", 128);
    if (embeddingSize === hiddenSize) return;
    throw unsupported(reader, "embedding_size", `hidden_size, ${hiddenSize}`, embeddingSize);
  },
});
