import { sigmoid } from "../../numbers/sigmoid.ts";

/** How experts are chosen by a router's logits. */
export interface RoutingRule {
  /** Experts that each row takes. */
  readonly perRow: number;
  /** Whether the weights of the chosen are divided by their sum. */
  readonly normalised: boolean;
}

/** The rows that take an expert, in order, and how much of it. */
export interface ChosenRows {
  readonly rows: readonly number[];
  readonly weights: readonly number[];
}

/**
 * Chooses the experts of each row: those of the largest logits, of equal ones the first. A weight is
 * that of the softmax over all logits, in float64. A row with NaN or infinity among its logits gets NaN
 * for weights: its conversation ends as an error.
 *
 * @param logits [rows, experts], as they come from the device: a row's are the same in any company.
 * @returns Of each expert.
 */
export function chooseExperts(
  logits: Float32Array,
  experts: number,
  { perRow, normalised }: RoutingRule,
): ChosenRows[] {
  const chosen = Array.from({ length: experts }, (): Choices => ({ rows: [], weights: [] }));
  for (let row = 0; row * experts < logits.length; row++) {
    const own = logits.subarray(row * experts, (row + 1) * experts);
    const largest = largestOf(own, perRow);
    const top = own[largest[0]!]!;
    const power = (logit: number): number => Math.exp(logit - top);
    const shared = normalised ? largest.map((expert) => own[expert]!) : own;
    let sum = own.every(Number.isFinite) ? 0 : NaN;
    for (const logit of shared) sum += power(logit);
    for (const expert of largest) {
      chosen[expert]!.rows.push(row);
      chosen[expert]!.weights.push(power(own[expert]!) / sum);
    }
  }
  return chosen;
}

/**
 * A shared expert's rows: all of them, each as much as the sigmoid of its gate says; NaN where the gate
 * overflowed, of which the sigmoid would make a plausible number.
 */
export function shareExpert(gates: Float32Array): ChosenRows {
  const rows = Array.from(gates, (_, row) => row);
  return { rows, weights: Array.from(gates, (x) => Number.isFinite(x) ? sigmoid(x) : NaN) };
}

interface Choices {
  readonly rows: number[];
  readonly weights: number[];
}

/** Where the largest numbers stand, largest first, of equal ones the first. */
function largestOf(numbers: Float32Array, count: number): number[] {
  const largest: number[] = [];
  for (let i = 0; i < numbers.length; i++) {
    if (largest.length === count && !(numbers[i]! > numbers[largest[count - 1]!]!)) continue;
    if (largest.length === count) largest.pop();
    let at = largest.length;
    while (at > 0 && numbers[i]! > numbers[largest[at - 1]!]!) at--;
    largest.splice(at, 0, i);
  }
  return largest;
}
