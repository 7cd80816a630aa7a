import { join } from "node:path";
import { operationsPerToken } from "../models/model_shape.ts";
import { conversationIds } from "../models/vocabulary.ts";
import type { Request } from "../peers/serve.ts";
import {
  beyondAvx2,
  flagsIn,
  holdingToAvx2,
  instructionSets,
} from "../processors/instruction_sets.ts";
import { type Contestant, measureInTurns } from "../rounds.ts";
import type { Bench, Section } from "../section.ts";
import { warmUp } from "./contestants.ts";
import {
  type EngineChoice,
  enginesWithoutGpu,
  type EngineWithoutGpu,
} from "./engines_without_gpu.ts";
import { firstVerdicts } from "./first_verdicts.ts";
import { type EngineResult, tablesOf, toldBy } from "./tables_without_gpu.ts";

/** Every engine that needs no GPU: Assay's own, and its peers, with each instruction set. */
export const withoutGpu: Section = {
  title: "Without a GPU",

  async measure(bench) {
    const { settings: { quick, rounds, tokens }, files: { shape }, onProgress } = bench;
    const flags = flagsIn(await Deno.readTextFile("/proc/cpuinfo").catch(() => ""));
    const sets = instructionSets(flags);
    const holding = await holdingToAvx2(join(bench.packages, "../processors"));
    const choice = { sets, holding };
    const short = await measureEngines(bench, {
      ...choice,
      tokens,
      tokensOfTwins: quick ? 8 : 32,
      long: false,
    });
    const longTokens = quick ? 2 * tokens : 2048;
    const long = await measureEngines(bench, {
      ...choice,
      tokens: longTokens,
      tokensOfTwins: undefined,
      long: true,
    });
    const operations = (operationsPerToken(shape) / 1e6).toFixed(0);
    return [
      `${shape.layers} layers × ${shape.hidden}, feed-forward ${shape.feedForward}, ` +
      `${shape.heads} heads, vocabulary ${shape.vocabulary} (${operations} million operations per ` +
      `token in the linear maps); ${rounds} rounds, all engines of a length in turns, each with ` +
      `${bench.cores} threads where its line does not say otherwise. The same ids and numbers as ` +
      "weights for all, from a random bf16 checkpoint; Assay starts from text. Times and scores as " +
      "in the first table of this page; PyTorch's end with the score in Python's hands. How many " +
      "times as fast is by tokens/s, round by round.",
      ...(sets.length > 1
        ? [
          `**AVX-512** is all that the processor has (${beyondAvx2(flags).join(", ")}). ` +
          "**AVX2** is the same processor, with what came after AVX2 and FMA hidden from the engine's " +
          "process (`bench/processors/avx2_only.c` answers its CPUID instructions), so that it takes " +
          "the kernels that it would take on a processor without; clock, caches and memory are still " +
          "those of this one. Engines in WebAssembly and the twins use nothing beyond AVX2: their " +
          "lines are the same measurement in both tables.",
        ]
        : []),
      ...tablesOf(`One sequence of ${tokens} tokens`, sets, short),
      ...tablesOf(`One sequence of ${longTokens} tokens`, sets, long),
      toldBy([...short, ...long]),
      "### Cold start, no GPU",
      await firstVerdicts(rounds, onProgress),
    ].join("\n\n");
  },
};

async function measureEngines(bench: Bench, choice: EngineChoice): Promise<EngineResult[]> {
  const { rounds, engines: named } = bench.settings;
  const engines = enginesWithoutGpu(bench, choice).filter(({ name, kind }) =>
    kind !== "peer" || (named?.some((part) => name.includes(part)) ?? true)
  );
  const outcomes = await measureInTurns(
    engines.map((engine) => contestant(bench, engine)),
    { rounds, onProgress: bench.onProgress },
  );
  return engines.map((engine, index) => ({ ...outcomes[index]!, ...engine }));
}

function contestant(bench: Bench, { name, kind, sets, tokens, program }: EngineWithoutGpu) {
  const sequence = conversationIds(bench.files.shape, tokens, 1);
  const check: Request = { ask: "check", sequences: [sequence] };
  const request: Request = { ask: "score", sequences: [sequence] };
  const warmed = kind === "wasm" || kind === "lavapipe";
  const result: Contestant = {
    name: sets.length === 1 ? `${name} (${sets[0]})` : name,
    program,
    requests: [request],
    firstRequests: warmed ? [check, ...warmUp(bench, sequence)] : [check],
  };
  return result;
}
