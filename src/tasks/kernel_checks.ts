import { AssayError } from "../error.ts";
import type { Backend } from "../ops/backend.ts";
import { compareWithTwin, trials } from "../ops/checks/trials.ts";
import { CpuBackend } from "../ops/cpu_backend.ts";
import { matmul } from "../ops/matmul.ts";
import type { Weight } from "../ops/weight.ts";
import type { Check } from "./machine_check.ts";

/** Largest difference of a kernel from its CPU twin that rounding explains, relative. */
const tolerance = 1e-4;
/** Trials of each kernel, each with other shapes. */
const trialsOfKernel = 5;

/**
 * Holds every kernel of a backend against its CPU twin, on shapes drawn at random.
 *
 * @param name What the checks are called, with the kernel's name after it.
 * @param advice What to do about a kernel that is wrong.
 */
export async function* kernelChecks(
  backend: Backend,
  name: string,
  advice: string,
): AsyncGenerator<Check> {
  using cpu = new CpuBackend();
  for (const [kernel, trial] of Object.entries(trials)) {
    const check = `${name} ${kernel}`;
    try {
      let largest = 0;
      for (let seed = 1; seed <= trialsOfKernel; seed++) {
        const difference = await compareWithTwin(trial, backend, cpu, seed);
        if (!(difference <= largest)) largest = difference; // keeps a NaN
      }
      const ok = largest <= tolerance;
      const found = `differs from its CPU twin by ${largest.toExponential(1)} at most`;
      yield { check, ok, found, ...(ok ? {} : { advice }) };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      yield { check, ok: false, found: error.message, advice };
    }
  }
}

/** A product that speeds are told of. */
export interface SpeedShape {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** For a processor, be it by a software adapter. */
export const smallProduct: SpeedShape = { rows: 512, inputs: 1024, outputs: 1024 };

/** Milliseconds for which a product is computed again and again. */
const speedTime = 500;

/** How many operations a second a backend makes in a matrix product. */
export async function speedCheck(backend: Backend, name: string): Promise<Check> {
  using weight = speedWeight(backend, smallProduct);
  const found = `${(await productSpeed(backend, weight, smallProduct.rows)).toFixed(0)} GFLOP/s`;
  return { check: `speed of ${name}`, ok: true, found: `${found} ${inProducts(smallProduct)}` };
}

/** What kind of product a speed is of. */
export function inProducts({ rows, inputs, outputs }: SpeedShape): string {
  return `in products of ${rows} × ${inputs} × ${outputs} with weights in bf16`;
}

/** The weight of a product that a speed is told of. */
export function speedWeight(backend: Backend, { inputs, outputs }: SpeedShape): Weight {
  return backend.weight(outputs, inputs, "BF16", new Uint8Array(2 * outputs * inputs));
}

/** GFLOP/s in products with a weight, with the waits of one readback. */
export async function productSpeed(
  backend: Backend,
  weight: Weight,
  rows: number,
): Promise<number> {
  const { rows: outputs, columns: inputs } = weight;
  const operations = 2 * rows * inputs * outputs;
  const input = backend.matrix(rows, inputs, "operand");
  const output = backend.matrix(rows, outputs);
  const timed = async (times: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < times; i++) backend.run(matmul, { input, weight, output });
    await backend.read([output.view(0, 1)]);
    return performance.now() - start;
  };
  // The first runs compile, bring helpers, and tell how many there is time for.
  await backend.prepare({ weights: [weight], rows, operations: Infinity });
  await timed(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const each = (await timed(4)) / 4;
  const times = Math.max(4, Math.min(4096, Math.ceil(speedTime / each)));
  const speed = operations * times / (await timed(times)) / 1e6;
  backend.release(input, output);
  return speed;
}
