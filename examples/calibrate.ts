// Takes the length out of scores, keeps the calibrator, and applies it to new ones:
// deno run examples/calibrate.ts
import {
  Calibrator,
  featureNamed,
  fit,
  measureFeatures,
  poolOfPairs,
} from "@assay/assay/calibration";

// Scores of a judge that gives a point for every 100 characters, whatever they say.
const pairs = Array.from({ length: 60 }, (_, i) => {
  const answer = (quality: number, length: number) => ({
    score: quality + length / 100 + ((7 * length) % 11) / 6,
    features: { length },
  });
  const [good, bad] = [40 + (i * 67) % 500, 40 + (i * 131) % 500];
  return { chosen: answer(1, good), rejected: answer(0, bad) };
});

const { calibrator, diagnostics } = fit(poolOfPairs(pairs), { method: "lwr", frac: 0.9 });
const { accuracy, features, warnings } = diagnostics;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
console.log("Spearman of score and length:", features.length);
console.log("accuracy before:", percent(accuracy!.overall.before));
console.log("accuracy after: ", percent(accuracy!.overall.after));
console.log("the longer one: ", percent(accuracy!.overall.longerWins));
for (const warning of warnings) console.log("warning:", warning);

// A calibrator is JSON. New scores are corrected as they come.
const kept = Calibrator.parse(JSON.stringify(calibrator));
const wanted = kept.features.map((name) => featureNamed(name));
for (const response of ["Four.", "Four, which I will now explain at length. ".repeat(9)]) {
  const measured = measureFeatures(wanted, { response });
  const score = 1 + measured.length! / 100;
  console.log(`score ${score.toFixed(2)} → ${kept.apply(score, measured).toFixed(2)}`, measured);
}
