import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorInfo } from "../checkpoint/tensor.ts";
import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Backend } from "../ops/backend.ts";

/** What a head says of one conversation. */
export interface Judgement {
  readonly score: number;
  /** By objective, in the head's order; `null` for a scalar head. */
  readonly rewards: Float64Array | null;
  readonly coefficients: Float64Array | null;
  readonly gating: Float64Array | null;
}

/** Final hidden states at the pooled positions, [conversations, hidden] each. */
export interface PooledStates {
  /** At the last token. */
  readonly last: Matrix;
  /** At the start of the assistant header, one for each distinct prompt; only for heads that gate. */
  readonly gate: Matrix | undefined;
}

/** Turns final hidden states into scores. */
export interface Head extends Disposable {
  /** Records the head's operations; the matrices are to be read back, then given to `judge`. */
  record(states: PooledStates): Matrix[];
  /**
   * Judgements from the numbers read back, for conversations 0 to `count` − 1.
   *
   * @param gateRows Row of the gates for each conversation; only for heads that gate.
   */
  judge(read: readonly Float32Array[], gateRows: readonly number[], count: number): Judgement[];
}

/** A kind of head, told by the checkpoint's tensors, never by its `architectures` alone. */
export interface HeadPlan {
  readonly kind: "scalar" | "armo";
  /** Names of the objectives, in order; empty for a scalar head. */
  readonly objectives: readonly string[];
  /** Whether it reads the start of the assistant header too. */
  readonly gates: boolean;
  /** The tensors it needs. */
  readonly tensors: ExpectedTensors;
  load(checkpoint: Checkpoint, backend: Backend): Promise<Head>;
}

/** What a head is chosen by. */
export interface HeadFacts {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly hiddenSize: number;
}
