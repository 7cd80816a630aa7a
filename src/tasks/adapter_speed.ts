import { adapterPeak } from "../ops/checks/adapter_peak.ts";
import type { GpuBackend } from "../ops/gpu_backend.ts";
import { productName } from "../ops/products/product_tiles.ts";
import { inProducts, productSpeed, smallProduct, speedWeight } from "./kernel_checks.ts";
import type { Check } from "./machine_check.ts";

/** An attention's output projection in a model of 8 billion parameters. */
const largeProduct = { rows: 2048, inputs: 4096, outputs: 4096 };

/**
 * How fast the adapter makes products: with the tile that is chosen by timing, and what part that is of
 * what multiply-adds over registers reach.
 */
export async function adapterSpeedCheck(gpu: GpuBackend): Promise<Check> {
  const { device, tuner } = gpu;
  const product = device.adapter.software ? smallProduct : largeProduct;
  using weight = speedWeight(gpu, product);
  const speed = await productSpeed(gpu, weight, product.rows);
  const tile = tuner.choose(productName(weight)) ?? tuner.usualTile;
  const peak = await adapterPeak(device);
  const share = peak === undefined
    ? "its peak can't be measured: the adapter has no clock"
    : `${(100 * speed / peak).toFixed(0)} % of the ${
      peak.toFixed(0)
    } GFLOP/s of multiply-adds over registers`;
  return {
    check: "speed of adapter",
    ok: true,
    found: `${speed.toFixed(0)} GFLOP/s ${inProducts(product)}, tile ${tile} of ` +
      `${tuner.tiles.length}; ${share}`,
  };
}
