import type { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Activation } from "../ops/activation.ts";
import type { RelativeTerms } from "../ops/disentangled_attention.ts";
import { readActivation, readLayers, refuseUnsupported } from "./config_keys.ts";
import type { ModelFacts } from "./family.ts";
import type { RelativePlaces } from "./relative_places.ts";
import { unsupported } from "./unsupported.ts";

/** Relative places of a DeBERTa. */
export interface RelativeSettings {
  readonly places: RelativePlaces;
  /** Which vectors of places scores have terms with; `undefined` for none. */
  readonly terms: RelativeTerms | undefined;
  /** Whether a layer's own maps of keys and queries make those of places too. */
  readonly sharesMaps: boolean;
}

/** Everything that the arithmetic of DeBERTa v2 and v3 depends on. */
export interface DebertaSettings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly activation: Activation;
  readonly epsilon: number;
  /** What scores are multiplied by: fewer terms make them smaller. */
  readonly scale: number;
  readonly relative: RelativeSettings | undefined;
  /** Whether relative embeddings are normed. */
  readonly normsRelative: boolean;
  /** Whether a vector of its position is added to each token. */
  readonly learntPositions: boolean;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

/** More tokens than any model takes: tables are made for so many. */
const manyTokens = 2 ** 20;

/**
 * Reads the settings; what a config leaves out has the value that transformers gives it, but for sizes,
 * which it must name.
 *
 * @throws {AssayError} `models/unsupported-config`, `checkpoint/bad-config`.
 */
export function readDebertaSettings(
  reader: ConfigReader,
  facts: Pick<ModelFacts, "tensors">,
): DebertaSettings {
  refuseUnsupported(reader, ["hidden_act", "is_causal"]);
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const headDim = readHeadDim(reader, hiddenSize, heads);
  const maxTokens = reader.count("max_position_embeddings", 512, manyTokens);
  const kinds = readTerms(reader);
  refuseOthers(reader, hiddenSize);
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers: readLayers(reader, facts),
    heads,
    activation: readActivation(reader, "hidden_act", "gelu"),
    epsilon: reader.positive("layer_norm_eps", 1e-7),
    // Counted whether there are relative places or not, as in transformers.
    scale: 1 / Math.sqrt(headDim * (1 + kinds.length)),
    relative: readRelative(reader, maxTokens, kinds),
    normsRelative: namesOf(reader, "norm_rel_ebd", ["layer_norm", "none"]).includes("layer_norm"),
    learntPositions: reader.flag("position_biased_input", true),
    maxTokens,
  };
}

function readHeadDim(reader: ConfigReader, hiddenSize: number, heads: number): number {
  if (hiddenSize % heads !== 0) {
    throw reader.unexpected("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`, heads);
  }
  const headDim = hiddenSize / heads;
  if (headDim % 8 !== 0) {
    throw unsupported(reader, "num_attention_heads", "heads of a multiple of 8 numbers", heads);
  }
  return headDim;
}

/** Names of a list, or of a text with "|" between them, each of which must be known. */
function namesOf(reader: ConfigReader, key: string, known: readonly string[]): readonly string[] {
  const value = reader.value(key);
  const names = typeof value === "string"
    ? value.toLowerCase().split("|").map((name) => name.trim())
    : reader.texts(key) ?? [];
  const other = names.find((name) => !known.includes(name));
  if (other !== undefined) throw unsupported(reader, key, known.join(", "), value);
  return [...new Set(names)];
}

function readTerms(reader: ConfigReader): readonly string[] {
  return namesOf(reader, "pos_att_type", ["c2p", "p2c"]);
}

function readRelative(
  reader: ConfigReader,
  maxTokens: number,
  kinds: readonly string[],
): RelativeSettings | undefined {
  const sharesMaps = reader.flag("share_att_key", false);
  const given = wholeNumber(reader, "max_relative_positions");
  const buckets = Math.max(0, wholeNumber(reader, "position_buckets"));
  if (!reader.flag("relative_attention", false)) return undefined;
  const farthest = given < 1 ? maxTokens : given;
  // The logarithm of the farthest distance in half the buckets is what others are divided by.
  if (buckets % 2 !== 0 || buckets > 0 && farthest - 1 <= buckets / 2) {
    const expected = `an even number below ${2 * (farthest - 1)}, twice the farthest distance`;
    throw reader.unexpected("position_buckets", expected, buckets);
  }
  const places = { span: buckets > 0 ? buckets : farthest, buckets, farthest };
  const terms = kinds.length === 2 ? "both" : kinds[0] === "c2p" ? "keys" : "queries";
  return { places, terms: kinds.length === 0 ? undefined : terms, sharesMaps };
}

/** A whole number of either sign; −1 where it is absent, which stands for none. */
function wholeNumber(reader: ConfigReader, key: string): number {
  const value = reader.value(key) ?? -1;
  if (Number.isSafeInteger(value) && Math.abs(value as number) <= manyTokens) {
    return value as number;
  }
  throw reader.unexpected(key, `a whole number up to ${manyTokens}`, value);
}

/** Refuses what no published reward model on DeBERTa has, and what contradicts its sizes. */
function refuseOthers(reader: ConfigReader, hiddenSize: number): void {
  const types = wholeNumber(reader, "type_vocab_size");
  if (types > 0) throw unsupported(reader, "type_vocab_size", "0: no token types", types);
  const convolution = wholeNumber(reader, "conv_kernel_size");
  if (convolution > 0) {
    throw unsupported(reader, "conv_kernel_size", "only without a convolution", convolution);
  }
  for (const key of ["conv_act", "conv_groups"]) reader.value(key); // of the convolution
  const sizes = {
    embedding_size: hiddenSize,
    pooler_hidden_size: hiddenSize,
    attention_head_size: hiddenSize / reader.count("num_attention_heads"),
  };
  for (const [key, size] of Object.entries(sizes)) {
    const found = reader.value(key) ?? size;
    if (found !== size) {
      throw unsupported(reader, key, `${size}, as the other sizes give it`, found);
    }
  }
  reader.value("pooler_hidden_act"); // the head's
  reader.value("legacy"); // of the language model's head
}
