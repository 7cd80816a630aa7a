import { Command, InvalidArgumentError } from "commander";
import type { Calibrator } from "../../calibration/calibrator.ts";
import { isHubName, parseHubName } from "../../checkpoint/hub/hub_name.ts";
import { AssayError } from "../../error.ts";
import { type ModelToServe, type RunningServer, serve } from "../../server/serve.ts";
import { readCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { loadIdentifiedModel } from "../../fleet/identified_model.ts";
import { sharedBudgets } from "../../tasks/serve/shared_budgets.ts";
import { type AdapterFlags, addAdapterFlags, modelSpec } from "../adapter_options.ts";
import { type ApiKeyFlags, apiKeyOf } from "../api_key_options.ts";
import { countArgument, sizeArgument } from "../arguments.ts";
import { allFromHub } from "../from_hub.ts";
import { cannotListen } from "../listen_address.ts";
import { addHeadFlags } from "../head_options.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { isWindows, onSignal } from "../../runtime/process.ts";

interface ServeFlags extends ModelFlags, AdapterFlags, ApiKeyFlags {
  readonly model?: readonly (readonly [string, string])[] | undefined;
  readonly host: string;
  readonly port: number;
  readonly maxQueue: number;
  readonly maxBody: number;
  readonly deadline: number;
  readonly calibrate?: string | undefined;
  readonly heads?: string | undefined;
}

const description = [
  "Serves reward models over HTTP, in the protocols of their clients.",
  "One process answers rows (/v1/score), vLLM's /classify, /pooling, /score and /rerank, SGLang's, " +
  "text-embeddings-inference's, Cohere's and Jina's addresses, OpenRLHF's /get_reward, slime's " +
  "/remote_rm, NeMo Gym's /verify and promptfoo's webhook; / is a page for people, /openapi.json lists " +
  "everything, /metrics counts. Scores are raw unless a request asks otherwise.",
  "Requests of all clients are computed together, responses to one prompt beside each other. The bits " +
  "of a score do not depend on it.",
].join("\n\n");

const examples = `
Examples:
  assay serve ./my-model
  assay serve ./my-model --port 8080 --api-key-file key.txt --host 0.0.0.0
  assay serve --model fast=./small --model good=./large --memory-budget 12GiB

Exit status: 0 stopped in order (Ctrl-C or SIGTERM: what is queued is answered), 2 nothing could run.`;

/** A server as the command runs it; tests stand in for it. */
export type StartServer = typeof serve;

/**
 * `assay serve`: serves reward models over HTTP.
 *
 * @param output Where output goes.
 * @param start Starts the server.
 * @param stopped Resolves when it is to stop; Ctrl-C and SIGTERM by default.
 */
export function serveCommand(
  output: Output = Output.system(),
  start: StartServer = serve,
  stopped: () => Promise<void> = untilStopped,
): Command {
  const gathered = (value: string, before: readonly (readonly [string, string])[] = []) => [
    ...before,
    namedModel(value),
  ];
  const command = new Command("serve")
    .summary("serve reward models over HTTP")
    .description(description)
    .argument("[model]", `${modelMeaning}; its name is the folder's or the model's`)
    .option("--model <name=folder>", "a further model, which requests choose by its name", gathered)
    .option("--host <address>", "where to listen; 0.0.0.0 for all addresses", "127.0.0.1")
    .option("--port <port>", "the port, 0 for any that is free", portArgument, 8000)
    .option("--api-key <key>", "the key that requests must bring, as Authorization: Bearer KEY")
    .option("--api-key-file <file>", "a file with that key, which no list of processes shows")
    .option("--max-queue <conversations>", "conversations that may wait", countArgument, 1024)
    .option("--max-body <size>", "bytes of a request", sizeArgument, 8 * 2 ** 20)
    .option("--deadline <seconds>", "after which a request is given up", countArgument, 300)
    .option("--heads <file>", "voters' heads in place of the model's own: their mean and spread")
    .option(
      "--calibrate <file>",
      "add calibrated scores to rows, by what assay calibrate --fit saved",
    )
    .addHelpText("after", examples);
  addAdapterFlags(command, "LoRA adapter on the model");
  return addHeadFlags(addModelFlags(command)).action(
    async (model: string | undefined, flags: ServeFlags) => {
      await run(model, flags, output, { start, stopped });
    },
  );
}

async function run(
  model: string | undefined,
  flags: ServeFlags,
  output: Output,
  { start, stopped }: { readonly start: StartServer; readonly stopped: () => Promise<void> },
): Promise<void> {
  const calibrator = flags.calibrate === undefined
    ? undefined
    : await readCalibrator(flags.calibrate);
  const models = await modelsToServe(model, flags, output, calibrator);
  const apiKey = await apiKeyOf(flags);
  if (!isLoopback(flags.host) && apiKey === undefined) {
    await output.warn(
      `anyone who reaches ${flags.host} may use this server: --api-key-file asks for a key`,
    );
  }
  const server = await listen(start, models, {
    host: flags.host,
    port: flags.port,
    apiKey,
    mostWaiting: flags.maxQueue,
    mostBytes: flags.maxBody,
    deadline: 1000 * flags.deadline,
    tokensTogether: flags.batch,
    calibrator,
    log: (message) => void output.warn(message),
  });
  const stop = stopped();
  try {
    await Promise.race([server.ready, stop]);
    await output.note(`serving ${models.map(({ id }) => id).join(", ")} at ${server.address}`);
    await stop;
    await output.note("stopping: what is queued is answered first");
  } finally {
    await server.stop();
  }
}

async function modelsToServe(
  model: string | undefined,
  flags: ServeFlags,
  output: Output,
  calibrator: Calibrator | undefined,
): Promise<ModelToServe[]> {
  const named = [
    ...(model === undefined ? [] : [[nameOf(model), model] as const]),
    ...flags.model ?? [],
  ];
  if (named.length === 0) {
    throw new AssayError("cli/usage", "Cannot serve: expected a model, found none");
  }
  const names = named.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new AssayError("cli/usage", `Cannot serve two models named ${JSON.stringify(twice)}`);
  }
  const own = flags.adapter !== undefined
    ? "--adapter"
    : flags.heads !== undefined
    ? "--heads"
    : undefined;
  if (own !== undefined && named.length > 1) {
    throw new AssayError("cli/usage", `Cannot tell which of several models ${own} is for`);
  }
  const bar = progressBar(output);
  const options = loadOptions(flags, output, bar);
  const folders = await allFromHub(named.map(([, folder]) => folder), output, bar);
  const adapter = await allFromHub(flags.adapter, output, bar);
  const specs = folders.map((folder) => ({
    ...modelSpec(folder, { ...flags, adapter }),
    heads: flags.heads,
  }));
  const budgets = await sharedBudgets(specs.map(({ model }) => model), flags.memoryBudget);
  return specs.map((spec, i) => ({
    id: names[i]!,
    load: async () => {
      const loading = { ...options, memoryBudget: budgets[i] };
      const loaded = await loadIdentifiedModel(spec, loading, calibrator);
      bar.clear();
      return loaded;
    },
  }));
}

/** A port that is taken, or not granted, is told in a sentence. */
async function listen(
  start: StartServer,
  ...operands: Parameters<StartServer>
): Promise<RunningServer> {
  const { host, port } = operands[1];
  try {
    return await start(...operands);
  } catch (cause) {
    throw cannotListen(host, port, "--port", cause);
  }
}

function namedModel(text: string): readonly [string, string] {
  const [, name, folder] = /^([\w.:/-]+?)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || folder === undefined) {
    throw new InvalidArgumentError("Expected NAME=FOLDER.");
  }
  return [name, folder];
}

/** The last part of a path or URL; of a model of the hub its name without a revision. */
function nameOf(model: string): string {
  if (isHubName(model)) return parseHubName(model).repo.split("/")[1]!;
  return model.replace(/[?#].*$/s, "").split(/[/\\]/).findLast((part) => part !== "") ?? model;
}

function portArgument(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError("Expected a port: a whole number up to 65535.");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

/** Resolves at the first Ctrl-C or SIGTERM; the next one ends the process as always. */
function untilStopped(): Promise<void> {
  const signals = isWindows ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = () => {
    for (const silence of silences) silence();
    resolve();
  };
  const silences = signals.map((signal) => onSignal(signal, stop));
  return promise;
}
