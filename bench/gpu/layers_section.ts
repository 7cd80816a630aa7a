import type { Written } from "../report.ts";
import { table } from "../section.ts";
import { formatNumber, formatSpread, median, spread } from "../statistics.ts";
import { ceilingOf, circumstances, type Results, stepOf } from "./results.ts";
import type { LayersConfig, LayersRow, PyTorchRow, Row } from "./rows.ts";

/** Most that a score may differ from the reference's in f32, over the larger of 1 and its size. */
const tolerance = 1e-4;
/**
 * Where the clock says more milliseconds than this, and the device less than this share of them, or more
 * than all, one of the two is wrong. Below, a model is small and its time is not the device's.
 */
const longWall = 100;
const leastShare = 0.3;
/** Kernels in the table of a case. */
const most = 14;

type Cases = Extract<LayersRow, { row: "case" }>;
type Profile = Extract<LayersRow, { row: "profile" }>;

const isPyTorch = (row: Row): row is PyTorchRow => row.row === "pytorch";
const sameCase = (a: { count: number; tokens: number }) => (b: { count: number; tokens: number }) =>
  a.count === b.count && a.tokens === b.tokens;
const caseName = ({ count, tokens }: { count: number; tokens: number }) => `${count} × ${tokens}`;

/** Multiplications and additions of one token in the layers' linear maps. */
function operationsPerToken(config: LayersConfig): number {
  const { hidden_size: width, num_attention_heads: heads, num_key_value_heads: keyHeads } = config;
  const attention = 2 * (1 + keyHeads / heads) * width * width;
  return 2 * config.num_hidden_layers * (attention + 3 * width * config.intermediate_size);
}

/** Whether Assay's scores are PyTorch's, and whether the scores of a case would show it if not. */
export function compareScores(
  ours: readonly number[],
  theirs: readonly number[],
): { difference: number; ok: boolean } {
  const differences = ours.map((score, i) => Math.abs(score - (theirs[i] ?? NaN)));
  const ok = differences.every((difference, i) =>
    difference <= tolerance * Math.max(1, Math.abs(theirs[i]!))
  );
  return { difference: Math.max(...differences), ok };
}

/** The size of what a lower precision changes, beside which a difference from f32 is to be seen. */
function scoresText(cases: readonly Cases[], pytorch: readonly PyTorchRow[]): string {
  const lines: string[] = [];
  const scores = cases.flatMap((one) => one.scores);
  if (scores.length > 0) {
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    lines.push(`Scores lie from ${formatNumber(low)} to ${formatNumber(high)}.`);
  }
  for (const engine of new Set(pytorch.map(({ engine }) => engine))) {
    const compared = cases.flatMap((one) => {
      const row = pytorch.find((row) => row.engine === engine && sameCase(one)(row));
      return row?.scores === undefined ? [] : [compareScores(one.scores, row.scores)];
    });
    if (compared.length === 0) continue;
    const largest = Math.max(...compared.map(({ difference }) => difference)).toExponential(1);
    lines.push(
      !/, f32$/.test(engine)
        ? `${engine}: differ by ${largest}.`
        : compared.every(({ ok }) => ok)
        ? `**${engine}: the same within ${tolerance} · max(1, |score|)**, by ${largest} at most.`
        : `**${engine}: NOT the same**: they differ by ${largest}.`,
    );
  }
  return lines.map((line) => `- ${line}`).join("\n");
}

function speedTable(
  results: Results,
  config: LayersConfig,
  cases: readonly Cases[],
  profiles: readonly Profile[],
  pytorch: readonly PyTorchRow[],
): string {
  const ceiling = ceilingOf(results);
  const engines = [...new Set(pytorch.map(({ engine }) => engine))];
  const rows = cases.map((one) => {
    const { count, tokens, milliseconds } = one;
    const wall = median(milliseconds);
    const device = profiles.find(sameCase(one))?.milliseconds ?? NaN;
    const operations = operationsPerToken(config) * count * tokens;
    return [
      caseName(one),
      formatSpread(spread(milliseconds)),
      formatNumber(1000 * count * tokens / wall),
      formatNumber(operations / wall / 1e9),
      `${(100 * operations / wall / 1e6 / ceiling).toFixed(0)} %`,
      formatNumber(device),
      ...engines.map((engine) => {
        const row = pytorch.find((row) => row.engine === engine && sameCase(one)(row));
        if (row?.milliseconds === undefined) return row?.error?.slice(0, 40) ?? "–";
        return `${formatNumber(row.milliseconds)} (${formatNumber(wall / row.milliseconds)})`;
      }),
    ];
  });
  return table([
    "conversations × tokens",
    "Assay ms: median (least–most)",
    "tokens/s",
    "linear TFLOP/s",
    "of the loop",
    "device ms",
    ...engines.map((engine) => `${engine}: ms (Assay takes x)`),
  ], rows);
}

function profileText(profile: Profile): string {
  const { kernels, milliseconds, wall, untimed, failure } = profile;
  const share = milliseconds / wall;
  const doubts = [
    ...(failure === undefined ? [] : [`**${failure}**`]),
    ...(untimed === 0 ? [] : [`${untimed} dispatches were not timed.`]),
    ...(share <= 1.02 && (share >= leastShare || wall < longWall) ? [] : [
      `**Not to be believed**: the device says ${formatNumber(milliseconds)} ms, the clock ` +
      `${formatNumber(wall)} ms.`,
    ]),
  ];
  return [
    `### Device time, ${caseName(profile)}`,
    `${formatNumber(milliseconds)} ms of ${
      formatNumber(wall)
    } ms by the clock, each dispatch in a ` +
    "pass of its own.",
    ...doubts,
    table(
      ["kernel, workgroups", "runs", "ms", "share"],
      kernels.slice(0, most).map((sum) => [
        sum.kernel,
        String(sum.count),
        sum.milliseconds.toFixed(2),
        `${(100 * sum.milliseconds / milliseconds).toFixed(1)} %`,
      ]),
    ),
  ].join("\n\n");
}

/** Assay and PyTorch on a few layers. */
export function layersSection(results: Results): Written | undefined {
  const step = stepOf(results, "layers");
  const rows = step?.rows ?? [];
  const model = rows.find((row) => row.row === "model");
  if (model === undefined) return undefined;
  const { config } = model;
  const cases = rows.filter((row) => row.row === "case");
  const profiles = rows.filter((row) => row.row === "profile");
  const pytorch = stepOf(results, "pytorch")?.rows.filter(isPyTorch) ?? [];
  const shape = `${config.num_hidden_layers} layers × ${config.hidden_size}, feed-forward ` +
    `${config.intermediate_size}, ${config.num_attention_heads} heads, ` +
    `${config.num_key_value_heads} key heads, bf16 weights`;
  const name = config.hidden_size === 4096 ? "A Llama-8B's layers" : "Layers";
  return {
    title: `${name}: ${shape}`,
    text: [
      circumstances(results, step!),
      `Kernels \`${model.kernels}\`; PyTorch ${results.pytorch ?? "is not there"}. Its times are ` +
      "from ids on the device to scores on the host, Assay's from text to scores. In brackets: how " +
      "many times PyTorch's time Assay takes. The first and the last conversation of each case have " +
      "the same bits alone" +
      (profiles.every(({ failure }) => failure === undefined)
        ? "."
        : ", **but for what is said below**."),
      speedTable(results, config, cases, profiles, pytorch),
      scoresText(cases, pytorch),
      ...profiles.map(profileText),
    ].join("\n\n"),
  };
}
