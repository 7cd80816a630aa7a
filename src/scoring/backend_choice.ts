import type { BackendKind } from "../ops/backend.ts";

/**
 * Where to compute. `auto` takes a GPU; where there is none, the WebAssembly engine, or a software
 * adapter where that was found to be faster for the model.
 */
export type BackendChoice = "auto" | BackendKind;
