// Lets three judges vote on preference pairs: deno run examples/vote.ts
import { categorize, chooseBest, majorityVote, preferenceStrengths } from "@assay/assay/voting";

const questions = [
  "Why is the sky blue?",
  "Is 91 a prime?",
  "Who wrote Faust?",
  "What is a haiku?",
];
// Margins of chosen over rejected, by judge; the second pair was labelled the wrong way round.
const margins = [
  [2.1, -1.8, 0.4, 1.2],
  [1.7, -2.4, -0.3, 0.9],
  [2.6, -0.9, 0.2, 1.6],
];
const strengths = preferenceStrengths(margins);
const categories = categorize(strengths.map(({ mean }) => mean));
strengths.forEach(({ mean, std, voteShare }, pair) => {
  const { winner } = majorityVote(margins.map((judge) => judge[pair]!));
  console.log(
    `${mean.toFixed(2).padStart(5)} ± ${std.toFixed(2)}  ${
      Math.round(100 * voteShare)
    } % of votes  ` +
      `${categories[pair]}, the ${winner} one wins: ${questions[pair]}`,
  );
});

// Best of three answers by committee: the mean follows one loud judge, the median does not.
const scores = [[1, 2, 0], [1, 3, 0], [9, 2, 0]];
console.log("best by mean:", chooseBest(scores, "mean").best);
console.log("best by median:", chooseBest(scores, "median").best);
