import { conversationIds } from "../models/vocabulary.ts";
import { type Contestant, measureInTurns } from "../rounds.ts";
import { type Section, table } from "../section.ts";
import { formatNumber, formatSpread, spread } from "../statistics.ts";
import { assayProgram, warmUp } from "./contestants.ts";

/** What a token costs in conversations of other lengths, and in other numbers at once. */
export const lengths: Section = {
  title: "Cost against length and batch",

  async measure(bench) {
    const { settings: { rounds, quick, layers }, files: { shape }, onProgress } = bench;
    const alone = quick ? [64, 128] : [128, 256, 512, 1024, 2048, 4096];
    const together = quick ? [4] : [4, 16];
    const batchLength = quick ? 32 : 128;
    const cases = [
      ...alone.map((length) => ({ count: 1, length })),
      ...together.map((count) => ({ count, length: batchLength })),
    ];
    const contestants = cases.map(({ count, length }): Contestant => ({
      name: `${count} × ${length} tokens`,
      program: () => assayProgram(bench, { sharePrefixes: false }),
      requests: [{
        ask: "score",
        sequences: Array.from({ length: count }, (_, i) => conversationIds(shape, length, i)),
      }],
    }));
    const firstRequests = warmUp(bench, conversationIds(shape, 4 * batchLength, 0));
    const outcomes = await measureInTurns(contestants, { rounds, firstRequests, onProgress });
    const rows = outcomes.map(({ milliseconds, peakBytes, failure }, index) => {
      const { count, length } = cases[index]!;
      const tokens = count * length;
      if (failure !== undefined) return [`${count} × ${length}`, failure, "", ""];
      return [
        `${count} × ${length}`,
        formatNumber(spread(milliseconds).median),
        formatSpread(spread(milliseconds.map((time) => 1000 * tokens / time))),
        peakBytes === undefined ? "–" : `${Math.round(peakBytes / 1e6)}`,
      ];
    });
    return [
      `Assay alone, ${layers} layers, ${rounds} rounds, each line in a process of its own, prompts ` +
      "not shared.",
      table(
        [
          "conversations × tokens",
          "ms",
          "tokens/s: median (least–most)",
          "peak memory, MB",
        ],
        rows,
      ),
    ].join("\n\n");
  },
};
