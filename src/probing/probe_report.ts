import type { Interval } from "../numbers/bootstrap.ts";
import type { ChangeKind, ChangeTarget } from "./change.ts";

/**
 * Shares of preferences that turn round. A preference is the best response of a row against one of the
 * others, by the scores before the change; where they were equal there is none. Equal afterwards counts
 * half. `null` where nothing could turn. Where none flips, or every one, the interval is the exact
 * binomial one over prompts, which draws can't tell.
 */
export interface FlipShares {
  /** Only the response that lost is changed. Not of changes to the prompt. */
  readonly loser: Interval | null;
  /** Only the response that won is changed. Not of changes to the prompt. */
  readonly winner: Interval | null;
  /** Everything is changed. */
  readonly both: Interval | null;
}

/** How often the chosen response of a labelled pair scores higher; equal scores count half. */
export interface ChangedAccuracy {
  /** Pairs that the change did something to. */
  readonly pairs: number;
  /** Before the change. */
  readonly before: number;
  /** With everything changed. */
  readonly both: number;
  /** With the rejected response alone changed; `null` of changes to the prompt. */
  readonly rejected: number | null;
}

/** What one change did. */
export interface ChangeReport {
  /** The change's name. */
  readonly change: string;
  /** Its kind. */
  readonly kind: ChangeKind;
  /** What it is applied to. */
  readonly target: ChangeTarget;
  /** What it does. */
  readonly summary: string;
  /** Rows that it did something to, and whose scores are all known. */
  readonly rows: number;
  /** Rows left out because it did nothing to them. */
  readonly unchanged: number;
  /** Rows left out because a changed response has no score. */
  readonly failed: number;
  /** Why the first of those has none. */
  readonly firstFailure: { readonly code: string; readonly message: string } | null;
  /** Mean of the changed responses' scores minus their scores before, in standard deviations of the pool. */
  readonly scoreChange: Interval;
  /** Shares of preferences that turn round; `null` without rows that have two responses. */
  readonly flips: FlipShares | null;
  /** Preferences that `flips.both` counts. */
  readonly preferences: number;
  /** Labelled pairs; `null` without any. */
  readonly accuracy: ChangedAccuracy | null;
  /** Mean code points that the change adds to what it is applied to. */
  readonly addedLength: number | null;
}

/** What a probe found. Plain JSON. */
export interface ProbeReport {
  /** Rows read, and those of them that have no scores to compare with. */
  readonly rows: { readonly read: number; readonly failed: number };
  /** Why the first of those has none. */
  readonly firstFailure: { readonly code: string; readonly message: string } | null;
  /** Different prompts, which intervals are drawn over; beyond 10,000 in as many groups. */
  readonly prompts: number;
  /** The responses before any change: how many, and the mean and standard deviation of their scores. */
  readonly pool: {
    readonly responses: number;
    readonly mean: number | null;
    readonly deviation: number | null;
  };
  /** Conversations that were scored, with and without changes. */
  readonly conversations: number;
  /**
   * The model's own noise: one response of each row scored once more, behind all of its changed forms,
   * and how many of those scores were other numbers. Batches don't change bits, so it is none.
   */
  readonly noise: { readonly repeated: number; readonly different: number };
  /** Why the order of the answers is no change. */
  readonly answerOrder: string;
  /** Seed of the changes and of the intervals. */
  readonly seed: number;
  /** Draws of each interval. */
  readonly draws: number;
  /** What each change did, by how far scores move: first those whose interval is clear of 0. */
  readonly changes: readonly ChangeReport[];
}

/** Each response of a row is scored alone. */
export const answerOrder =
  "cannot matter: a response is scored alone, whatever other responses its row has";
