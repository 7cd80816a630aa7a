/**
 * Compares the demo checkpoint's heads with those that `assay fit` made of the same backbone: accuracy
 * on the test split's pairs, by kind.
 *
 *     python bench/fit_demo_rows.py --data DATA --state STATE --out ROWS
 *     deno task assay fit armo models/demo ROWS/fit.jsonl --output REFIT \
 *       --hidden-size 128 --margin-scale 10 --threshold 0.5
 *     deno run --allow-all bench/fit_demo.ts models/demo REFIT ROWS/test.jsonl
 */
import { RewardModel } from "@assay/assay";
import { conversationsOfRow, readRows } from "@assay/assay/data";

const [before, after, input] = Deno.args;
if (before === undefined || after === undefined || input === undefined) {
  throw new TypeError("usage: fit_demo.ts MODEL REFIT ROWS");
}

/** Pairs in order and pairs in all, by kind. */
async function accuracies(folder: string): Promise<Map<string, [number, number]>> {
  using model = await RewardModel.load(folder, { onWarning: console.error });
  const found = new Map<string, [number, number]>();
  for await (const { row } of readRows(input!)) {
    const shape = conversationsOfRow(row!);
    if (shape.kind !== "best_of_n") throw new TypeError(`expected candidates, found ${shape.kind}`);
    const scores = (await model.score(shape.candidates)).map(({ score }) => score ?? NaN);
    const kind = String(row!.kind);
    const [right, all] = found.get(kind) ?? [0, 0];
    const pairs = (row!.pairs as [number, number][])
      .filter((pair) => pair.every((side) => Number.isFinite(scores[side])));
    const inOrder = pairs.map(([a, b]) => (Math.sign(scores[a]! - scores[b]!) + 1) / 2);
    found.set(kind, [right + inOrder.reduce((sum, x) => sum + x, 0), all + pairs.length]);
  }
  return found;
}

const [ours, refitted] = [await accuracies(before), await accuracies(after)];
console.log(
  "| pairs | number | as shipped | refitted | difference |\n| --- | --- | --- | --- | --- |",
);
for (const [kind, [right, all]] of ours) {
  const [shipped, fitted] = [100 * right / all, 100 * refitted.get(kind)![0] / all];
  const cells = [shipped, fitted, fitted - shipped].map((x) => x.toFixed(1));
  console.log(`| ${kind} | ${all} | ${cells.join(" | ")} |`);
}
