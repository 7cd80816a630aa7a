import { conversationIds } from "../models/vocabulary.ts";
import { type Contestant, measureInTurns, type Outcome, ratios } from "../rounds.ts";
import { type Section, table } from "../section.ts";
import { formatSpread, spread } from "../statistics.ts";
import { assayProgram } from "./contestants.ts";

const engines = ["gpu", "wasm"] as const;
/** Tokens of each conversation. */
const each = 256;

/** Layers that are streamed from the disk against layers that stay, on both engines. */
export const streaming: Section = {
  title: "Streamed against resident",

  async measure(bench) {
    const { settings: { rounds, quick, layers, backend }, files: { shape }, onProgress } = bench;
    const tokens = quick ? 1024 : 4096;
    const sequences = Array.from(
      { length: tokens / each },
      (_, i) => conversationIds(shape, each, i),
    );
    const chosen = engines.filter((engine) => backend === undefined || backend === engine);
    const contestants = chosen.flatMap((engine) =>
      (["resident", "streamed"] as const).map((held): Contestant => ({
        name: `${engine}, ${held}`,
        program: () => assayProgram(bench, { backend: engine, layers: held }),
        requests: [{ ask: "score", sequences }],
      }))
    );
    const outcomes = await measureInTurns(contestants, { rounds, onProgress });
    const pairs = chosen.map((engine, i): [string, Outcome, Outcome] => [
      engine,
      outcomes[2 * i]!,
      outcomes[2 * i + 1]!,
    ]);
    const speed = ({ milliseconds, failure }: Outcome): string =>
      failure ?? formatSpread(spread(milliseconds.map((time) => 1000 * tokens / time)));
    return [
      `${sequences.length} conversations of ${each} tokens, ${tokens} tokens, in one wave; ` +
      `${layers} layers × ${shape.hidden}, ${rounds} rounds in turns. The file lies in the page ` +
      "cache. What a layer computes for each byte that is read does not depend on its width.",
      table(
        [
          "engine",
          "resident, tokens/s",
          "streamed, tokens/s",
          "streamed is so many times as fast",
          "bits",
        ],
        pairs.map(([engine, resident, streamed]) => [
          engine,
          speed(resident),
          speed(streamed),
          formatSpread(spread(ratios(streamed, resident))),
          JSON.stringify(resident.numbers) === JSON.stringify(streamed.numbers)
            ? "the same"
            : "**others**",
        ]),
      ),
    ].join("\n\n");
  },
};
