import { AssayError } from "../../error.ts";
import type { WebGpu } from "../../gpu/adapter.ts";

/**
 * Dawn, Chrome's implementation of WebGPU, as a native library that npm carries. It takes 130 MB, so no
 * import names it and no lock file lists it: it is loaded where it is asked for, and nowhere else.
 */
export const dawnPackage = "webgpu@0.6.2";

/** What the package exports. */
interface DawnModule {
  /** A new instance, which lives as long as something refers to it. */
  create(options: readonly string[]): GPU;
}

/**
 * How Dawn is set: its clock tells nanoseconds (by default tenths of a millisecond), which tiles are
 * timed by.
 */
const settings = ["disable-dawn-features=timestamp_quantization"];

/** What Dawn calls the setting under which it offers matrix units. */
const experiments = "enable-dawn-features=allow_unsafe_apis";

const adapterAdvice =
  "Dawn's own line on standard error may say why (of Mesa's software adapter it " +
  "wants a newer one than Debian 12's: 25.0 is accepted, 22.3 is not); compute by the runtime's own " +
  "WebGPU, without `--webgpu dawn` (`webgpu` in a program), or without a GPU by --backend wasm";

/** What Dawn is created with. See {@link openDawn}. */
export function dawnOptions(experimental: boolean): readonly string[] {
  return experimental ? [...settings, experiments] : settings;
}

const opened = new Map<boolean, Promise<WebGpu>>();

/**
 * Loads Dawn, once for each thread.
 *
 * @param experimental Whether its adapters are to offer what Dawn calls unsafe: matrix units.
 * @throws {AssayError} `gpu/dawn-permission` where Deno was not started with `--allow-ffi`;
 *   `gpu/no-dawn` where the package is not there, or has nothing for this machine.
 */
export function openDawn(experimental: boolean = false): Promise<WebGpu> {
  const before = opened.get(experimental);
  if (before !== undefined) return before;
  const opening = load(dawnOptions(experimental));
  opened.set(experimental, opening);
  opening.catch(() => opened.delete(experimental)); // what is missing may be put there
  return opening;
}

async function load(options: readonly string[]): Promise<WebGpu> {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  requirePermission(deno);
  // A name that only this line knows: bundlers and package managers go by without it.
  const name = deno === undefined
    ? dawnPackage.slice(0, dawnPackage.indexOf("@"))
    : `npm:${dawnPackage}`;
  try {
    const { create }: DawnModule = await import(name);
    return { name: "dawn", gpu: create(options), advice: adapterAdvice };
  } catch (cause) {
    const reason = String((cause as Error)?.message ?? cause).split("\n")[0];
    throw new AssayError(
      "gpu/no-dawn",
      `Cannot load Dawn: expected the npm package ${dawnPackage} with a library for this machine, found ` +
        `none (${reason}); fetch it by \`deno cache --no-lock npm:${dawnPackage}\` (Node and Bun: ` +
        `\`npm install ${dawnPackage}\`), or compute by the runtime's own WebGPU, without ` +
        "`--webgpu dawn` (`webgpu` in a program)",
      { cause },
    );
  }
}

/** Looked at before anything is fetched. A grant for one path alone is not known to be this library's. */
function requirePermission(deno: typeof Deno | undefined): void {
  if (deno?.permissions === undefined) return;
  if (deno.permissions.querySync({ name: "ffi" }).state === "granted") return;
  throw new AssayError(
    "gpu/dawn-permission",
    "Cannot load Dawn: expected Deno's permission for native libraries, found none; start with " +
      "`--allow-ffi` for all paths (from a checkout: `deno task assay:dawn`), or compute by the " +
      "runtime's own WebGPU, without `--webgpu dawn` (`webgpu` in a program)",
  );
}
