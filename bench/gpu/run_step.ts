import { parseReport, type Written } from "../report.ts";
import type { Row, TestsRow } from "./rows.ts";
import type { Step } from "./steps.ts";
import { linesOf } from "../../tools/lines_of.ts";

/** How a step ended. A step that was not begun or left out has a reason, and may be run later. */
export type StepState = "done" | "failed" | "cut off" | "not begun" | "left out";

/** What a step came to. */
export interface StepResult {
  readonly name: string;
  readonly state: StepState;
  readonly reason?: string;
  readonly seconds: number;
  /** When it began, in ISO 8601. */
  readonly began?: string;
  /** What its programs printed. */
  readonly rows: readonly Row[];
  /** What the bench wrote. */
  readonly sections: readonly Written[];
}

/** Exit statuses of `timeout`: its limit was reached. */
const cutOff = [124, 137];

/** Reads a program's lines: JSON, and how tests ended. */
export class LineReader {
  readonly #rows: Row[] = [];
  #tests: TestsRow | undefined;

  /** What was told so far. */
  get rows(): Row[] {
    return this.#tests === undefined ? [...this.#rows] : [...this.#rows, this.#tests];
  }

  /** @returns Whether the line told something. */
  read(line: string): boolean {
    const test = /^(\S.*) \.\.\. (ok|FAILED|ignored)\b/.exec(line);
    if (test !== null) {
      const [, name, outcome] = test;
      const { passed, ignored, failed } = this.#tests ?? { passed: 0, ignored: 0, failed: [] };
      this.#tests = {
        row: "tests",
        passed: passed + Number(outcome === "ok"),
        ignored: ignored + Number(outcome === "ignored"),
        failed: outcome === "FAILED" ? [...failed, name!] : failed,
      };
      return true;
    }
    if (!/^\{"(row|check)":/.test(line)) return false;
    try {
      this.#rows.push(JSON.parse(line));
      return true;
    } catch {
      return false; // half a line, of a program that was cut off
    }
  }
}

/** How a step is run. */
export interface RunOptions {
  /** Most seconds for it, where less is left than its own limit. */
  readonly limit: number;
  /** Gets each line of its programs. */
  readonly log: (line: string) => void;
  /** Gets what there is so far, whenever there is more. */
  readonly onResult?: (result: StepResult) => Promise<void>;
}

/** Runs a step within its limit, with all processes that its programs start; keeps what it printed. */
export async function runStep(step: Step, options: RunOptions): Promise<StepResult> {
  const limit = Math.min(step.limit, options.limit);
  const start = performance.now();
  const began = new Date().toISOString();
  const reader = new LineReader();
  if (step.sections !== undefined) await Deno.remove(step.sections).catch(() => {});
  const result = async (state: StepState, reason?: string): Promise<StepResult> => ({
    name: step.name,
    state,
    ...(reason !== undefined && { reason }),
    seconds: (performance.now() - start) / 1000,
    began,
    rows: reader.rows,
    sections: await sectionsIn(step.sections),
  });
  for (const command of step.commands()) {
    const left = limit - (performance.now() - start) / 1000;
    const code = left <= 0 ? cutOff[0]! : await runCommand(command, left, async (line) => {
      options.log(line);
      if (reader.read(line)) await options.onResult?.(await result("cut off", "the kit was ended"));
    });
    if (cutOff.includes(code)) return await result("cut off", `after ${limit.toFixed(0)} s`);
    if (code !== 0) return await result("failed", `exit status ${code}`);
  }
  return await result("done");
}

async function sectionsIn(file: string | undefined): Promise<readonly Written[]> {
  if (file === undefined) return [];
  return parseReport(await Deno.readTextFile(file).catch(() => "")).sections;
}

/** Runs a command under `timeout`, which ends its children too, stopped ones as well. */
async function runCommand(
  command: readonly string[],
  seconds: number,
  onLine: (line: string) => Promise<void>,
): Promise<number> {
  const child = new Deno.Command("timeout", {
    args: ["-k", "5", seconds.toFixed(1), ...command],
    env: { NO_COLOR: "1", NODEVICE_SELECT: "1", ASSAY_NO_INSTALL: "1", PYTHONUNBUFFERED: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const line of linesOf(stream)) {
      await onLine(line);
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  return (await child.status).code;
}
