import type { Device } from "../../gpu/device.ts";
import type { KernelSet } from "../../gpu/kernel_set.ts";
import { GpuBackend } from "../gpu_backend.ts";
import { matmul } from "../matmul.ts";
import { ProductTuner } from "../products/product_tuner.ts";
import { randomDraws } from "./draws.ts";

/** A product of more rows than the tile for few rows has, and no whole number of tiles. */
const [rows, inner, columns] = [150, 136, 212];

/**
 * Which tiles give other bits than the first one on a device, and whether a row alone does: none must,
 * since a score would depend on the choice of a tile, or on its company.
 *
 * @returns Names of tiles, and `one row`.
 */
export async function tilesThatDiffer(device: Device, kernelSet: KernelSet): Promise<string[]> {
  const random = randomDraws(1);
  const numbers = random.numbers(rows * inner);
  const weights = Uint16Array.from(random.numbers(columns * inner), (x) => (
    (x < 0 ? 0x8000 : 0) | (Math.abs(x) * 0x3f80)
  ));
  const product = async (tile: string, count: number): Promise<Uint32Array> => {
    const tuner = new ProductTuner(device, kernelSet, tile);
    const gpu = new GpuBackend(device, kernelSet, device.maxBindingBytes, tuner);
    using weight = gpu.weight(columns, inner, "BF16", new Uint8Array(weights.buffer));
    const input = gpu.upload(count, inner, numbers.slice(0, count * inner));
    const output = gpu.matrix(count, columns);
    gpu.run(matmul, { input, weight, output });
    const [read] = await gpu.read([output]);
    gpu.release(input, output);
    return new Uint32Array(read!.buffer);
  };
  const [first, ...others] = new ProductTuner(device, kernelSet).tiles;
  const expected = await product(first!, rows);
  const differ: string[] = [];
  for (const tile of others) {
    if (!equal(await product(tile, rows), expected)) differ.push(tile);
  }
  if (!equal(await product(first!, 1), expected.subarray(0, columns))) differ.push("one row");
  return differ;
}

function equal(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((bits, i) => bits === b[i]);
}
