import { promptAndResponse } from "../models/vocabulary.ts";
import type { Request } from "../peers/serve.ts";
import { type Contestant, measureInTurns, type Outcome, ratios } from "../rounds.ts";
import { type Bench, type Section, table } from "../section.ts";
import { formatNumber, formatSpread, spread } from "../statistics.ts";
import { assayProgram, llamaCppProgram, warmUp } from "./contestants.ts";

const responses = 8;

/** Eight responses to one prompt, with the prompt computed once and without. */
export const bestOfEight: Section = {
  title: "Best of eight",

  async measure(bench) {
    const { settings: { rounds, quick }, onProgress } = bench;
    const sizes = quick ? { prompt: 64, response: 16 } : { prompt: 512, response: 128 };
    const conversations = Array.from({ length: responses }, (_, seed) =>
      promptAndResponse(
        bench.files.shape,
        { tokens: sizes.prompt, seed: 0 },
        { tokens: sizes.response, seed },
      ));
    const outcomes = await measureInTurns(contestants(bench, conversations), {
      rounds,
      firstRequests: warmUp(bench, conversations[0]!),
      onProgress,
    });
    const shared = outcomes[0]!;
    return [
      `Eight responses of ${sizes.response} tokens to one prompt of ${sizes.prompt}; ` +
      `${bench.settings.layers} layers, ${rounds} rounds.`,
      table(
        ["", "responses/s: median (least–most)", "sharing is so many times as fast"],
        outcomes.slice(0, 4).map((outcome) => row(outcome, shared)),
      ),
      costLine(outcomes, sizes),
      bitsLine(outcomes.slice(0, 3)),
    ].join("\n\n");
  },
};

function contestants(bench: Bench, conversations: readonly number[][]): Contestant[] {
  const longest = conversations[0]!.length;
  const prompt = promptOf(conversations);
  const together: Request = { ask: "score", sequences: conversations };
  const single = (sequence: number[]): Request => ({ ask: "score", sequences: [sequence] });
  const sharing = () => assayProgram(bench);
  const notSharing = () => assayProgram(bench, { sharePrefixes: false });
  const llama = () => llamaCppProgram(bench, "cpu", "BF16", longest);
  return [
    { name: "Assay, prompt shared", program: sharing, requests: [together] },
    { name: "Assay, sharing off, one call", program: notSharing, requests: [together] },
    { name: "Assay, eight calls", program: notSharing, requests: conversations.map(single) },
    { name: "llama.cpp, CPU, BF16, one by one", program: llama, requests: [together] },
    { name: "prompt", program: sharing, requests: [single(prompt)] },
    { name: "one", program: sharing, requests: [single(conversations[0]!)] },
  ];
}

/** A conversation of as many tokens as the prompt, the last two of them its response. */
function promptOf([first, second]: readonly number[][]): number[] {
  const length = first!.findIndex((id, i) => id !== second![i]);
  const [end, assistant] = first!.slice(length - 2, length);
  return [...first!.slice(0, length - 4), end!, assistant!, first![length]!, first!.at(-1)!];
}

function row(outcome: Outcome, shared: Outcome): string[] {
  if (outcome.failure !== undefined) return [outcome.name, `not measured: ${outcome.failure}`, ""];
  const speed = spread(outcome.milliseconds.map((time) => 1000 * responses / time));
  const ratio = outcome === shared ? "1" : formatSpread(spread(ratios(shared, outcome)));
  return [outcome.name, formatSpread(speed), ratio];
}

/** Whether sharing changes a score. */
function bitsLine(outcomes: readonly Outcome[]): string {
  if (outcomes.some(({ failure }) => failure !== undefined)) return "";
  const scores = new Set(outcomes.map(({ numbers }) => JSON.stringify(numbers)));
  return scores.size === 1
    ? "The eight scores are the same bits in all three ways of Assay's."
    : `**The scores differ**: ${[...scores].join("; ")}`;
}

/** Whether N responses cost the prompt and the responses, and nothing else. */
function costLine(outcomes: readonly Outcome[], sizes: { prompt: number; response: number }) {
  const [together, , , , prompt, one] = outcomes;
  const failed = [together, prompt, one].find((outcome) => outcome?.failure !== undefined);
  if (failed !== undefined) return `Cost of eight responses: not measured, ${failed.failure}.`;
  const parts = together!.milliseconds.map((time, round) => {
    const alone = prompt!.milliseconds[round]!;
    const response = one!.milliseconds[round]! - alone;
    return time / (alone + responses * response);
  });
  return `Cost of eight responses, over the prompt's cost alone and eight times what a response of ` +
    `${sizes.response} tokens adds to it: ${formatSpread(spread(parts))} (1 would be exact; a ` +
    `prompt takes ${formatNumber(spread(prompt!.milliseconds).median)} ms, with one response ` +
    `${formatNumber(spread(one!.milliseconds).median)} ms, with eight ` +
    `${formatNumber(spread(together!.milliseconds).median)} ms).`;
}
