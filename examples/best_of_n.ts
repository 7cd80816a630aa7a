// Keeps the best of several answers: deno run --allow-read examples/best_of_n.ts [MODEL]
import { RewardModel } from "@assay/assay";

const prompt = "Explain in one sentence why the sky is blue.";
const answers = [
  "Because it reflects the sea.",
  "Air scatters the short, blue waves of sunlight far more than the long, red ones.",
  "It is blue because blue is the colour of the sky.",
];

using model = await RewardModel.load(Deno.args[0] ?? "tests/golden/parity/armo");
// The prompt that they share is computed once.
const verdicts = await model.score(answers.map((answer) => [
  { role: "user", content: prompt },
  { role: "assistant", content: answer },
]));
const ranked = answers
  .map((answer, index) => ({ answer, score: verdicts[index]!.score ?? -Infinity }))
  .sort((a, b) => b.score - a.score);
for (const { answer, score } of ranked) console.log(score.toFixed(4), answer);
