/**
 * A program that scores one conversation and ends: what a user waits for. Its arguments are a model
 * and, where it is not to be chosen, a backend.
 *
 * @module
 */
import { type LoadOptions, RewardModel } from "../../mod.ts";

const start = performance.now();
const [folder, backend] = Deno.args as [string, LoadOptions["backend"]];
using model = await RewardModel.load(folder, { backend, onWarning: () => {} });
const loaded = performance.now();
const [verdict] = await model.score([[
  { role: "user", content: "What is the capital of France?" },
  { role: "assistant", content: "The capital of France is Paris." },
]]);
const scored = performance.now();
if (typeof verdict?.score !== "number") throw new Error(verdict?.error?.message);
console.log(JSON.stringify({ load: loaded - start, score: scored - loaded }));
