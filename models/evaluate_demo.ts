/**
 * Scores the test split's pairs with the demo checkpoint and prints the model card's figures.
 *
 *     deno run --allow-read models/evaluate_demo.ts models/demo ROWS_FOLDER [PAIRS]
 *
 * `PAIRS`: the first so many of each subset, all without it. `ROWS_FOLDER` is what `models/training/evaluation_rows.py` writes.
 */
import { RewardModel, type Verdict } from "@assay/assay";
import { spearman } from "@assay/assay/calibration";
import { conversationsOfRow, readRows, type Row } from "@assay/assay/data";

type Pair = Row & {
  readonly subset: string;
  readonly chosen: string;
  readonly rejected: string;
  readonly shorter_better: boolean;
  readonly chosen_tokens: number;
  readonly rejected_tokens: number;
};

/** A response's verdict and its length. */
interface Scored {
  readonly verdict: Verdict;
  readonly tokens: number;
}

/** A pair's row with both verdicts. */
interface ScoredPair {
  readonly row: Pair;
  readonly chosen: Scored;
  readonly rejected: Scored;
}

async function rowsOf(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { row, error } of readRows(path)) {
    if (row === undefined) throw error;
    rows.push(row);
  }
  return rows;
}

/** Scores every different conversation of the pairs once. */
async function scorePairs(model: RewardModel, rows: readonly Pair[]): Promise<ScoredPair[]> {
  const pairs = rows.map((row) => {
    const read = conversationsOfRow(row);
    if (read.kind !== "pair") throw new TypeError(`expected a pair, found ${read.kind}`);
    return { row, keys: [JSON.stringify(read.chosen), JSON.stringify(read.rejected)] as const };
  });
  // Sorted, so that the responses to one prompt stand together and share it.
  const keys = [...new Set(pairs.flatMap(({ keys }) => keys))].sort();
  const verdicts = await model.score(keys.map((key) => JSON.parse(key)), {
    onProgress: ({ done, total }) => console.error(`scored ${done} of ${total}`),
  });
  const verdictOf = new Map(keys.map((key, index) => [key, verdicts[index]!]));
  return pairs.map(({ row, keys }) => ({
    row,
    chosen: { verdict: verdictOf.get(keys[0])!, tokens: row.chosen_tokens },
    rejected: { verdict: verdictOf.get(keys[1])!, tokens: row.rejected_tokens },
  })).filter(({ chosen, rejected }) =>
    chosen.verdict.score !== null && rejected.verdict.score !== null
  );
}

/** Share of positive margins; a tie counts half. */
function accuracy(margins: readonly number[]): string {
  const right = margins.filter((m) => m > 0).length + margins.filter((m) => m === 0).length / 2;
  return margins.length === 0 ? "" : (right / margins.length).toFixed(3);
}

const scoreMargin = ({ chosen, rejected }: ScoredPair): number =>
  chosen.verdict.score! - rejected.verdict.score!;
const lengthMargin = ({ row }: ScoredPair): number => row.chosen.length - row.rejected.length;

function printAccuracies(pairs: readonly ScoredPair[], objectives: readonly string[]): void {
  const columns = ["subset", "pairs", "longer wins", "score", "score, shorter better"];
  console.log(`| ${[...columns, ...objectives].join(" | ")} |`);
  console.log(`|${" --- |".repeat(columns.length + objectives.length)}`);
  for (const [subset, part] of Object.entries(Object.groupBy(pairs, ({ row }) => row.subset))) {
    const rewardMargins = (name: string): number[] =>
      part!.map(({ chosen, rejected }) =>
        chosen.verdict.rewards![name]! - rejected.verdict.rewards![name]!
      );
    const cells = [
      subset,
      part!.length,
      accuracy(part!.map(lengthMargin)),
      accuracy(part!.map(scoreMargin)),
      accuracy(part!.filter(({ row }) => row.shorter_better).map(scoreMargin)),
      ...objectives.map((name) => accuracy(rewardMargins(name))),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

/** Average coefficient of each objective on harmlessness prompts and on ordinary ones. */
function printCoefficients(pairs: readonly ScoredPair[], objectives: readonly string[]): void {
  console.log(`\n| average coefficient | ${objectives.join(" | ")} |`);
  console.log(`| --- |${" --- |".repeat(objectives.length)}`);
  const kinds = Object.groupBy(
    pairs,
    ({ row }) => row.subset === "harmlessness" ? "harmlessness prompts" : "ordinary prompts",
  );
  for (const [kind, part] of Object.entries(kinds)) {
    const means = objectives.map((name) => {
      const sum = part!.reduce(
        (total, pair) => total + pair.chosen.verdict.coefficients![name]!,
        0,
      );
      return (sum / part!.length).toFixed(3);
    });
    console.log(`| ${kind} | ${means.join(" | ")} |`);
  }
}

function printVerbosity(pairs: readonly ScoredPair[]): void {
  const responses = new Map<string, Scored>();
  for (const { row, chosen, rejected } of pairs) {
    responses.set(JSON.stringify([row.prompt, row.chosen]), chosen);
    responses.set(JSON.stringify([row.prompt, row.rejected]), rejected);
  }
  const scored = [...responses.values()];
  const lengths = scored.map(({ tokens }) => Math.log1p(tokens));
  const report = (name: string, values: number[]): void =>
    console.log(`Spearman of ${name} with log length: ${spearman(values, lengths)?.toFixed(4)}`);
  console.log();
  report("verbosity", scored.map(({ verdict }) => verdict.rewards!.verbosity!));
  report("the score", scored.map(({ verdict }) => verdict.score!));
}

/** Largest difference from PyTorch's scores of the same conversations. */
async function printParity(model: RewardModel, rows: readonly Row[]): Promise<void> {
  const conversations = rows.map((row) => {
    const read = conversationsOfRow(row);
    if (read.kind !== "single") throw new TypeError(`expected a conversation, found ${read.kind}`);
    return read.conversation;
  });
  const verdicts = await model.score(conversations);
  const differences = rows.map((row, index) =>
    Math.abs(verdicts[index]!.score! - (row.pytorch as { score: number }).score)
  );
  const sameLength = rows.every((row, index) =>
    verdicts[index]!.tokens === (row.pytorch as { tokens: number }).tokens
  );
  console.log(`Largest |score − PyTorch's| on ${rows.length}: ${Math.max(...differences)}`);
  console.log(`Token counts equal PyTorch's: ${sameLength}`);
}

/** The first `count` rows of each subset. */
function firstOfEach(rows: readonly Pair[], count: number): Pair[] {
  const bySubset = Object.groupBy(rows, ({ subset }) => subset);
  return Object.values(bySubset).flatMap((part) => part!.slice(0, count));
}

const [modelFolder, rowsFolder, count] = Deno.args;
if (modelFolder === undefined || rowsFolder === undefined) {
  console.error("usage: evaluate_demo.ts MODEL ROWS_FOLDER [PAIRS]");
  Deno.exit(2);
}
using model = await RewardModel.load(modelFolder, { onWarning: console.error });
await printParity(model, await rowsOf(`${rowsFolder}/conversations.jsonl`));
const rows = await rowsOf(`${rowsFolder}/pairs.jsonl`) as Pair[];
const pairs = await scorePairs(model, firstOfEach(rows, Number(count ?? Infinity)));
console.log(
  `\n${pairs.length} pairs, ${model.objectives.length} objectives, on ${model.backend}\n`,
);
printAccuracies(pairs, model.objectives);
printCoefficients(pairs, model.objectives);
printVerbosity(pairs);
