import { Command, CommanderError } from "commander";
import configuration from "../../deno.json" with { type: "json" };
import { workersEnded } from "../runtime/worker_end.ts";
import { type ExitStatus, Output, OutputClosed } from "./output.ts";

type MakeCommand = (output: Output) => Command;

/**
 * The commands, in the order of `assay --help`. To add one: export `<name>Command(output)` from its
 * own file and name it here. Only the one that runs is loaded: what the others need would take longer
 * than what this one does before its first result.
 */
const commands: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  score: async () => (await import("./score/score.ts")).scoreCommand,
  calibrate: async () => (await import("./calibrate/calibrate.ts")).calibrateCommand,
  vote: async () => (await import("./vote/vote.ts")).voteCommand,
  curate: async () => (await import("./curate/curate.ts")).curateCommand,
  quantize: async () => (await import("./quantize.ts")).quantizeCommand,
  soup: async () => (await import("./soup.ts")).soupCommand,
  fit: async () => (await import("./fit/fit.ts")).fitCommand,
  probe: async () => (await import("./probe/probe.ts")).probeCommand,
  evaluate: async () => (await import("./evaluate/evaluate.ts")).evaluateCommand,
  audit: async () => (await import("./audit/audit.ts")).auditCommand,
  serve: async () => (await import("./serve/serve.ts")).serveCommand,
  fleet: async () => (await import("./fleet/fleet.ts")).fleetCommand,
  worker: async () => (await import("./worker.ts")).workerCommand,
  inspect: async () => (await import("./inspect/inspect.ts")).inspectCommand,
  models: async () => (await import("./models.ts")).modelsCommand,
  doctor: async () => (await import("./doctor/doctor.ts")).doctorCommand,
};

/** The command that is named; where none is, all of them, for the help and for the error. */
async function wantedCommands(args: readonly string[]): Promise<MakeCommand[]> {
  if (args[0] === "-V" || args[0] === "--version") return []; // prints it, whatever follows
  const name = args.find((arg) => !arg.startsWith("-"));
  const isOne = name !== undefined && Object.hasOwn(commands, name);
  const wanted = isOne ? [commands[name]!] : Object.values(commands);
  return await Promise.all(wanted.map((load) => load()));
}

/**
 * Runs the command line.
 *
 * @param args What follows `assay`.
 * @param output Where output goes; this process's own by default.
 * @returns The exit status: 0 all rows fine, 1 some rows failed, 2 wrong usage or nothing could run.
 */
export async function main(
  args: readonly string[],
  output: Output = Output.system(),
): Promise<ExitStatus> {
  const wanted = await wantedCommands(args);
  const status = await run(wanted.map((command) => command(output)), args, output);
  await workersEnded(); // the process exits next
  return status;
}

/**
 * Runs one of some commands; what {@link main} does, for any set of them.
 *
 * @param commands The commands to choose from.
 * @param args What follows `assay`.
 * @param output Where output goes.
 * @returns The exit status.
 */
export async function run(
  commands: readonly Command[],
  args: readonly string[],
  output: Output,
): Promise<ExitStatus> {
  const said = { out: "", err: "" };
  let isUsage = false;
  try {
    await rootCommand(commands, output, said).parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) isUsage = error.exitCode !== 0; // it has said why
    else await failed(output, error);
  }
  try {
    await sayAll(output, said);
  } catch (error) {
    await failed(output, error);
  }
  return isUsage ? 2 : output.status;
}

async function failed(output: Output, error: unknown): Promise<void> {
  if (error instanceof OutputClosed) output.closed();
  else await output.fail(error);
}

const exitStatuses = `
Exit status: 0 all rows fine, 1 some rows failed (each has an error), 2 wrong usage or nothing
could run.`;

function rootCommand(
  commands: readonly Command[],
  output: Output,
  said: { out: string; err: string },
): Command {
  const root = new Command("assay")
    .description("Scores answers with reward models.")
    .version(configuration.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", exitStatuses)
    .option("--verbose", "show the cause and the stack of an error")
    .on("option:verbose", () => output.verbose = true)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => said.out += text,
      writeErr: (text) => said.err += text,
      outputError: (text, write) => write(usageError(text)),
      getOutHelpWidth: () => output.stdout.columns,
      getErrHelpWidth: () => output.stderr.columns,
      // Their defaults read the environment, which would need a permission.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const command of commands) root.addCommand(withSettingsOf(root, command));
  return root;
}

/** A command that takes usage errors, help and output as its parent does, down to its own commands. */
function withSettingsOf(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent);
  for (const part of command.commands) withSettingsOf(command, part);
  return command;
}

/** Commander's own `error: …` lines, as every other error is told. */
function usageError(text: string): string {
  const message = text.trim().replace(/^error: /, "").replaceAll("\n", " ");
  return `assay: ${message} [cli/usage]\n`;
}

async function sayAll(output: Output, said: { out: string; err: string }): Promise<void> {
  if (said.err !== "") await output.noteLines(said.err);
  if (said.out !== "") await output.writeText(said.out);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
