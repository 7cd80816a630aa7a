// Scores two answers to one question: deno run --allow-read examples/score.ts [MODEL]
import { RewardModel } from "@assay/assay";

using model = await RewardModel.load(Deno.args[0] ?? "tests/golden/parity/armo");
const question = { role: "user", content: "How much is 2+2?" };
for (const answer of ["2+2 is 4.", "I would say about five."]) {
  const [verdict] = await model.score([[question, { role: "assistant", content: answer }]]);
  console.log(verdict?.score ?? verdict?.error?.message, answer);
}
