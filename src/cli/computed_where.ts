import type { BackendKind } from "../ops/backend.ts";

/** Where something was computed, for a line that people read. */
export const computedWhere: Readonly<Record<BackendKind, string>> = {
  gpu: "on the GPU",
  wasm: "in WebAssembly",
  cpu: "on the CPU",
};
