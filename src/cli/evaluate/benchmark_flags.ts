import { type Command, InvalidArgumentError } from "commander";
import { AssayError } from "../../error.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import { benchmarkNamed } from "../../evaluation/benchmarks/benchmarks.ts";
import { benchmarkOption } from "../benchmark_layout.ts";

/** The flags of benchmarks. */
export interface BenchmarkFlags {
  readonly benchmark?: string | undefined;
  readonly against?: string | undefined;
  readonly threshold?: number | undefined;
}

/** Adds the flags of benchmarks. */
export function addBenchmarkFlags(command: Command): Command {
  return command
    .addOption(benchmarkOption(
      "read rows as this benchmark publishes them, and judge them by its own rules and averages",
    ))
    .option(
      "--against <file>",
      "another model's scores of the same rows: what differs, and by chance?",
    )
    .option(
      "--threshold <score>",
      "score from which on a step is right, where steps are judged (default: 0.5)",
      thresholdArgument,
    );
}

/** The benchmark that a flag names. */
export function benchmarkOfFlag(name: string | undefined): Benchmark | undefined {
  return name === undefined ? undefined : benchmarkNamed(name);
}

/**
 * Refuses flags that say what a benchmark's rules say already.
 *
 * @throws {AssayError} `cli/usage`.
 */
export function refuseFlags(
  flags: Readonly<Record<string, unknown>>,
  names: readonly string[],
  because: string,
): void {
  const name = names.find((one) => flags[one] !== undefined);
  if (name === undefined) return;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new AssayError(
    "cli/usage",
    `Cannot evaluate: expected no --${flag} ${because}, found it; leave it away`,
  );
}

function thresholdArgument(text: string): number {
  const threshold = Number(text);
  if (text.trim() !== "" && Number.isFinite(threshold)) return threshold;
  throw new InvalidArgumentError("Expected a finite number.");
}
