// Mends a preference set by its strengths: deno run examples/curate.ts
import {
  categorize,
  countActions,
  curatedRow,
  curatePairs,
  preferenceStrength,
  undoCuratedRow,
} from "@assay/assay/voting";

const rows = [
  { prompt: "2 + 2?", chosen: "5", rejected: "4", margins: [-3.1, -2.2, -2.9] },
  { prompt: "Capital of France?", chosen: "Paris", rejected: "Rome", margins: [4.2, 3.9, 5.0] },
  { prompt: "Tell a joke.", chosen: "Knock, knock.", rejected: "No.", margins: [0.3, -0.2, 0.4] },
];
const strengths = rows.map(({ margins }) => preferenceStrength(margins));
const categories = categorize(strengths.map(({ mean }) => mean));
const pairs = strengths.map((strength, i) => ({ ...strength, category: categories[i]! }));

// Flip what is surely wrong, and train for a margin of the voters' own.
const curated = curatePairs(pairs, "flip-margin", { below: -1 });
const mended = rows.map((row, i) => curatedRow(row, curated[i]!, i));
for (const row of mended) console.log(JSON.stringify(row));
console.log(countActions(pairs, curated).actions);
console.log("undone:", JSON.stringify(undoCuratedRow(mended[0]!)));
