/**
 * What the packing of rows costs and saves: responses to one prompt beside the prompt and each
 * response, the same rows with sharing off, and conversations of real lengths beside equal ones.
 *
 *     deno run --allow-all bench/scheduling.ts [--layers N] [--rounds N] [--models FOLDER]
 *
 * Each is scored in turns by one process. Beside the time that passes it takes the processor time of
 * the process (Linux), in which a software adapter computes: other work on the machine hardly touches
 * it. On a GPU only the time that passes says anything.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Conversation, RewardModel } from "../mod.ts";
import { ModelFiles } from "./models/model_files.ts";
import { modelShape } from "./models/model_shape.ts";
import { conversationIds, messagesOf, promptAndResponse } from "./models/vocabulary.ts";
import realLengths from "./sections/real_lengths.json" with { type: "json" };
import { formatSpread, spread } from "./statistics.ts";

const [promptTokens, responseTokens] = [512, 128];

/** One thing to score, with what it cost in each round. */
interface Case {
  readonly model: RewardModel;
  readonly conversations: readonly Conversation[];
  readonly passed: number[];
  readonly processor: number[];
}

/** Processor time that this process has taken, in milliseconds; NaN where nobody tells. */
function processorTime(): number {
  try {
    const [, fields] = Deno.readTextFileSync("/proc/self/stat").split(") ");
    const [user, system] = fields!.split(" ").slice(11, 13).map(Number);
    return 10 * (user! + system!); // in ticks of a hundredth of a second
  } catch {
    return NaN;
  }
}

async function measure(one: Case, counts: boolean): Promise<void> {
  const [before, start] = [processorTime(), performance.now()];
  const verdicts = await one.model.score(one.conversations);
  const failed = verdicts.find(({ error }) => error !== null);
  if (failed !== undefined) throw failed.error;
  if (!counts) return;
  one.passed.push(performance.now() - start);
  one.processor.push(processorTime() - before);
}

const { values } = parseArgs({
  args: [...Deno.args],
  options: {
    layers: { type: "string", default: "4" },
    rounds: { type: "string", default: "5" },
    models: { type: "string" },
  },
});
const folder = values.models ?? await Deno.makeTempDir();
const files = new ModelFiles(folder, modelShape(Number(values.layers)));
const checkpoint = await files.checkpoint();
using sharing = await RewardModel.load(checkpoint);
using apart = await RewardModel.load(checkpoint, { sharePrefixes: false });

const responses = (count: number, tokens = responseTokens, prompt = promptTokens) =>
  Array.from(
    { length: count },
    (_, seed) =>
      messagesOf(promptAndResponse(files.shape, { tokens: prompt, seed: 0 }, { tokens, seed })),
  );
const ofLengths = (lengths: readonly number[]) =>
  lengths.map((tokens, seed) => messagesOf(conversationIds(files.shape, tokens, seed)));
const newCase = (model: RewardModel, conversations: readonly Conversation[]): Case => ({
  model,
  conversations,
  passed: [],
  processor: [],
});
const total = realLengths.lengths.reduce((a, b) => a + b);
const mean = Math.round(total / realLengths.lengths.length);
const cases = {
  prompt: newCase(sharing, responses(1, 2, promptTokens - 2)),
  one: newCase(sharing, responses(1)),
  eight: newCase(sharing, responses(8)),
  many: newCase(sharing, responses(24)),
  eightApart: newCase(apart, responses(8)),
  ragged: newCase(apart, ofLengths(realLengths.lengths)),
  equal: newCase(apart, ofLengths(realLengths.lengths.map(() => mean))),
};

const rounds = Number(values.rounds);
for (let round = 0; round <= rounds; round++) {
  const order = Object.values(cases);
  // Every other round the other way about; the first one compiles kernels and fills pools.
  for (const one of round % 2 === 0 ? order : order.toReversed()) await measure(one, round > 0);
  console.error(`round ${round} of ${rounds}`);
}

/** A figure by both kinds of time, round by round. */
function line(what: string, figure: (cost: (of: keyof typeof cases) => number) => number): void {
  const by = (kind: "passed" | "processor"): string =>
    formatSpread(spread(Array.from(
      { length: rounds },
      (_, round) => figure((of) => cases[of][kind][round]!),
    )));
  console.log(`${what}: ${by("passed")}; by processor time ${by("processor")}`);
}

console.log(
  `${values.layers} layers, prompts of ${promptTokens} tokens, responses of ${responseTokens}; ` +
    `${rounds} rounds, medians (least–most); ${sharing.kernels} kernels`,
);
line(
  "8 responses with the prompt shared, times as fast as without",
  (cost) => cost("eightApart") / cost("eight"),
);
for (const [name, count] of [["eight", 8], ["many", 24]] as const) {
  line(
    `cost of ${count} responses over prompt and ${count} × what one adds`,
    (cost) => cost(name) / (cost("prompt") + count * (cost("one") - cost("prompt"))),
  );
}
line(
  "tokens/s of real lengths over equal ones",
  (cost) => (cost("equal") / cost("ragged")) * (total / (mean * realLengths.lengths.length)),
);
for (const model of [sharing, apart]) {
  const { plan: { peakBytes }, deviceBytes } = model;
  console.log(`device memory: ${deviceBytes} bytes held of ${peakBytes} planned`);
}
if (values.models === undefined) await Deno.remove(folder, { recursive: true });
