import { Random } from "./random.ts";
import { targets } from "./targets.ts";
import { linesOf } from "../../tools/lines_of.ts";

/** Milliseconds that one case may take, where nothing else is said. */
const defaultPatience = 2000;
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
  /** Milliseconds that one case may take; 2,000 by default. */
  readonly patience?: number | undefined;
  /** Told of every finding as it comes. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
}

/**
 * Runs cases in processes of their own, one after another; a case that takes too long
 * twice, or ends its process, is a finding, and the cases go on after it.
 */
export async function runTarget(run: FuzzRun): Promise<FuzzReport> {
  const { target, seed, first = 0, cases = 0, seconds = Infinity, patience = defaultPatience } =
    run;
  const outcomes = new Map<string, number>();
  const findings: Finding[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const note = (finding: Finding) => {
    findings.push(finding);
    run.onFinding?.(finding);
  };
  const shared = { target, seed, patience, outcomes, note };
  let next = first;
  for (;;) {
    const left = cases === 0 ? 0 : first + cases - next;
    if (cases !== 0 && left <= 0 || performance.now() >= end) break;
    const told = await runProcess({ ...shared, first: next, cases: left, end });
    next = told.next;
    if (told.broken === undefined) {
      if (told.isDone) break;
      continue;
    }
    // Once more and alone: the machine may have been busy with something else.
    const again = await runProcess({ ...shared, first: next - 1, cases: 1, end: Infinity });
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

/** What one process is to do. */
interface ProcessRun {
  readonly target: string;
  readonly seed: number;
  readonly first: number;
  readonly cases: number;
  readonly patience: number;
  /** When to end it, on the clock of `performance.now()`. */
  readonly end: number;
  readonly outcomes: Map<string, number>;
  readonly note: (finding: Finding) => void;
}

async function runProcess(run: ProcessRun): Promise<Told> {
  const { target, seed, first, cases, outcomes, note } = run;
  const script = new URL("case_process.ts", import.meta.url);
  const flags = ["--no-check", "--allow-read", "--allow-env"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, `--v8-flags=--max-old-space-size=${heap}`, script.href]
      .concat([target, `${seed}`, `${first}`, `${cases}`]),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const watchdog = new Watchdog(child, run);
  let next = first;
  let isDone = false;
  try {
    for await (const line of linesOf(child.stdout)) {
      watchdog.heard();
      const [word = "", rest = ""] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
      if (word === "ready") watchdog.begin();
      else if (word === "case") next = Number(rest) + 1;
      else if (word === "done") isDone = true;
      else if (word === "finding") note(JSON.parse(rest) as Finding);
      else if (word === "outcomes") {
        for (const [outcome, count] of Object.entries(JSON.parse(rest) as Record<string, number>)) {
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
        }
      }
    }
  } finally {
    watchdog.end();
  }
  const { code, signal } = await child.status;
  const told = await errors;
  if (watchdog.isOver) return { next, isDone: true, broken: undefined };
  const broken = watchdog.broken ??
    (isDone ? undefined : `the process ended (${signal ?? `status ${code}`})`);
  if (!watchdog.hasBegun) {
    throw new Error(`The fuzz target ${target} does not start: ${broken}: ${told}`);
  }
  return { next, isDone, broken };
}

/** Ends a process that says nothing for too long, or whose time is over. */
class Watchdog {
  hasBegun = false;
  /** Whether the run's time is over. */
  isOver = false;
  /** What the process was ended for. */
  broken: string | undefined;
  #last = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(child: Deno.ChildProcess, { patience, end }: ProcessRun) {
    const kill = () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
    };
    this.#timer = setInterval(() => {
      const now = performance.now();
      if (now - this.#last > (this.hasBegun ? patience : startPatience)) {
        this.broken = `no end within ${patience / 1000} seconds`;
        kill();
      } else if (now > end) {
        this.isOver = true;
        kill();
      }
    }, 100);
  }

  begin(): void {
    this.hasBegun = true;
  }

  heard(): void {
    this.#last = performance.now();
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
