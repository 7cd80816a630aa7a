import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorInfo } from "../checkpoint/tensor.ts";
import type { Backend } from "../ops/backend.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Asked, NamedToken, StepReduction } from "./asked.ts";
import type { Reads } from "./reads.ts";

/**
 * Where a score's deviation comes from, so that what two scores share falls out of their margin's:
 *
 *     std² = ‖vector‖² + noise        std² of a margin = ‖vector − other vector‖² + both noises
 */
export interface Deviation {
  /** As many numbers in every judgement of a head; comparable between conversations. */
  readonly vector: Float64Array;
  /** Variance that each conversation has for itself. */
  readonly noise: number;
}

/** What a head says of one conversation: a score, and the named parts that explain it. */
export interface Judgement {
  readonly score: number;
  /** Standard deviation of the score, from a head that tells how certain it is. */
  readonly std?: number | undefined;
  /** What the deviation comes from, of a head that can tell a margin's too. */
  readonly deviation?: Deviation | undefined;
  /** Numbers of each part, in the order of the names that {@link HeadPlan.parts} gives them. */
  readonly parts: Readonly<Record<string, Float64Array>>;
}

/**
 * Final hidden states of a pack, by read, [rows, hidden]: equal rows, as the header's of responses to
 * one prompt, stand there once.
 */
export type ReadStates = Readonly<Record<string, Matrix>>;

/** Rows of {@link ReadStates} that belong to one conversation, by read, in the order of positions. */
export type ReadRows = Readonly<Record<string, readonly number[]>>;

/** Turns final hidden states into judgements. */
export interface Head extends Disposable {
  /**
   * Records the head's operations; the matrices are to be read back, then given to `judge`. The states
   * stay the caller's.
   */
  record(states: ReadStates): Matrix[];
  /** Judgements of conversations, from the numbers read back. */
  judge(read: readonly Float32Array[], conversations: readonly ReadRows[]): Judgement[];
}

/** What the raw logits of a head are called, and which of them is the score. */
export interface Labels {
  /** One for each row of the head's last weight. */
  readonly names: readonly string[];
  /** The one that is the score. */
  readonly score: string;
  /** Whether the score is minus that logit, as where it counts harm. */
  readonly negated?: boolean | undefined;
}

/** What a kind of head says of a checkpoint before any weight is read. */
export interface HeadPlan {
  /** The kind's name: `scalar`, `armo`, … */
  readonly kind: string;
  /** What it reads. */
  readonly reads: Reads;
  /** The parts of its judgements: names of a part's numbers, or `null` where they have none. */
  readonly parts: Readonly<Record<string, readonly string[] | null>>;
  /**
   * A token that every conversation ends with: where it does not by itself, the token is put there, as the
   * published code does.
   */
  readonly ending?: number | undefined;
  /** The names of its raw logits, and the one that is the score; a head that sums many up has none. */
  readonly labels?: Labels | undefined;
  /** What else its arithmetic depends on, by its own names. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** The tokens whose logits it reads, of a head that reads any. */
  readonly tokens?: readonly NamedToken[] | undefined;
  /** What the score is of the scores of steps, of a head that reads steps. */
  readonly steps?: StepReduction | undefined;
  /** The tensors it needs. */
  readonly tensors: ExpectedTensors;
  /** A tensor of which it reads a few rows, which the rest of the model may not know. */
  readonly rowsOf?: string | undefined;
  /**
   * Loads the weights.
   *
   * @throws {AssayError} Errors of `checkpoint/` and of the backend.
   */
  load(checkpoint: Checkpoint, backend: Backend): Promise<Head>;
}

/** What a head is chosen by and planned from. */
export interface HeadFacts {
  /** Where the checkpoint lies, for messages. */
  readonly name: string;
  /** `config.json`, unchecked. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The tensors that do not belong to the backbone. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
  /** The backbone's embedding matrix, [vocabulary, hidden]. */
  readonly embeddingName: string;
  /** The output matrix, [vocabulary, hidden], of a causal model that has one of its own. */
  readonly languageHeadName: string;
  /** Whether the embedding is the output matrix where `tie_word_embeddings` says nothing. */
  readonly tiedByDefault: boolean;
  /** What a causal model's logits are multiplied by; 1 by default. */
  readonly logitScale?: number | undefined;
  /** c of c · tanh(logit / c), which they go through then; none where it is 0 or absent. */
  readonly logitSoftcap: number | undefined;
  /** Whether a token sees only those before it. */
  readonly causal: boolean;
  /** The label that is to be the score, of a head that has several. */
  readonly label?: string | undefined;
  /** What was asked for beside what the checkpoint says. */
  readonly asked: Asked;
}

/** A kind of head, told by the checkpoint's tensors and settings, never by its `architectures` alone. */
export interface HeadKind {
  readonly kind: string;
  /**
   * Names of tensors by which people know it: where a checkpoint fits no kind, they are looked for under
   * the prefixes of wrappers.
   */
  readonly names: readonly string[];
  /** What it is, for the message that lists what was looked for: `"score.weight" (scalar)`. */
  readonly told: string;
  /**
   * Whether a checkpoint has such a head, by names and shapes of tensors and keys of `config.json`. Of
   * all kinds exactly one must say so. A head that lacks a tensor is still of its kind: its plan names
   * what is missing.
   */
  matches(facts: HeadFacts): boolean;
  /** @throws {AssayError} `checkpoint/bad-config`. */
  plan(facts: HeadFacts): HeadPlan;
}
