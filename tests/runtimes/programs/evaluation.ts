import { Evaluation } from "@assay/assay/evaluation";
import type { Findings } from "./program.ts";

/** Accuracies of scores. */
export default function (): Findings {
  const evaluation = new Evaluation();
  for (let i = 0; i < 30; i++) {
    const scores = [Math.fround((i * 7 % 11) / 3), Math.fround((i * 5 % 13) / 3)];
    evaluation.add({ scores, correct: 1, lengths: [10 + i, 40 - i] });
  }
  return { report: evaluation.report() };
}
