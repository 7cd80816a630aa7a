import { reasonIn } from "./first_line.ts";
import { EngineProcess, type EngineProgram } from "./engine_process.ts";
import type { Request } from "./peers/serve.ts";

/** An engine that takes part in a measurement. */
export interface Contestant {
  readonly name: string;
  /** Its program; a function where it must be made first, and may fail. */
  readonly program: () => Promise<EngineProgram>;
  /** What it is asked in each round; all requests together are one measurement. */
  readonly requests: readonly Request[];
  /** What warms it up, not timed; by default what warms all of them up. */
  readonly firstRequests?: readonly Request[];
}

/** What came of a contestant. */
export interface Outcome {
  readonly name: string;
  readonly facts: Readonly<Record<string, string>>;
  /** One measurement for each round: milliseconds. */
  readonly milliseconds: readonly number[];
  /** What it answered last: scores, or samples of a product. */
  readonly numbers: readonly number[] | null;
  readonly loadMilliseconds: number;
  /** Most memory that its process held, in bytes. */
  readonly peakBytes: number | undefined;
  /** Why it could not be measured. */
  readonly failure: string | undefined;
}

/** Options of {@link measureInTurns}. */
export interface MeasureOptions {
  readonly rounds: number;
  /** What warms each contestant up, not timed; its own requests by default. */
  readonly firstRequests?: readonly Request[];
  readonly onProgress: (text: string) => void;
}

interface Running {
  readonly contestant: Contestant;
  process: EngineProcess | undefined;
  milliseconds: number[];
  numbers: readonly number[] | null;
  peakBytes?: number | undefined;
  failure?: string;
}

/**
 * Measures engines in turns: all are loaded and warmed up, then each round asks one after the other,
 * so that whatever slows the machine down slows all of them. An engine that fails is left out from
 * there on and its reason kept.
 */
export async function measureInTurns(
  contestants: readonly Contestant[],
  { rounds, firstRequests, onProgress }: MeasureOptions,
): Promise<Outcome[]> {
  const all: Running[] = contestants.map((contestant) => ({
    contestant,
    process: undefined,
    milliseconds: [],
    numbers: null,
  }));
  try {
    for (const running of all) {
      const { name, program, requests, firstRequests: own } = running.contestant;
      onProgress(`${name}: loading and warming up`);
      await attempt(running, async () => {
        running.process = await EngineProcess.start(await program());
        await askAll(running, own ?? firstRequests ?? requests);
      });
      if (running.failure !== undefined) onProgress(`${name}: ${running.failure}`);
    }
    for (let round = 1; round <= rounds; round++) {
      for (const running of all) {
        const { process, failure, contestant: { name, requests } } = running;
        if (process === undefined || failure !== undefined) continue;
        await attempt(running, async () => {
          const milliseconds = await askAll(running, requests);
          running.milliseconds.push(milliseconds);
          onProgress(`round ${round} of ${rounds}, ${name}: ${milliseconds.toFixed(0)} ms`);
        });
      }
    }
    for (const running of all) running.peakBytes = await running.process?.peakBytes();
  } finally {
    await Promise.all(all.map(({ process }) => process?.kill()));
  }
  return all.map((
    { contestant: { name }, process, milliseconds, numbers, peakBytes, failure },
  ) => ({
    name,
    facts: process?.facts ?? {},
    milliseconds,
    numbers,
    loadMilliseconds: process?.loadMilliseconds ?? NaN,
    peakBytes,
    failure,
  }));
}

async function attempt(running: Running, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    running.failure = reasonIn(error instanceof Error ? error.message : String(error));
    await running.process?.kill();
  }
}

/** Asks one request after the other; returns their time together and keeps the last numbers. */
async function askAll(running: Running, requests: readonly Request[]): Promise<number> {
  let sum = 0;
  const numbers: number[] = [];
  for (const request of requests) {
    const reply = await running.process!.ask(request);
    sum += reply.milliseconds;
    numbers.push(...reply.numbers ?? []);
  }
  if (numbers.length > 0) running.numbers = numbers;
  return sum;
}

/** Round by round, how many times longer the other engine took; [NaN] where one was not measured. */
export function ratios(ours: Outcome, theirs: Outcome): number[] {
  const rounds = Math.min(ours.milliseconds.length, theirs.milliseconds.length);
  if (rounds === 0) return [NaN];
  return Array.from(
    { length: rounds },
    (_, round) => theirs.milliseconds[round]! / ours.milliseconds[round]!,
  );
}
