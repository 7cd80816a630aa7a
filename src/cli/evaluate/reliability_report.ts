import { InvalidArgumentError } from "commander";
import type { Interval } from "../../numbers/bootstrap.ts";
import type { ReliabilityFigures, ReliabilityReport } from "../../evaluation/reliability.ts";
import type { RowReliability } from "../../tasks/evaluate/reliability_rows.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";

/** What `--reliability` says in the command's help. */
export const reliabilityMeaning =
  "also tell whether margins are log odds: calibration error, Brier, likelihood, temperature";

/** The name of a picture's file. */
export function svgArgument(text: string): string {
  if (/\.svg$/i.test(text)) return text;
  throw new InvalidArgumentError("Expected a file name that ends in .svg.");
}

/** Writes reliability as tables for people, on standard output. */
export async function writeReliabilityTable(
  report: RowReliability,
  output: Output,
): Promise<void> {
  const header = ["probabilities", "T#", "pairs#", "right#", "confidence#", "ECE#"];
  const lines = table(output, [...header, "ECE, equal mass#", "Brier#", "−log p#"]);
  const add = async (name: string, { asGiven, fitted, pairs, accuracy }: ReliabilityReport) => {
    for (const [figures, how] of [[asGiven, ""], [fitted, ", T fitted"]] as const) {
      if (figures === null) continue;
      await lines.add([`${name}${how}`, ...cellsOf(figures, pairs, accuracy)], ends(figures));
    }
  };
  await add("scores", report);
  if (report.calibrated !== null) await add("calibrated", report.calibrated);
  await lines.close();
  const bins = table(output, ["confidence", "pairs#", "said#", "right#", "95 % from#", "to#"]);
  for (const { low, high, pairs, confidence, accuracy } of report.asGiven.bins) {
    if (pairs === 0) continue;
    const range = `${percent(low)} to ${percent(high)}`;
    const interval = [accuracy.estimate, accuracy.low, accuracy.high].map(percent);
    await bins.add([range, String(pairs), percent(confidence), ...interval]);
  }
  await bins.close();
}

/** Tells on standard error what reliability comes to. */
export async function noteReliability(report: RowReliability, output: Output): Promise<void> {
  const { refused, temperature, fitted } = report;
  if (refused !== null) await output.warn(`${refused.message} [${refused.code}]`);
  if (fitted === null) return;
  await output.note(
    `temperature ${interval(temperature, digits)}, fitted on these very pairs: σ(margin / T) is ` +
      "the chance that a pair is in order",
  );
}

function cellsOf(figures: ReliabilityFigures, pairs: number, accuracy: Interval): string[] {
  const { temperature, confidence, ece, eceEqualMass, brier, nll } = figures;
  return [
    digits(temperature),
    String(pairs),
    percent(accuracy.estimate),
    percent(confidence),
    ...[ece, eceEqualMass, brier, nll].map(({ estimate }) => digits(estimate)),
  ];
}

function ends({ ece, brier, nll }: ReliabilityFigures): string[] {
  return [
    `95 %: ECE ${range(ece)}, Brier ${range(brier)}, −log p ${range(nll)}`,
  ];
}

function range({ low, high }: Interval): string {
  return low === null && high === null ? "unknown" : `${digits(low)} to ${digits(high)}`;
}

function interval(of: Interval, format: (value: number | null) => string): string {
  return `${format(of.estimate)} (95 %: ${range(of)})`;
}

function digits(value: number | null): string {
  return value === null ? "–" : value.toFixed(4);
}

function percent(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}
