import type { GoldCurve, GoldCurves } from "../voting/gold_curve.ts";
import type { Output } from "./output.ts";
import { rounded, table, withEnds } from "./table.ts";

/**
 * Writes best-of-n curves for people: gold quality by each proxy against n and KL, then where each curve
 * peaks and what is lost after it.
 *
 * @param report The curves.
 * @param output The command's output.
 */
export async function writeGoldCurves(report: GoldCurves, output: Output): Promise<void> {
  const { curves, confidence } = report;
  if (curves.length === 0) return;
  const sure = `${Math.round(100 * confidence)} %`;
  const points = table(output, ["best of#", "KL#", ...curves.map(({ proxy }) => `${proxy}#`)]);
  for (const [place, { n, kl }] of curves[0]!.points.entries()) {
    const cells = curves.map((curve) => withEnds(curve.points[place]!.gold));
    await points.add([String(n), kl.toFixed(3), ...cells]);
  }
  await points.close();
  const header = [
    "picks by",
    "peak at#",
    "quality#",
    `then, ${sure}#`,
    `against the first, ${sure}#`,
  ];
  const peaks = table(output, [...header, ""]);
  for (const curve of curves) await peaks.add(peakCells(curve));
  await peaks.close();
}

/** What is told of rows that are in no curve; nothing where all are. */
export function leftOutWarning(report: GoldCurves | null): string[] {
  if (report === null || report.left_out === 0) return [];
  const { prompts, left_out } = report;
  return [
    `the best-of-n curves are of ${prompts} rows: ${left_out} others have too few candidates, or one ` +
    "without a finite score or quality",
  ];
}

function peakCells({ proxy, peak, drop, gain, over_optimised }: GoldCurve): string[] {
  return [
    proxy,
    String(peak.n),
    rounded(peak.gold),
    withEnds(drop),
    gain === null ? "" : withEnds(gain),
    over_optimised ? "over-optimised: quality falls while the score rises" : "",
  ];
}
