import { Command } from "commander";
import {
  type CountedWorker,
  serveWorkerMetrics,
  type WorkerMetricsServer,
} from "../fleet/worker_metrics.ts";
import { FleetWorker } from "../fleet/queue/fleet_worker.ts";
import { type OpenedWorkerModel, openWorkerModel } from "../fleet/queue/open_worker_model.ts";
import { isWindows, onSignal } from "../runtime/process.ts";
import { type AdapterFlags, addAdapterFlags, modelSpec } from "./adapter_options.ts";
import { countArgument } from "./arguments.ts";
import { addressArgument, cannotListen, type ListenAddress } from "./listen_address.ts";
import { addQueueFlags, openQueue, type QueueFlags } from "./fleet/queue_options.ts";
import { allFromHub, fromHub } from "./from_hub.ts";
import { addHeadFlags } from "./head_options.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "./model_options.ts";
import { Output } from "./output.ts";
import { progressBar } from "./progress_bar.ts";

interface WorkerFlags extends ModelFlags, AdapterFlags, QueueFlags {
  readonly as?: string | undefined;
  readonly run?: string | undefined;
  readonly untilDone?: true | undefined;
  readonly grace: number;
  readonly metrics?: ListenAddress | undefined;
}

const description = [
  "Scores the rows of runs that assay fleet submit put into a queue.",
  "Any number of workers may come and go. A job is acknowledged when its result is in the queue: what a " +
  "worker had in hand when it was killed goes to another one. A worker whose model, kernels, precision, " +
  "settings or version differ from those of a run's first worker is refused by name, since its bits may " +
  "differ.",
].join("\n\n");

const examples = `
Examples:
  assay worker ./my-model --queue nats://queue:4222
  assay worker hf:Skywork/Skywork-Reward-V2-Qwen3-0.6B --queue tls://queue:4222 --creds worker.creds
  assay worker ./my-model --run run1 --until-done

Exit status: 0 stopped in order (Ctrl-C or SIGTERM: the job in hand is finished, or given back after
--grace seconds), 2 nothing could run.`;

/** Loads a worker's model; tests stand in for it. */
export type OpenWorkerModel = typeof openWorkerModel;

/**
 * `assay worker`: scores the rows of a queue.
 *
 * @param output Where output goes.
 * @param open Loads the model.
 */
export function workerCommand(
  output: Output = Output.system(),
  open: OpenWorkerModel = openWorkerModel,
): Command {
  const command = new Command("worker")
    .summary("score the rows of a queue")
    .description(description)
    .argument("<model>", modelMeaning)
    .option("--as <name>", "what runs call the model (default: the last part of MODEL)")
    .option("--run <name>", "work for that run alone (default: for all that want the model)")
    .option("--until-done", "end when nothing is left to do")
    .option(
      "--grace <seconds>",
      "that a job may take after Ctrl-C or SIGTERM",
      countArgument,
      20,
    )
    .option(
      "--metrics <address>",
      "serve figures for Prometheus there, as 127.0.0.1:9100 or 0.0.0.0:9100 (/metrics, /live)",
      addressArgument,
    )
    .addHelpText("after", examples);
  addAdapterFlags(command, "LoRA adapter on the model");
  return addHeadFlags(addModelFlags(addQueueFlags(command))).action(
    async (model: string, flags: WorkerFlags) => await run(model, flags, output, open),
  );
}

async function run(
  model: string,
  flags: WorkerFlags,
  output: Output,
  open: OpenWorkerModel,
): Promise<void> {
  using bar = progressBar(output);
  await using connection = await openQueue(flags, output, "assay worker");
  const spec = modelSpec(await fromHub(model, output, bar), {
    ...flags,
    adapter: await allFromHub(flags.adapter, output, bar),
  });
  const name = flags.as ?? nameOf(model);
  using opened = await openModel(open, name, spec, flags, output, bar);
  bar.clear();
  const worker = new FleetWorker(connection, opened, {
    run: flags.run,
    untilDone: flags.untilDone,
    grace: flags.grace,
    onNote: (message) => void output.warn(message),
  });
  await using metrics = await listenForMetrics(flags.metrics, {
    model: name,
    identity: opened.identity,
    counts: () => worker.figures.told,
  });
  if (metrics !== undefined) await output.note(`figures at ${metrics.address}/metrics`);
  using _signals = stopOnSignals(worker, output);
  await output.note(`worker ${worker.id} scores as ${name}`);
  await worker.work();
  const { rows, tokens, seconds } = worker.figures.told;
  await output.note(
    `${rows} rows scored; ${tokens} tokens in ${seconds.toFixed(1)} s of computing`,
  );
}

/** A port that is taken, or not granted, is told in a sentence. */
async function listenForMetrics(
  address: ListenAddress | undefined,
  worker: CountedWorker,
): Promise<WorkerMetricsServer | undefined> {
  if (address === undefined) return undefined;
  const { host, port } = address;
  try {
    return await serveWorkerMetrics(worker, host, port);
  } catch (cause) {
    throw cannotListen(host, port, "--metrics", cause);
  }
}

async function openModel(
  open: OpenWorkerModel,
  name: string,
  spec: ReturnType<typeof modelSpec>,
  flags: WorkerFlags,
  output: Output,
  bar: ReturnType<typeof progressBar>,
): Promise<OpenedWorkerModel> {
  return await open(name, spec, loadOptions(flags, output, bar));
}

/** The first signal lets the job in hand be finished, the second gives it back. */
function stopOnSignals(worker: FleetWorker, output: Output): Disposable {
  const signals = isWindows ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;
  let heard = 0;
  const hear = () => {
    if (heard++ > 0) return worker.abort();
    worker.stop();
    void output.note("stopping: the job in hand is finished first");
  };
  const silences = signals.map((signal) => onSignal(signal, hear));
  return { [Symbol.dispose]: () => silences.forEach((silence) => silence()) };
}

/** The last part of a path or an address; of a model of the hub its name without a revision. */
function nameOf(model: string): string {
  const path = model.replace(/^hf:/, "").replace(/@.*$/s, "").replace(/[?#].*$/s, "");
  return path.split(/[/\\]/).findLast((part) => part !== "") ?? model;
}
