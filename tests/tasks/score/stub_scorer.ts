import type { LoadedScorer } from "../../../src/tasks/score/open_scorer.ts";
import { AssayError } from "../../../src/error.ts";
import type { Verdict } from "../../../src/scoring/verdict.ts";
import type { Conversation } from "../../../src/text/conversation.ts";

/** A scorer that stands in for a reward model: the score is the length of the response. */
export interface StubScorer extends LoadedScorer {
  /** Largest number of conversations it was given before it gave a verdict for the first of them. */
  readonly mostWaiting: number;
  /** Whether it was disposed of. */
  readonly disposed: boolean;
}

/**
 * Scores conversations by the length of their response. A response `FAIL` is a verdict with an error,
 * `NAN` one with a score of NaN, `CUT` one that was truncated, `THROW` ends everything.
 *
 * @param batch Conversations taken before the first verdict is given.
 * @param deviation The standard deviation of each score.
 * @param objectives Names of the objectives; each has the reward 1, 2, … and the coefficient 0.5.
 */
export function stubScorer(
  { batch = 3, objectives = [] as string[], deviation = null as number | null } = {},
): StubScorer {
  const state = { mostWaiting: 0, disposed: false };
  const byObjective = (value: (index: number) => number) =>
    objectives.length === 0
      ? null
      : Object.fromEntries(objectives.map((name, index) => [name, value(index)]));
  const verdictOf = (conversation: Conversation): Verdict => {
    const { content } = conversation.at(-1)!;
    if (content === "THROW") throw new AssayError("gpu/device-lost", "Cannot go on: it broke");
    const parts = {
      rewards: byObjective((index) => index + 1),
      coefficients: byObjective(() => 0.5),
      gating: byObjective(() => 0.25),
    };
    const verdict: Verdict = {
      score: content === "NAN" ? NaN : content.length,
      scoreStd: deviation,
      ...parts,
      parts: parts.rewards === null ? {} : parts as Verdict["parts"],
      tokens: 10 + content.length,
      truncated: content === "CUT",
      kernels: "cpu",
      error: null,
    };
    if (content !== "FAIL") return verdict;
    const error = new AssayError("text/too-long", "Cannot score it: it is too long");
    const nothing = {
      score: null,
      scoreStd: null,
      parts: {},
      rewards: null,
      coefficients: null,
      gating: null,
      tokens: 0,
    };
    return { ...verdict, ...nothing, error };
  };
  return {
    objectives,
    parts: objectives.length === 0 ? [] : ["rewards", "coefficients", "gating"],
    backend: "cpu",
    get mostWaiting(): number {
      return state.mostWaiting;
    },
    get disposed(): boolean {
      return state.disposed;
    },
    async *scoreStream(conversations, { signal } = {}): AsyncGenerator<Verdict> {
      let waiting: Conversation[] = [];
      for await (const conversation of conversations) {
        signal?.throwIfAborted();
        waiting.push(conversation);
        state.mostWaiting = Math.max(state.mostWaiting, waiting.length);
        if (waiting.length < batch) continue;
        yield* waiting.map(verdictOf);
        waiting = [];
      }
      yield* waiting.map(verdictOf);
    },
    [Symbol.dispose](): void {
      state.disposed = true;
    },
  };
}
