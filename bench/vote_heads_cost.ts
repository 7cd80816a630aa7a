/**
 * What five voters on one backbone cost beside one: the same conversations are scored with one linear
 * head and with several, in turns, so that both see the machine in the same state.
 *
 *     deno run --allow-read bench/vote_heads_cost.ts MODEL [HEADS.safetensors] [--rounds N] [--conversations N]
 *
 * Without a file of heads, five random ones are used: the cost does not depend on their numbers.
 * Prints the median and the fastest time of each, and the median of the ratios of neighbouring runs.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { localFolder } from "../src/checkpoint/folder.ts";
import { seededRandom } from "../src/numbers/seeded_random.ts";
import { loadLinearVoters } from "../src/tasks/vote/linear_voters.ts";
import type { LoadedVoter } from "../src/tasks/vote/loaded_voter.ts";
import { Backbone } from "../src/scoring/backbone.ts";
import { aggregate } from "../src/voting/aggregate.ts";
import { type LinearHeads, readLinearHeads } from "../src/voting/linear_heads.ts";

const voterCount = 5;

/** Heads with random weights, for a cost that does not depend on them. */
function randomHeads(hidden: number): LinearHeads {
  const random = seededRandom(1);
  return {
    names: Array.from({ length: voterCount }, (_, voter) => `voters[${voter}]`),
    hidden,
    weight: Float32Array.from({ length: voterCount * hidden }, () => random() - 0.5),
    bias: new Float32Array(voterCount),
  };
}

/** The first of several heads alone. */
function firstHead(heads: LinearHeads): LinearHeads {
  return {
    names: heads.names.slice(0, 1),
    hidden: heads.hidden,
    weight: heads.weight.slice(0, heads.hidden),
    bias: heads.bias.slice(0, 1),
  };
}

/** Conversations of 40 to 400 words. */
function conversations(count: number) {
  const random = seededRandom(2);
  const words = ["the", "sky", "is", "blue", "because", "light", "scatters", "in", "air", "."];
  const text = (length: number) =>
    Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(" ");
  return Array.from({ length: count }, () => [
    { role: "user", content: text(20 + Math.floor(random() * 40)) },
    { role: "assistant", content: text(20 + Math.floor(random() * 340)) },
  ]);
}

async function hiddenSize(): Promise<number> {
  using backbone = await Backbone.load(folder);
  return backbone.hiddenSize;
}

const median = (values: readonly number[]): number => aggregate(values, "median").score;

const { values, positionals } = parseArgs({
  args: [...Deno.args],
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "9" },
    conversations: { type: "string", default: "64" },
  },
});
const [model = "tests/golden/parity/llama", file] = positionals;
const folder = localFolder(model);
const several = file === undefined
  ? randomHeads(await hiddenSize())
  : await readLinearHeads(localFolder("."), file);
using one = await loadLinearVoters(folder, firstHead(several), {});
using all = await loadLinearVoters(folder, several, {});
const batch = conversations(Number(values.conversations));
const time = async (voters: LoadedVoter): Promise<number> => {
  const start = performance.now();
  await Array.fromAsync(voters.scoreStream(ReadableStream.from(batch), {}));
  return performance.now() - start;
};
for (const voters of [one, all]) await time(voters); // compiles kernels and fills pools
const times = { one: [] as number[], all: [] as number[], ratio: [] as number[] };
for (let round = 0; round < Number(values.rounds); round++) {
  // Every other round the other way about, so that neither always comes first.
  const first = round % 2 === 0 ? one : all;
  const a = await time(first);
  const b = await time(first === one ? all : one);
  const [single, together] = first === one ? [a, b] : [b, a];
  times.one.push(single);
  times.all.push(together);
  times.ratio.push(together / single);
}
console.log(`${batch.length} conversations, ${times.one.length} rounds`);
const line = (what: string, values: readonly number[]): void =>
  console.log(
    `${what}   ${median(values).toFixed(1)} ms, fastest ${Math.min(...values).toFixed(1)} ms`,
  );
line("1 head ", times.one);
line(`${several.names.length} heads`, times.all);
console.log(`ratio     ${median(times.ratio).toFixed(3)}`);
