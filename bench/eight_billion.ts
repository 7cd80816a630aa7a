/**
 * A model of 8 billion weights within 4 GiB: makes it where it is not there, scores with it, and writes
 * what that took into `bench/EIGHT_BILLION.md`:
 * `deno run --allow-all bench/eight_billion.ts FOLDER`.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type LoadOptions, type Progress, RewardModel } from "../mod.ts";
import { formatNumber } from "./statistics.ts";
import { busyCores, describeMachine } from "./machine.ts";
import { armo8b, writeArmoCheckpoint } from "./models/armo_checkpoint.ts";
import { llama3Conversation } from "./models/llama3_vocabulary.ts";
import { table } from "./section.ts";

const usage = `Usage: deno run --allow-all bench/eight_billion.ts FOLDER [options]

Makes a model in the shape of ArmoRM-Llama3-8B-v0.1 in FOLDER (15 GB) where there is none, scores
conversations with it, and writes bench/EIGHT_BILLION.md.

  --backend NAME        auto, gpu or wasm (default auto)
  --budget GIB          memory for weights and matrices (default 4)
  --batch N             tokens of a pack (default 2048)
  --conversations N     (default 12)
  --tokens N            tokens of them all, about (default 1200)
  --results FILE        the file to write
  --dry                 print, write nothing
`;

/** What a run is told. */
interface Run {
  readonly folder: string;
  readonly options: LoadOptions & { readonly backend: "auto" | "gpu" | "wasm" };
  readonly conversations: number;
  readonly tokens: number;
  readonly results: string | undefined;
}

const gibibyte = 2 ** 30;

function readRun(args: readonly string[]): Run | undefined {
  const option = { type: "string" } as const;
  const { values, positionals: [folder] } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      backend: { ...option, default: "auto" },
      budget: { ...option, default: "4" },
      batch: option,
      conversations: { ...option, default: "12" },
      tokens: { ...option, default: "1200" },
      results: option,
      dry: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (folder === undefined || values.help) return undefined;
  const page = new URL("EIGHT_BILLION.md", import.meta.url).pathname;
  return {
    folder,
    options: {
      backend: values.backend as Run["options"]["backend"],
      memoryBudget: Number(values.budget) * gibibyte,
      tokensPerPack: values.batch === undefined ? undefined : Number(values.batch),
    },
    conversations: Number(values.conversations),
    tokens: Number(values.tokens),
    results: values.dry ? undefined : values.results ?? page,
  };
}

/** What was told after a layer, and when. */
interface Told {
  readonly seconds: number;
  readonly wave: NonNullable<Progress["wave"]>;
}

/** Conversations of several lengths around their mean, the shortest first. */
function conversationsOf({ conversations, tokens }: Run) {
  const mean = tokens / conversations;
  return Array.from({ length: conversations }, (_, i) => {
    const share = conversations === 1 ? 1 : 0.3 + 1.4 * i / (conversations - 1);
    return llama3Conversation(armo8b.vocabulary, Math.round(mean * share), i);
  });
}

/** Most memory that this process held until now, in bytes; NaN where the system does not tell. */
async function peakResident(): Promise<number> {
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? NaN);
}

async function measure(run: Run): Promise<string> {
  const exists = await Deno.stat(join(run.folder, "config.json")).then(() => true, () => false);
  if (!exists) await writeArmoCheckpoint(run.folder, armo8b, (file) => console.error(file));
  const busy = await busyCores();
  const loads = Deno.loadavg();
  const start = new Date();
  const begun = performance.now();
  using model = await RewardModel.load(run.folder, run.options);
  const loaded = (performance.now() - begun) / 1000;
  const told: Told[] = [];
  let counted = 0;
  const from = performance.now();
  const onProgress = ({ wave }: Progress): void => {
    counted = Math.max(counted, model.deviceBytes);
    if (wave === undefined) return;
    const seconds = (performance.now() - from) / 1000;
    told.push({ seconds, wave });
    const left = wave.secondsLeft?.toFixed(0) ?? "?";
    console.error(
      `wave ${wave.wave} of ${wave.waves ?? "?"}, layer ${wave.layer} of ${wave.layers}, ` +
        `${seconds.toFixed(0)} s, ${left} s left`,
    );
  };
  const conversations = conversationsOf(run);
  const verdicts = await model.score(conversations, { onProgress });
  const seconds = (performance.now() - from) / 1000;
  const failed = verdicts.find(({ error }) => error !== null);
  if (failed) throw failed.error;
  const tokens = verdicts.reduce((sum, verdict) => sum + verdict.tokens, 0);
  const aloneFrom = performance.now();
  const [alone] = conversations.length === 1
    ? verdicts
    : await model.score(conversations.slice(0, 1));
  const aloneSeconds = (performance.now() - aloneFrom) / 1000;
  const same = JSON.stringify(alone) === JSON.stringify(verdicts[0]);
  const gib = (bytes: number): string => `${(bytes / gibibyte).toFixed(2)} GiB`;
  const last = told.at(-1)!.wave;
  const facts: [string, string][] = [
    ["kernels", model.kernels],
    ["conversations, tokens", `${conversations.length}, ${tokens}`],
    ["load (plan, head, tokenizer, choice of engine)", `${loaded.toFixed(1)} s`],
    ["scoring", `${seconds.toFixed(0)} s, ${formatNumber(tokens / seconds)} tokens/s`],
    ["waves", `${last.wave}, of ${last.layers} layers each`],
    ["memory for weights and matrices, budget", gib(run.options.memoryBudget!)],
    ["by the plan, at most", gib(model.plan.peakBytes)],
    ["by count, at most", gib(counted)],
    ["peak resident memory of the process", gib(await peakResident())],
    [
      "the first conversation alone",
      conversations.length === 1
        ? "–"
        : `${verdicts[0]!.tokens} tokens, ${aloneSeconds.toFixed(0)} s, ` +
          (same ? "the same bits" : "**other bits**"),
    ],
    [
      "scores",
      `${Math.min(...verdicts.map(({ score }) => score!)).toFixed(3)} to ` +
      Math.max(...verdicts.map(({ score }) => score!)).toFixed(3),
    ],
  ];
  const clock = (date: Date): string => date.toISOString().slice(11, 16);
  return [
    `Measured ${start.toISOString().slice(0, 10)}, ${clock(start)}–${clock(new Date())} UTC, ` +
    `backend ${run.options.backend}; other work took ${busy.toFixed(1)} of ` +
    `${navigator.hardwareConcurrency} cores just before; load average ${
      loads[0]!.toFixed(1)
    } at the ` +
    `beginning, ${Deno.loadavg()[0]!.toFixed(1)} at the end, this run's own included.`,
    table(["", ""], facts),
    predictions(told, seconds),
  ].join("\n\n");
}

/** What was said of the time left, against what it was. */
function predictions(told: readonly Told[], seconds: number): string {
  const known = told.filter(({ wave }) => wave.secondsLeft !== undefined && wave.layer > 0);
  const chosen = known.filter(({ wave: { layer, layers } }) =>
    [1, 2, 4, 8, 16, 24, 28].includes(layer) && layer < layers
  );
  const worst = known.filter(({ wave: { wave, layer, layers } }) =>
    (wave > 1 || layer >= 3) && layer <= layers - 4
  ).map((one) => Math.abs(ratio(one, seconds) - 1));
  return [
    table(
      ["wave", "layers done", "seconds so far", "said to be left", "were left", "said over actual"],
      chosen.map((one) => [
        `${one.wave.wave} of ${one.wave.waves}`,
        `${one.wave.layer}`,
        one.seconds.toFixed(0),
        one.wave.secondsLeft!.toFixed(0),
        (seconds - one.seconds).toFixed(0),
        ratio(one, seconds).toFixed(2),
      ]),
    ),
    `From the third layer to the fourth but last the time left was said right within ` +
    `${(100 * Math.max(...worst)).toFixed(0)} %.`,
  ].join("\n\n");
}

function ratio({ wave, seconds }: Told, all: number): number {
  return wave.secondsLeft! / (all - seconds);
}

const run = readRun(Deno.args);
if (run === undefined) {
  console.error(usage);
  Deno.exitCode = 2;
} else {
  const text = await measure(run);
  console.log(text);
  if (run.results !== undefined) {
    const head =
      "# 8 billion weights in 4 GiB\n\nWritten by `bench/eight_billion.ts`: a model in the " +
      "exact shape of ArmoRM-Llama3-8B-v0.1 with random weights (15 GB of bf16 in four files), " +
      "streamed from the disk layer by layer.\n\n";
    const machine = (await describeMachine()).slice(0, 4).map((line) => `- ${line}`).join("\n");
    await Deno.writeTextFile(run.results, `${head}${machine}\n\n${text}\n`);
  }
}
