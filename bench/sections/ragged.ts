import { conversationIds } from "../models/vocabulary.ts";
import { type Contestant, measureInTurns, ratios } from "../rounds.ts";
import { type Section, table } from "../section.ts";
import { formatSpread, spread } from "../statistics.ts";
import { assayProgram, warmUp } from "./contestants.ts";
import realLengths from "./real_lengths.json" with { type: "json" };

/** Conversations of many lengths against as many tokens in conversations of one length. */
export const ragged: Section = {
  title: "Ragged against equal lengths",

  async measure(bench) {
    const { settings: { rounds, quick, layers }, files: { shape }, onProgress } = bench;
    const real = realLengths.lengths.slice(0, quick ? 4 : undefined);
    const total = real.reduce((a, b) => a + b, 0);
    const mean = Math.round(total / real.length);
    const contestant = (name: string, counts: readonly number[]): Contestant => ({
      name,
      program: () => assayProgram(bench, { sharePrefixes: false }),
      requests: [{
        ask: "score",
        sequences: counts.map((tokens, i) => conversationIds(shape, tokens, i)),
      }],
    });
    const firstRequests = warmUp(bench, conversationIds(shape, mean, 0));
    const outcomes = await measureInTurns([
      contestant("ragged", real),
      contestant("equal", real.map(() => mean)),
    ], { rounds, firstRequests, onProgress });
    const [first, second] = outcomes;
    const tokens = [total, mean * real.length];
    const perToken = ratios(first!, second!).map((ratio) => ratio * tokens[0]! / tokens[1]!);
    const longest = Math.max(...real);
    return [
      `${real.length} conversations of ${Math.min(...real)} to ${longest} tokens ` +
      `(${realLengths.source}) against as many of ${mean}; ${layers} layers, ${rounds} rounds. ` +
      `Padded to the longest they would take ${longest * real.length} tokens instead of ${total}.`,
      table(
        ["lengths", "tokens", "tokens/s: median (least–most)"],
        outcomes.map(({ name, milliseconds, failure }, i) => [
          name,
          `${tokens[i]}`,
          failure ?? formatSpread(spread(milliseconds.map((time) => 1000 * tokens[i]! / time))),
        ]),
      ),
      `Tokens/s of ragged over equal lengths: ${formatSpread(spread(perToken))}.`,
    ].join("\n\n");
  },
};
