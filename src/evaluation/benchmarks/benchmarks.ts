import { ownValue } from "../../own_value.ts";
import type { Benchmark, BenchmarkColumns } from "./benchmark.ts";
import { helpSteer } from "./helpsteer.ts";
import { hh } from "./hh.ts";
import { judgeBench } from "./judgebench.ts";
import { nectar } from "./nectar.ts";
import { ppe } from "./ppe.ts";
import { prm800k } from "./prm800k.ts";
import { processBench } from "./process_bench.ts";
import { rewardBench } from "./rewardbench.ts";
import { rewardBench2 } from "./rewardbench2.ts";
import { rmBench } from "./rm_bench.ts";
import { rmb } from "./rmb.ts";
import { shp } from "./shp.ts";
import { ultraFeedback } from "./ultrafeedback.ts";

/** Every benchmark and preference set that Assay reads as it is published. */
export const benchmarks: readonly Benchmark[] = [
  rewardBench,
  rewardBench2,
  rmBench,
  judgeBench,
  rmb,
  ppe,
  helpSteer,
  ultraFeedback,
  shp,
  hh,
  nectar,
  prm800k,
  processBench,
];

/** The benchmark of a name; `undefined` for another name. */
export function benchmarkNamed(name: string): Benchmark | undefined {
  return benchmarks.find((benchmark) => benchmark.name === name);
}

/**
 * The benchmark that a row says or shows it belongs to: by its column `benchmark`, as Assay writes it,
 * or by a layout that could be no other's.
 */
export function benchmarkOfRow(row: BenchmarkColumns): Benchmark | undefined {
  const own = ownValue(row, "benchmark");
  const named = typeof own === "string" ? benchmarkNamed(own) : undefined;
  if (named !== undefined) return named;
  const found = benchmarks.filter((benchmark) => benchmark.isUnmistakable?.(row));
  return found.length === 1 ? found[0] : undefined;
}
