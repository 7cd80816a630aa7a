import { findAdapter } from "../src/gpu/adapter.ts";
import { testWhere } from "./requirement.ts";

const missing = await findAdapter() === undefined ? "no WebGPU adapter on this machine" : undefined;

/** Registers a test that needs a WebGPU adapter; where there is none it is skipped, with the reason. */
export function gpuTest(
  name: string,
  run: (context: Deno.TestContext) => void | Promise<void>,
): void {
  testWhere(missing, name, run);
}
