// Says how often a model agrees with a file of preferences, and why where it doesn't:
// deno run --allow-read examples/pairs.ts [MODEL] [FILE]
import { RewardModel } from "@assay/assay";
import { conversationsOfRow, readRows } from "@assay/assay/data";

const [source = "tests/golden/parity/armo", file = "examples/conversations.jsonl"] = Deno.args;
using model = await RewardModel.load(source);

let pairs = 0;
let agreed = 0;
for await (const { line, row, error } of readRows(file)) {
  if (row === undefined) {
    console.error(`line ${line}: ${error?.message}`);
    continue;
  }
  const shape = conversationsOfRow(row);
  if (shape.kind !== "pair") continue;
  const [chosen, rejected] = await model.score([shape.chosen, shape.rejected]);
  if (chosen?.score == null || rejected?.score == null) {
    console.error(`line ${line}: ${(chosen?.error ?? rejected?.error)?.message}`);
    continue;
  }
  pairs++;
  if (chosen.score > rejected.score) agreed++;
  else if (chosen.rewards !== null && rejected.rewards !== null) {
    // The objective that spoke most for the answer that people rejected.
    const shares = Object.entries(rejected.rewards).map(([name, reward]) => ({
      name,
      share: rejected.coefficients![name]! * (reward - chosen.rewards![name]!),
    }));
    const { name, share } = shares.reduce((a, b) => (b.share > a.share ? b : a));
    console.log(
      `${row.id ?? line}: prefers the rejected answer, most of all for ${name} (+${
        share.toFixed(3)
      })`,
    );
  }
}
console.log(`${agreed} of ${pairs} pairs agree`);
