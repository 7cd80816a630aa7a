import type { Written } from "../report.ts";
import { table } from "../section.ts";
import { formatNumber } from "../statistics.ts";
import { layersSection } from "./layers_section.ts";
import { ceilingOf, circumstances, type Results, stepOf } from "./results.ts";
import type { DoctorRow, KernelRow, Row, TestsRow } from "./rows.ts";

const isKernelRow = (row: Row): row is KernelRow =>
  row.row === "ceiling" || row.row === "tried" || row.row === "timed";
const isCheck = (row: Row): row is DoctorRow => row.row === undefined;
const isTests = (row: Row): row is TestsRow => row.row === "tests";

/** What was right and what was wrong. */
function checksSection(results: Results): Written | undefined {
  const lines: string[] = [];
  const doctor = stepOf(results, "doctor")?.rows.filter(isCheck) ?? [];
  const wrong = doctor.filter(({ ok }) => !ok);
  if (doctor.length > 0) {
    lines.push(
      `\`assay doctor\`: ${doctor.length - wrong.length} of ${doctor.length} checks are well.`,
      ...wrong.map(({ check, found }) => `**${check}**: ${found}`),
      ...doctor.filter(({ check }) => /speed/.test(check)).map(({ check, found }) =>
        `${check}: ${found}`
      ),
    );
  }
  const tried = stepOf(results, "kernels")?.rows.filter((row) => row.row === "tried") ?? [];
  if (tried.length > 0) {
    const failed = tried.filter(({ failure }) => failure !== undefined);
    const largest = Math.max(...tried.map(({ largest }) => largest));
    lines.push(
      `${tried.length} kernels in ${tried[0]!.trials} trials each differ from their CPU twins by ` +
        `${largest.toExponential(1)} at most.`,
      ...failed.map(({ kernel, set, failure }) => `**${kernel}, \`${set}\`**: ${failure}`),
    );
  }
  const unit = stepOf(results, "matrix_unit")?.rows.filter(isCheck) ?? [];
  lines.push(
    ...unit.map(({ ok, check, found }) => `${ok ? check : `**${check}**`}, by Dawn: ${found}`),
  );
  const tests = stepOf(results, "tests")?.rows.find(isTests);
  if (tests !== undefined) {
    const { passed, ignored, failed } = tests;
    lines.push(
      `Tests: ${passed} passed, ${failed.length} failed, ${ignored} skipped ` +
        `(${stepOf(results, "tests")!.state}).`,
      ...failed.map((name) => `**Failed**: ${name}`),
    );
  }
  if (lines.length === 0) return undefined;
  const { features, driver, pytorch } = results;
  const facts = [
    `Granted: ${features.map((name) => `\`${name}\``).join(", ") || "nothing beyond the standard"}`,
    ...(driver === undefined ? [] : [`Card, driver, clock now and at most: ${driver}`]),
    ...(pytorch === undefined ? [] : [`PyTorch ${pytorch}`]),
  ];
  return {
    title: "Checks on this adapter",
    text: [
      `Adapter ${results.adapter}, commit ${results.commit}.`,
      [...facts, ...lines].map((line) => `- ${line}`).join("\n"),
    ].join("\n\n"),
  };
}

/** Every kernel's time. */
function kernelsSection(results: Results): Written | undefined {
  const step = stepOf(results, "kernels");
  const rows = step?.rows.filter(isKernelRow) ?? [];
  const timed = rows.filter((row) => row.row === "timed");
  if (timed.length === 0) return undefined;
  const ceiling = ceilingOf(results);
  const line = (row: typeof timed[number]): string[] => {
    const speed = row.amount / row.milliseconds / 1e6;
    const isArithmetic = row.unit === "operations";
    return [
      row.kernel,
      `\`${row.set}\``,
      row.shape.join("×"),
      row.tile ?? "",
      formatNumber(row.milliseconds),
      `${formatNumber(speed)} ${isArithmetic ? "GFLOP/s" : "GB/s"}`,
      isArithmetic ? `${(100 * speed / ceiling).toFixed(1)} %` : "",
    ];
  };
  return {
    title: "Every kernel by the device's clock",
    text: [
      circumstances(results, step!),
      "Weights in bf16, activations and sums in f32; medians on a warm device. A loop of " +
      `multiply-adds over registers reaches ${
        formatNumber(ceiling)
      } GFLOP/s; the last column is the ` +
      "share of that. Bytes are those that must be read and written at least.",
      table(
        ["kernel", "kernel set", "shape", "tile", "ms", "speed", "of the loop"],
        timed.map(line),
      ),
    ].join("\n\n"),
  };
}

/** All that is worth a place in a results file, in order. */
export function sectionsOf(results: Results): Written[] {
  const own = [checksSection(results), layersSection(results), kernelsSection(results)];
  return [
    ...own.filter((section) => section !== undefined),
    ...results.steps.flatMap(({ sections }) => sections),
  ];
}
