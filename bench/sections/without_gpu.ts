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
import { type EngineResult, tablesOf, toldBy } from "./tables_without_gpu.ts";

/** Every engine that needs no GPU: Assay's own, and its peers, with each instruction set. */
export const withoutGpu: Section = {
  title: "Without a GPU",

  async measure(bench) {
    const { quick, tokens } = bench.settings;
    const choice = await choose(bench, { tokens, tokensOfTwins: quick ? 8 : 16, long: false });
    const results = await measureEngines(bench, choice);
    return [
      ...circumstances(bench, choice),
      ...tablesOf(`One sequence of ${tokens} tokens`, choice.sets, results),
      toldBy(results),
    ].join("\n\n");
  },
};

/** The same with a long conversation, where attention weighs, through the fastest engines. */
export const withoutGpuLong: Section = {
  title: "Without a GPU, a long conversation",

  async measure(bench) {
    const tokens = bench.settings.quick ? 128 : 2048;
    const choice = await choose(bench, { tokens, tokensOfTwins: 0, long: true });
    const results = await measureEngines(bench, choice);
    return [
      `As in the section before; ${bench.settings.rounds} rounds.`,
      ...tablesOf(`One sequence of ${tokens} tokens`, choice.sets, results),
      toldBy(results),
    ].join("\n\n");
  },
};

async function choose(
  bench: Bench,
  wanted: Pick<EngineChoice, "tokens" | "tokensOfTwins" | "long">,
): Promise<EngineChoice & { readonly beyond: readonly string[] }> {
  const flags = flagsIn(await Deno.readTextFile("/proc/cpuinfo").catch(() => ""));
  const holding = await holdingToAvx2(join(bench.packages, "../processors"));
  return { ...wanted, holding, sets: instructionSets(flags), beyond: beyondAvx2(flags) };
}

function circumstances(
  { settings: { rounds }, cores, files: { shape } }: Bench,
  { sets, beyond }: Pick<EngineChoice, "sets"> & { readonly beyond: readonly string[] },
): string[] {
  const operations = (operationsPerToken(shape) / 1e6).toFixed(0);
  return [
    `${shape.layers} layers × ${shape.hidden}, feed-forward ${shape.feedForward}, ` +
    `${shape.heads} heads, vocabulary ${shape.vocabulary} (${operations} million operations per ` +
    `token in the linear maps); ${rounds} rounds, all engines in turns, each with ${cores} threads ` +
    "where its line does not say otherwise. The same ids and numbers as weights for all, from a " +
    "random bf16 checkpoint; Assay starts from text. Times and scores as in the first table of this " +
    "page; PyTorch's end with the score in Python's hands. How many times as fast is by tokens/s, " +
    "round by round; the twins score fewer tokens, each of which costs them about the same.",
    ...(sets.length === 1 ? [] : [
      `**AVX-512** is all that the processor has (${beyond.join(", ")}). **AVX2** is the same ` +
      "processor, with what came after AVX2 and FMA hidden from the engine's process " +
      "(`bench/processors/avx2_only.c` answers its CPUID instructions), so that it takes the kernels " +
      "that it would take on a processor without; clock, caches and memory are still those of this " +
      "one. Engines in WebAssembly and the twins use nothing beyond AVX2: their lines are the same " +
      "measurement in both tables.",
    ]),
  ];
}

async function measureEngines(bench: Bench, choice: EngineChoice): Promise<EngineResult[]> {
  const { rounds, engines: named } = bench.settings;
  const engines = enginesWithoutGpu(bench, choice).filter(({ name, kind }) =>
    kind !== "peer" || (named?.some((part) => name.includes(part)) ?? true)
  );
  const outcomes = await measureInTurns(
    engines.map((engine) => contestant(bench, engine, choice.long)),
    { rounds, onProgress: bench.onProgress },
  );
  return engines.map((engine, index) => ({ ...outcomes[index]!, ...engine }));
}

function contestant(
  bench: Bench,
  { name, kind, sets, tokens, program }: EngineWithoutGpu,
  long: boolean,
): Contestant {
  const sequence = conversationIds(bench.files.shape, tokens, 1);
  const check: Request = { ask: "check", sequences: [sequence] };
  const request: Request = { ask: "score", sequences: [sequence] };
  // Checking a long sequence is work enough for lavapipe's tiles to be chosen.
  const more = kind === "lavapipe" && !long ? warmUp(bench, sequence) : kind === "wasm"
    ? [request] // by then V8 has optimised it
    : [];
  return {
    name: sets.length === 1 ? `${name} (${sets[0]})` : name,
    program,
    requests: [request],
    firstRequests: [check, ...more],
  };
}
