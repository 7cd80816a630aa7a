import { computedWhere } from "../computed_where.ts";
import type { TensorInfo } from "../../checkpoint/tensor.ts";
import type { StepReduction } from "../../heads/asked.ts";
import type { Read } from "../../heads/reads.ts";
import type {
  ModelReport,
  Reported,
  ReportedBackbone,
  ReportedHead,
  ReportedKernels,
  ReportedText,
} from "./model_report.ts";

/** A report as lines for people: a heading for each part, and what is known of it below. */
export function reportLines(report: ModelReport): readonly string[] {
  return [
    ...part("Model", [
      `name        ${report.name}`,
      `declared    ${JSON.stringify(report.architectures)}`,
      `parameters  ${report.parameters.toLocaleString("en")}`,
    ]),
    ...part("Backbone", told(report.backbone, backboneLines)),
    ...part("Head", told(report.head, headLines)),
    ...part(
      "Template",
      told(report.template, ({ form, origin, source, header_pattern: pattern }) => [
        `from        ${origin}`,
        form === "pair" ? `pair        ${source}` : `length      ${source.length} characters`,
        ...(form === "pair" ? [] : [
          `header      ${
            pattern === null ? "no assistant header found" : pattern.map(tokenText).join("  ")
          }`,
        ]),
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

function backboneLines(backbone: ReportedBackbone): readonly string[] {
  const { family, layers, hiddenSize, vocabularySize, maxTokens, description } = backbone;
  return [
    `family      ${family}`,
    `layers      ${layers}, hidden ${hiddenSize}`,
    ...description.map(([word, text]) => `${word.padEnd(11)} ${text}`),
    `vocabulary  ${vocabularySize}`,
    `longest     ${maxTokens} tokens`,
  ];
}

function headLines(head: ReportedHead): readonly string[] {
  const { kind, objectives, reads, parts, labels, score_label: score, ending } = head;
  const { tokens, steps } = head;
  return [
    `kind        ${kind}`,
    ...(labels.length < 2 ? [] : [`labels      ${labels.join(", ")}`]),
    ...(score === null
      ? []
      : [`score       ${head.score_negated ? "minus " : ""}the logit of ${score}`]),
    ...(parts.includes("coefficients")
      ? ["score       the sum of the objectives' rewards, each times its coefficient"]
      : []),
    ...(objectives.length === 0 ? [] : [`objectives  ${objectives.join(", ")}`]),
    ...(parts.length === 0 ? [] : [`tells       the score, ${parts.join(", ")}`]),
    ...(tokens.length === 0 ? [] : [
      steps === null
        ? `score       the logit of ${tokens.map(tokenText).join(" minus that of ")}`
        : `logits of   ${tokens.map(tokenText).join(" against ")}`,
    ]),
    ...(steps === null ? [] : [`score       ${reductionTexts[steps]}`]),
    ...Object.entries(reads).map(([name, read]) => `reads       ${name} at ${placeOf(read)}`),
    ...(ending === null ? [] : [`ends with   the token ${ending}, which is put there`]),
  ];
}

function tokenText({ id, text }: { readonly id: number; readonly text: string }): string {
  return `${id} ${JSON.stringify(text)}`;
}

const reductionTexts: Readonly<Record<StepReduction, string>> = {
  last: "the last step's probability",
  min: "the least of the steps' probabilities",
  mean: "the mean of the steps' probabilities",
  product: "the product of the steps' probabilities",
};

function placeOf(read: Read): string {
  switch (read.at) {
    case "first":
    case "last":
      return `the ${read.at} token`;
    case "last-not":
      return `the last token that is not ${read.id}`;
    case "mean":
      return "every token, the mean of them";
    case "header":
      return "the last assistant header";
    case "response":
      return "every token of the response";
    case "foretelling":
      return "every token before one of the response's";
    case "token":
      return `each token ${read.id}`;
    case "step":
      return `each token ${read.id} ${JSON.stringify(read.text)} that ends a step of the response`;
    case "turn":
      return "the end of each assistant header";
    case "pattern":
      return `the last tokens ${read.ids.join(" ")}`;
  }
}

function kernelLines({ set, tile, timed }: ReportedKernels): readonly string[] {
  return [
    `kernel set  ${set}`,
    ...(tile === null ? [] : [`tile        ${tile} of products that were not timed`]),
    ...timed.map(({ product, tile }) => `timed       ${tile} of ${product}`),
  ];
}

function memoryLines(
  plan: Exclude<ModelReport["memory"], { error: unknown }>,
): readonly string[] {
  return [
    `computes    ${computedWhere[plan.backend]}${
      plan.budget === null ? "" : `, within ${bytes(plan.budget)}`
    }`,
    `layers      ${plan.layers}`,
    `weights     ${bytes(plan.weightBytes)} on the device (the embeddings stay in the checkpoint)${
      plan.weights === null
        ? ""
        : `, layers in ${plan.weights}, ${plan.weight_group} inputs a scale`
    }`,
    `at most     ${bytes(plan.peakBytes)} at a time`,
    `packs       ${plan.tokensPerPack} tokens, ${plan.packsInFlight} at a time`,
    `longest     ${plan.longestSequence} tokens, for which ${bytes(plan.longestBytes)} are taken`,
  ];
}

/** Tensors with numbers of layers and experts folded: one line for all that have the same. */
function tensorLines(tensors: readonly TensorInfo[]): readonly string[] {
  const groups = new Map<string, number>();
  for (const { name, dtype, shape } of tensors) {
    const folded = name.replace(/\.(layers?)\.\d+\./, ".$1.*.").replace(
      /\.experts\.\d+\./,
      ".experts.*.",
    );
    const line = `${dtype.padEnd(4)}  ${`[${shape.join(", ")}]`.padEnd(16)}  ${folded}`;
    groups.set(line, (groups.get(line) ?? 0) + 1);
  }
  return [...groups].map(([line, count]) => `${`${count} ×`.padStart(5)}  ${line}`);
}

function textLines({ tokens, truncated }: ReportedText): readonly string[] {
  const lines = tokens.map(({ id, text, type, read }, position) => {
    const place = `${String(position).padStart(6)}  ${String(id).padStart(6)}`;
    const typed = type === undefined ? "" : `type ${type}  `;
    const mark = read === undefined ? "" : `  <- ${read} is read here`;
    return `${place}  ${typed}${JSON.stringify(text)}${mark}`;
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
