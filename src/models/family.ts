import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorInfo } from "../checkpoint/tensor.ts";
import type { Backend } from "../ops/backend.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { KeptPrefix, TokenPack } from "./token_pack.ts";

/** What a model is told by: a checkpoint's settings and the headers of its tensors, no weights. */
export interface ModelFacts {
  /** Where the checkpoint lies, for messages. */
  readonly name: string;
  /** `config.json`, unchecked. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Keys of the config that are unknown to Assay and to be left out all the same. */
  readonly ignoreConfigKeys?: readonly string[] | undefined;
}

/**
 * An architecture: how a config is read, how tensors are named, in which order its layers compute. One
 * file each; `families.ts` lists them.
 */
export interface Family {
  /** The `model_type` of `config.json` that it reads. */
  readonly modelType: string;
  /** What its classes begin with in `transformers`: `Llama` of `LlamaForSequenceClassification`. */
  readonly className: string;
  /** The pad token that its class takes where a config names none; none by default. */
  readonly padToken?: number | undefined;
  /**
   * Recognises a backbone by its settings, before any weight is read.
   *
   * @param warn Told of settings that are left out of account.
   * @throws {AssayError} `models/unsupported-config`, `models/unknown-config-key`,
   *   `checkpoint/bad-config`.
   */
  plan(facts: ModelFacts, warn: (message: string) => void): BackbonePlan;
}

/** Numbers (f32) that a row of a pack takes on the device; memory is planned by them. */
export interface RowSizes {
  /** The widest matrix that holds all rows of a pack at once. */
  readonly widest: number;
  /** All matrices of a layer that hold every row; memory of one size is not used again for another. */
  readonly layer: number;
  /** The matrices of the feed-forward block, which takes some of the rows at a time. */
  readonly feedForward: number;
  /** The widest of those. */
  readonly widestFeedForward: number;
  /** What a pack holds between layers: hidden states, spans, query blocks, angles. */
  readonly waiting: number;
  /** Keys and values of all layers together, as they are kept of a prefix. */
  readonly kept: number;
  /** What a layer takes beside its rows, however many those are; none by default. */
  readonly fixed?: number | undefined;
}

/** What a family says of a checkpoint's backbone before anything is uploaded. */
export interface BackbonePlan {
  readonly family: Family;
  /** Numbers in a hidden state. */
  readonly hiddenSize: number;
  readonly layers: number;
  readonly vocabularySize: number;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
  /** Whether a token sees only those before it: what several conversations begin with can be shared. */
  readonly causal: boolean;
  /**
   * Whether layers carry a state from token to token, so that nothing of several conversations can be
   * shared; none do by default.
   */
  readonly recurrent?: boolean | undefined;
  /**
   * How a token knows its place: angles of its queries and keys, a vector added to its embedding, or
   * vectors of the distance to another.
   */
  readonly positions: "rotary" | "learnt" | "relative";
  /** Token types that have embeddings, by which a pair's texts are told apart; none by default. */
  readonly tokenTypes?: number | undefined;
  /** Everything that the arithmetic depends on, by the family's own names; for `inspect`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The same for people: a word and what there is to say. */
  readonly description: readonly (readonly [word: string, text: string])[];
  /** The tensors that it needs. */
  readonly tensors: ExpectedTensors;
  /** The embedding matrix, [vocabulary, hidden], which never goes to the device whole. */
  readonly embeddingName: string;
  /** The output matrix, [vocabulary, hidden], of a causal model that has one of its own. */
  readonly languageHeadName: string;
  /** Whether the embedding is the output matrix where `tie_word_embeddings` says nothing. */
  readonly tiedByDefault?: boolean | undefined;
  /** c of c · tanh(logit / c), which a causal model's logits go through; none by default. */
  readonly logitSoftcap?: number | undefined;
  /** What those logits are multiplied by first; 1 by default. */
  readonly logitScale?: number | undefined;
  /** What the residual stream is held divided by between layers; 1 by default. */
  readonly streamScale?: number | undefined;
  /** Whether a tensor of this name belongs to the backbone; what does not is a head's. */
  owns(tensor: string): boolean;
  /** Whether a tensor is of a part of the model that no text goes through, as its part for images. */
  needless?(tensor: string): boolean;
  /** The layer that a tensor belongs to; `undefined` for those outside of the layers. */
  layerOf(tensor: string): number | undefined;
  readonly rowSizes: RowSizes;
  /**
   * Loads the weights.
   *
   * @throws {AssayError} Errors of `checkpoint/` and of the backend.
   */
  load(
    checkpoint: Checkpoint,
    backend: Backend,
    options: BackboneLoadOptions,
  ): Promise<BackboneModel>;
}

/** How a backbone is loaded. */
export interface BackboneLoadOptions {
  /** Whether all layers are kept on the device; otherwise each is loaded when it is needed. */
  readonly resident: boolean;
  /**
   * Whether a layer that is loaded when it is needed is put on the device while the one before it
   * computes; off by default.
   */
  readonly layersAhead?: boolean | undefined;
  /** Rows that the feed-forward block takes at a time, a multiple of `rowAlignment`. */
  readonly feedForwardRows: number;
  /** Called after each layer that was loaded. */
  readonly onLayer?: (() => void) | undefined;
}

/** Called after each layer with the residual streams of the packs; for tests and inspection. */
export type LayerObserver = (layer: number, hidden: readonly Matrix[]) => Promise<void>;

/** How packs go through the layers. */
export interface HiddenStatesOptions {
  readonly observer?: LayerObserver | undefined;
  /** Called after each layer that was streamed, while its weights are still held. */
  readonly onLayer?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A backbone whose weights are at hand. */
export interface BackboneModel extends Disposable {
  /**
   * Final hidden states, [pooled rows, hidden], of each pack; the caller releases them.
   *
   * @throws {AssayError} `models/token-out-of-range`, and errors of the backend.
   */
  hiddenStates(packs: readonly TokenPack[], options?: HiddenStatesOptions): Promise<Matrix[]>;
  /** Whether conversations of so many tokens may share the computation of what they begin with. */
  mayShare(length: number): boolean;
  /** Frees what was kept of a prefix, once everything that reads it is submitted. */
  forget(prefix: KeptPrefix): void;
}
