/**
 * What the WebGPU adapter gives in a loop of multiplications and additions over registers alone, in
 * GFLOP/s in f32. Run as a program it prints the number.
 *
 * @module
 */
import { Device } from "../../src/gpu/device.ts";
import { adapterPeak } from "../../src/ops/checks/adapter_peak.ts";

/** Measures once. */
export async function adapterCeiling(): Promise<number> {
  using device = await Device.open();
  const peak = await adapterPeak(device);
  if (peak === undefined) throw new Error("the adapter has no clock");
  return peak;
}

if (import.meta.main) console.log(await adapterCeiling());
