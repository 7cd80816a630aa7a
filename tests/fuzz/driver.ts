import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { Random } from "./random.ts";
import { targets } from "./targets.ts";

/** Milliseconds that one case may take. */
const patience = 2000;
/** Milliseconds that a target may take to load its files. */
const startPatience = 60_000;
/** Mebibytes that a case's process may take for values. */
const heap = 1024;

/** A case that broke the promise: an AssayError or a result, soon. */
export interface Finding {
  readonly number: number;
  readonly what: string;
  readonly message: string;
  /** The innermost places of the library's code. */
  readonly where: string;
}

/** What a run of a target found. */
export interface FuzzReport {
  readonly cases: number;
  readonly seconds: number;
  /** How often each outcome was: a word for what was accepted, codes of errors. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

/** Which cases to run. */
export interface FuzzRun {
  readonly target: string;
  readonly seed: number;
  /** The first case. */
  readonly first?: number | undefined;
  /** How many; without it, as many as there is time for. */
  readonly cases?: number | undefined;
  readonly seconds?: number | undefined;
  /** Told of every finding as it comes. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
}

/**
 * Runs cases in processes of their own, one after another; a case that takes longer than two
 * seconds twice, or ends its process, is a finding, and the cases go on after it.
 */
export async function runTarget(run: FuzzRun): Promise<FuzzReport> {
  const { target, seed, first = 0, cases = 0, seconds = Infinity } = run;
  const outcomes = new Map<string, number>();
  const findings: Finding[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const note = (finding: Finding) => {
    findings.push(finding);
    run.onFinding?.(finding);
  };
  let next = first;
  for (;;) {
    const left = cases === 0 ? 0 : first + cases - next;
    if (cases !== 0 && left <= 0 || performance.now() >= end) break;
    const told = await runProcess({ target, seed, first: next, cases: left, end, outcomes, note });
    next = told.next;
    if (told.broken === undefined) {
      if (told.isDone) break;
      continue;
    }
    // Once more and alone: the machine may have been busy with something else.
    const again = await runProcess({
      target,
      seed,
      first: next - 1,
      cases: 1,
      end: Infinity,
      outcomes,
      note,
    });
    if (again.broken !== undefined) {
      const { what } = (await targets[target]!()).draw(new Random(seed, next - 1));
      note({ number: next - 1, what, message: again.broken, where: "" });
    }
  }
  const spent = (performance.now() - start) / 1000;
  return { cases: next - first, seconds: spent, outcomes, findings };
}

interface Told {
  /** The case after the last that was begun. */
  readonly next: number;
  readonly isDone: boolean;
  /** What ended the process before its time. */
  readonly broken: string | undefined;
}

async function runProcess(
  { target, seed, first, cases, end, outcomes, note }: {
    readonly target: string;
    readonly seed: number;
    readonly first: number;
    readonly cases: number;
    readonly end: number;
    readonly outcomes: Map<string, number>;
    readonly note: (finding: Finding) => void;
  },
): Promise<Told> {
  const script = new URL("case_process.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      "--allow-env",
      `--v8-flags=--max-old-space-size=${heap}`,
    ]
      .concat([script.href, target, `${seed}`, `${first}`, `${cases}`]),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let next = first;
  let isDone = false;
  let broken: string | undefined;
  let last = performance.now();
  let isReady = false;
  let isOver = false;
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  const watch = setInterval(() => {
    const now = performance.now();
    if (now - last > (isReady ? patience : startPatience)) {
      broken = `no end within ${patience / 1000} seconds`;
      kill();
    } else if (now > end) {
      isOver = true;
      kill();
    }
  }, 100);
  try {
    for await (const line of createInterface({ input: Readable.fromWeb(child.stdout) })) {
      last = performance.now();
      const [word, rest = ""] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
      if (word === "ready") isReady = true;
      else if (word === "case") next = Number(rest) + 1;
      else if (word === "done") isDone = true;
      else if (word === "finding") note(JSON.parse(rest) as Finding);
      else if (word === "outcomes") {
        for (const [outcome, count] of Object.entries(JSON.parse(rest) as Record<string, number>)) {
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
        }
      }
    }
    const { code, signal } = await child.status;
    if (!isDone && !isOver) broken ??= `the process ended (${signal ?? `status ${code}`})`;
  } finally {
    clearInterval(watch);
  }
  const told = await errors;
  if (!isReady && !isOver) {
    throw new Error(`The fuzz target ${target} does not start: ${broken}: ${told}`);
  }
  return { next, isDone: isDone || isOver, broken: isOver ? undefined : broken };
}
