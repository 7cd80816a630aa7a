/**
 * What the WebAssembly engine's kernels make of their trials, to the bit. Run as a program it takes the
 * engine's options as JSON and prints the digests as JSON, so that a test can run it in a process of its
 * own, with a compiler of V8's choosing.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { randomDraws } from "../../src/ops/checks/draws.ts";
import { trials } from "../../src/ops/checks/trials.ts";
import type { WasmBackend } from "../../src/ops/wasm_backend.ts";
import { assembled, openBackend } from "../wasm_engines.ts";

const seeds = 6;

/** A digest of each operation's results, the even trials of large shapes. */
export async function trialBits(backend: WasmBackend): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const [name, trial] of Object.entries(trials)) {
    const hash = createHash("sha256");
    for (let seed = 1; seed <= seeds; seed++) {
      await assembled(backend.engine);
      const [numbers] = await backend.read([trial(backend, randomDraws(seed, seed % 2 === 0))]);
      hash.update(new Uint8Array(numbers!.buffer));
      backend.discard();
    }
    digests[name] = hash.digest("hex");
  }
  return digests;
}

if (import.meta.main) {
  using backend = await openBackend(JSON.parse(Deno.args[0]!));
  console.log(JSON.stringify(await trialBits(backend)));
}
