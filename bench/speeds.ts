import type { Outcome } from "./rounds.ts";
import { median } from "./statistics.ts";

/** What came of a contestant, with the tokens of one measurement. */
export interface Measured extends Outcome {
  readonly tokens: number;
}

/** Whether there is anything to compare. */
export function wasMeasured(
  { failure, milliseconds }: Pick<Measured, "failure" | "milliseconds">,
): boolean {
  return failure === undefined && milliseconds.length > 0;
}

/** Round by round. */
export function tokensPerSecond({ milliseconds, tokens }: Measured): number[] {
  return milliseconds.map((time) => 1000 * tokens / time);
}

/**
 * Round by round, how many times as fast ours is by tokens/s, which may be of different numbers of
 * tokens; [NaN] where one was not measured.
 */
export function timesAsFast(ours: Measured | undefined, theirs: Measured): number[] {
  if (ours === undefined || !wasMeasured(ours) || !wasMeasured(theirs)) return [NaN];
  const [a, b] = [tokensPerSecond(ours), tokensPerSecond(theirs)];
  return Array.from({ length: Math.min(a.length, b.length) }, (_, round) => a[round]! / b[round]!);
}

/** The one of the best median of tokens/s; undefined where none was measured. */
export function fastest<Engine extends Measured>(engines: readonly Engine[]): Engine | undefined {
  return engines.filter(wasMeasured).toSorted((a, b) =>
    median(tokensPerSecond(b)) - median(tokensPerSecond(a))
  )[0];
}
