import { fit, poolOfPairs } from "@assay/assay/calibration";
import type { Findings } from "./program.ts";

/** Takes the length out of a judge's scores. */
export default function (): Findings {
  const pairs = Array.from({ length: 60 }, (_, i) => {
    const answer = (quality: number, length: number) => ({
      score: quality + length / 100 + ((7 * length) % 11) / 6,
      features: { length },
    });
    return {
      chosen: answer(1, 40 + (i * 67) % 500),
      rejected: answer(0, 40 + (i * 131) % 500),
    };
  });
  const { calibrator, diagnostics } = fit(poolOfPairs(pairs), { method: "lwr", frac: 0.9 });
  return {
    accuracy: diagnostics.accuracy?.overall,
    corrected: [50, 200, 400].map((length) => calibrator.apply(1, { length })),
  };
}
