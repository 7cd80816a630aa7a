import type { TensorInfo } from "../../checkpoint/tensor.ts";
import type { DecoderConfig } from "../../models/decoder_config.ts";
import type { ModelReport, Reported, ReportedKernels, ReportedText } from "./model_report.ts";

/** A report as lines for people: a heading for each part, and what is known of it below. */
export function reportLines(report: ModelReport): readonly string[] {
  return [
    ...part("Model", [
      `name        ${report.name}`,
      `declared    ${JSON.stringify(report.architectures)}`,
      `parameters  ${report.parameters.toLocaleString("en")}`,
    ]),
    ...part("Backbone", told(report.backbone, backboneLines)),
    ...part(
      "Head",
      told(report.head, ({ kind, objectives, gates }) => [
        `kind        ${kind}`,
        ...(objectives.length === 0 ? [] : [`objectives  ${objectives.join(", ")}`]),
        `reads       the last token${gates ? ", and for its gate the last assistant header" : ""}`,
      ]),
    ),
    ...part(
      "Template",
      told(report.template, ({ origin, source, gating_pattern: pattern }) => [
        `from        ${origin}`,
        `length      ${source.length} characters`,
        `gate at     ${
          pattern === null
            ? "no assistant header found"
            : pattern.map(({ id, text }) => `${id} ${JSON.stringify(text)}`).join("  ")
        }`,
      ]),
    ),
    ...part("Kernels", kernelLines(report.kernels)),
    ...part("Memory plan", told(report.memory, memoryLines)),
    ...part("Tensors", tensorLines(report.tensors)),
    ...report.texts.flatMap((text, index) => part(`Text ${index + 1}`, told(text, textLines))),
  ];
}

function part(heading: string, lines: readonly string[]): readonly string[] {
  return [heading, ...lines.map((line) => `  ${line}`), ""];
}

function told<Part extends object>(
  value: Reported<Part>,
  lines: (value: Part) => readonly string[],
): readonly string[] {
  if (!("error" in value)) return lines(value);
  const { code, message } = (value as { error: { code: string; message: string } }).error;
  return [`${message} [${code}]`];
}

function backboneLines(config: DecoderConfig): readonly string[] {
  const windows = [...new Set(config.windows.filter((window) => window > 0))];
  const biases = Object.entries(config.biases).filter(([, is]) => is).map(([name]) => name);
  return [
    `family      ${config.family}`,
    `layers      ${config.layers}, hidden ${config.hiddenSize}, feed-forward ${config.intermediateSize}`,
    `attention   ${config.heads} heads over ${config.keyHeads} key heads of ${config.headDim}` +
    (config.queryKeyNorms ? ", queries and keys normed" : "") +
    (windows.length === 0 ? "" : `, window ${windows.join(", ")}`),
    `rope        ${
      Object.entries(config.rope).map(([key, value]) => `${key} ${value}`).join(", ")
    }`,
    `biases      ${biases.length === 0 ? "none" : biases.join(", ")}`,
    `vocabulary  ${config.vocabularySize}`,
    `longest     ${config.maxTokens} tokens`,
  ];
}

function kernelLines({ family, tile, timed }: ReportedKernels): readonly string[] {
  return [
    `family      ${family}`,
    ...(tile === null ? [] : [`tile        ${tile} of products that were not timed`]),
    ...timed.map(({ product, tile }) => `timed       ${tile} of ${product}`),
  ];
}

function memoryLines(
  plan: Exclude<ModelReport["memory"], { error: unknown }>,
): readonly string[] {
  return [
    `computes    on the ${plan.backend.toUpperCase()}${
      plan.budget === null ? "" : `, within ${bytes(plan.budget)}`
    }`,
    `layers      ${plan.layers}`,
    `weights     ${bytes(plan.weightBytes)} on the device (the embeddings stay in the checkpoint)`,
    `at most     ${bytes(plan.peakBytes)} at a time`,
    `packs       ${plan.tokensPerPack} tokens, ${plan.packsInFlight} at a time`,
    `longest     ${plan.longestSequence} tokens, for which ${bytes(plan.longestBytes)} are taken`,
  ];
}

/** Tensors with the layer's number folded: one line for all layers that have the same. */
function tensorLines(tensors: readonly TensorInfo[]): readonly string[] {
  const groups = new Map<string, number>();
  for (const { name, dtype, shape } of tensors) {
    const folded = name.replace(/\.layers\.\d+\./, ".layers.*.");
    const line = `${dtype.padEnd(4)}  ${`[${shape.join(", ")}]`.padEnd(16)}  ${folded}`;
    groups.set(line, (groups.get(line) ?? 0) + 1);
  }
  return [...groups].map(([line, count]) => `${`${count} ×`.padStart(5)}  ${line}`);
}

function textLines({ tokens, truncated }: ReportedText): readonly string[] {
  const lines = tokens.map(({ id, text, read }, position) => {
    const mark = read === undefined ? "" : `  <- ${read} is read here`;
    return `${String(position).padStart(6)}  ${String(id).padStart(6)}  ${
      JSON.stringify(text)
    }${mark}`;
  });
  return truncated ? ["cut to the longest length", ...lines] : lines;
}

function bytes(count: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(count, 1)) / 10));
  return power === 0
    ? `${count} bytes`
    : `${(count / 2 ** (10 * power)).toFixed(1)} ${units[power]}`;
}
