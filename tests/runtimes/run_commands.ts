/**
 * The whole command line in a runtime: each command once, on the same rows, with what it prints.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { captureOutput } from "../cli/captured_output.ts";
import type { Findings } from "./programs/program.ts";
import { repository } from "./run_programs.ts";

const demo = join(repository, "models/demo");
const tiny = join(repository, "tests/golden/parity/llama");
const rows = join(repository, "examples/conversations.jsonl");

/** What a run of the command line came to. */
export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line with some arguments. */
export type RunCommand = (args: readonly string[]) => Promise<CommandOutcome>;

/** The command line in a process of its own. */
export function inProcess(
  [program, ...flags]: readonly string[],
  env: Readonly<Record<string, string>>,
): RunCommand {
  return async (args) => {
    const { code, stdout, stderr } = await new Deno.Command(program!, {
      args: [...flags, ...args],
      env,
      clearEnv: true,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
}

/** The command line from the source, in this process. */
export const runHere: RunCommand = async (args) => {
  const { output, stdout, stderr } = captureOutput();
  const code = await main(args, output);
  return { code, stdout: stdout(), stderr: stderr() };
};

/** One pair for each of some scores, as `score` writes them. */
function scoredPairs(shift: number): string {
  const lines = Array.from({ length: 24 }, (_, i) =>
    JSON.stringify({
      id: `${i}`,
      prompt: `Count to ${i}`,
      chosen: "one ".repeat(i % 5 + 1),
      rejected: "no ".repeat(i % 3 + 1),
      chosen_score: (i * 7 + shift) % 11 / 3,
      rejected_score: (i * 5 + shift) % 13 / 4,
    }));
  return `${lines.join("\n")}\n`;
}

/** The commands, in the order in which they are run; `out` is a folder of their own. */
function commands(out: string): Readonly<Record<string, readonly string[]>> {
  const [one, other, voted] = ["one.jsonl", "other.jsonl", "voted.jsonl"]
    .map((file) => join(out, file)) as [string, string, string];
  return {
    "score": ["score", demo, rows, "--backend", "wasm"],
    "score, by the twins": ["score", tiny, one, "--backend", "cpu"],
    "calibrate": ["calibrate", one, "--fit", join(out, "calibrator.json")],
    "vote": ["vote", one, other, "--output", voted],
    "vote with models": ["vote", "--model", tiny, "--model", tiny, one, "--cache", out],
    "curate": ["curate", voted, "--recipe", "flip-margin"],
    "evaluate": ["evaluate", one, "--calibrate", join(out, "calibrator.json")],
    "soup": ["soup", tiny, tiny, "--output", join(out, "soup")],
    "fit": ["fit", "head", tiny, one, "--steps", "5", "--output", join(out, "fitted")],
    "inspect": ["inspect", join(out, "fitted")],
    "doctor": ["doctor"],
    "a model that is not there": ["score", join(out, "nothing"), one],
    "rows that are not there": ["score", tiny, join(out, "nothing.jsonl")],
  };
}

/** Commands that must fail, with the code that they end with. */
const failing: Readonly<Record<string, string>> = {
  "a model that is not there": "checkpoint/missing-config",
  "rows that are not there": "data/no-such-file",
};

/** What of a command is no score, or tells of the machine: it must be JSON, and no more. */
const ofMachine: ReadonlySet<string> = new Set(["inspect", "doctor"]);

/**
 * Runs every command. Their standard output must be JSON Lines, and nothing else.
 *
 * @returns The rows of each, by what it does.
 */
export async function findingsOfCommands(runCommand: RunCommand): Promise<Findings> {
  const out = await Deno.makeTempDir();
  const findings: Record<string, unknown> = {};
  try {
    await Deno.writeTextFile(join(out, "one.jsonl"), scoredPairs(0));
    await Deno.writeTextFile(join(out, "other.jsonl"), scoredPairs(3));
    for (const [name, args] of Object.entries(commands(out))) {
      const found = resultsOf(name, await runCommand(args));
      findings[name] = ofMachine.has(name) ? found.length > 0 : found;
    }
    return findings;
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

function resultsOf(name: string, { code, stdout, stderr }: CommandOutcome): unknown[] {
  const expected = failing[name];
  assert.equal(code, expected === undefined ? 0 : 2, `${name}: ${stderr}`);
  if (expected !== undefined) assert.ok(stderr.includes(`[${expected}]`), stderr);
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}
