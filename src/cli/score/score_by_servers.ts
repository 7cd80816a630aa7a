import type { Command } from "commander";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import type { BytesRead } from "../../data/input_bytes.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { scoreByServers, type ScoreByServersOptions } from "../../fleet/score_by_servers.ts";
import type { ServerState } from "../../fleet/server_state.ts";
import { files } from "../../runtime/files.ts";
import { laidOutRows } from "../benchmark_layout.ts";
import { apiKeyOf } from "../api_key_options.ts";
import { checkOutputs } from "../check_outputs.ts";
import { startReading } from "../input_rows.ts";
import { listenForInterrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { rowOutput } from "../row_output.ts";
import { scoreTable } from "./score_table.ts";
import { commonFlagNames, serverFlagNames, type ServerScoreFlags } from "./server_options.ts";
import { writeScored } from "./write_scored.ts";

/** What was named on the command line. */
interface Named {
  /** The first argument: with `--server` the input. */
  readonly model: string | undefined;
  readonly input: string;
  readonly flags: ServerScoreFlags;
}

/**
 * `assay score --server`: scores rows with servers.
 *
 * @param command The command, which knows what was given.
 * @param named What was given.
 * @param output Where output goes.
 */
export async function scoreByServersCommand(
  command: Command,
  named: Named,
  output: Output,
): Promise<void> {
  const { flags } = named;
  const input = await inputOf(command, named);
  expectOwnFlags(command, flags);
  const checkpoint = checkpointOf(flags);
  await checkOutputs({ inputs: [input], outputs: [flags.output] });
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const bytes: { last?: BytesRead } = {};
  const options = {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: (read: BytesRead) => bytes.last = read,
  };
  const read = await startReading(input, options, output, bar, interrupt.signal);
  const rows = read && await laidOutRows(read, flags.benchmark, output);
  if (rows === undefined) return await (await rowOutput(output, flags, scoreTable)).close();
  let states: readonly ServerState[] = [];
  const scored = scoreByServers(rows, {
    ...await runOptions(flags),
    checkpoint,
    signal: interrupt.signal,
    onNote: (message) => void output.note(message),
    onStates: (told) => states = told,
  });
  // The first row, before the output is opened: what was there stays where no server is of use.
  const first = await scored.next();
  const writer = await rowOutput(output, flags, scoreTable);
  const onRow = (_: Row, rows: number): void => {
    const { read, byteLength } = bytes.last ?? { read: 0, byteLength: undefined };
    const label = stateText(states);
    if (byteLength === undefined) bar.update(`${label}, rows scored`, rows, undefined);
    else bar.update(`${label}, scoring`, read, byteLength);
  };
  const all = (async function* () {
    if (!first.done) yield first.value;
    yield* scored;
  })();
  const { tally, isWhole } = await writeScored(all, { output, writer, interrupt, onRow });
  bar.clear();
  if (checkpoint !== undefined) {
    if (isWhole) await files.remove(checkpoint);
    else {await output.note(
        `${checkpoint} keeps what was scored: the same command goes on from there`,
      );}
  }
  const by = states.filter(({ rows }) => rows > 0).map(({ server, rows }) =>
    `${server.name} ${rows}`
  );
  await output.note(
    tally.toString(by.length === 0 ? "from the checkpoint" : `by ${by.join(", ")}`),
  );
}

/** How the flags say that servers are asked. */
async function runOptions(flags: ServerScoreFlags): Promise<ScoreByServersOptions> {
  return {
    servers: flags.server!,
    apiKey: await apiKeyOf(flags),
    model: flags.servedModel,
    explain: flags.explain !== undefined,
    allowMixed: flags.allowMixed,
    tokens: flags.shardTokens,
    mostInFlight: flags.maxInFlight,
    timeout: milliseconds(flags.timeout),
    patience: milliseconds(flags.patience),
  };
}

/** With `--server` no model is named: the one argument is the input. */
async function inputOf(command: Command, { model, input }: Named): Promise<string> {
  const usage =
    "with --server the model is the servers': assay score --server URL [--server URL …] [INPUT]";
  if (command.args.length > 1) {
    throw new AssayError(
      "cli/usage",
      `Cannot score ${input} with ${model} and with servers: expected one of them; ${usage}`,
    );
  }
  if (model === undefined) return "-";
  const isHubModel = isHubName(model) && !model.startsWith("hf:datasets/");
  const isFolder = model !== "-" && !isHubName(model) &&
    await files.stat(model).then(({ isDirectory }) => isDirectory, () => false);
  if (isHubModel || isFolder) {
    throw new AssayError("cli/usage", `Cannot read rows from ${model}, which is a model; ${usage}`);
  }
  return model;
}

/** What says how a model is loaded or read is the servers' to say. */
function expectOwnFlags(command: Command, flags: ServerScoreFlags): void {
  if (flags.explain === "tokens") {
    throw new AssayError(
      "cli/usage",
      "Cannot explain tokens with --server: servers explain by --explain alone; do it where the model is",
    );
  }
  const foreign = command.options.find((option) => {
    const name = option.attributeName();
    return !serverFlagNames.has(name) && !commonFlagNames.has(name) &&
      command.getOptionValueSource(name) === "cli";
  });
  if (foreign === undefined) return;
  throw new AssayError(
    "cli/usage",
    `Cannot take ${foreign.long} with --server: expected it where the model is loaded; start the servers ` +
      "with it",
  );
}

function checkpointOf({ checkpoint, output }: ServerScoreFlags): string | undefined {
  if (checkpoint === false) return undefined;
  if (typeof checkpoint === "string") {
    if (checkpoint !== output) return checkpoint;
    throw new AssayError("cli/usage", "Cannot keep a checkpoint in the output: name another file");
  }
  return output === undefined ? undefined : `${output}.shards`;
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : 1000 * seconds;
}

/** `2 of 3 servers`. */
function stateText(states: readonly ServerState[]): string {
  const ready = states.filter(({ isReady }) => isReady).length;
  const of = ready === states.length ? "" : ` of ${states.length}`;
  return `${ready}${of} ${states.length === 1 ? "server" : "servers"}`;
}
