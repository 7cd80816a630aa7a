/**
 * Mesa's software adapter (lavapipe) takes its settings from the process's environment, when the
 * first adapter is requested. This module makes them.
 *
 * @module
 */

/** Environment variables that the settings read or write; without permission for them all stays as it is. */
export const softwareAdapterVariables = [
  "NODEVICE_SELECT",
  "LP_NATIVE_VECTOR_WIDTH",
  "MESA_SHADER_CACHE_DIR",
  "XDG_CACHE_HOME",
  "HOME",
  "ASSAY_PROCESSOR",
] as const;

type Variable = typeof softwareAdapterVariables[number];

/** What the settings depend on. */
export interface Surroundings {
  /** The operating system, by Deno's name. */
  readonly os: string;
  /** Names the processor's instruction sets, as `/proc/cpuinfo` does; undefined where it can't be known. */
  readonly processor: string | undefined;
  /** Whether the program may read and write a variable. */
  allowed(name: Variable): boolean;
  /** A variable's value; only asked for variables that are allowed. */
  value(name: Variable): string | undefined;
}

/** Variables to set, and a folder to make so that Mesa can keep a cache below it. */
export interface SoftwareAdapterSettings {
  readonly variables: Readonly<Partial<Record<Variable, string>>>;
  readonly cacheParent?: string | undefined;
}

/** Instruction sets that make vectors of 512 bits worth their while, by the kernel's names. */
const wideInstructions = ["avx512f", "avx512bw", "avx512dq", "avx512vl"];

/** Whether a processor computes with vectors of 512 bits; undefined where nothing is known of it. */
export function hasWideVectors(processor: string | undefined): boolean | undefined {
  if (processor === undefined || processor.trim() === "") return undefined;
  const words = new Set(processor.split(/\s+/));
  return wideInstructions.every((name) => words.has(name));
}

/**
 * The settings for some surroundings.
 *
 * - Mesa's device-select layer prints an error where no desktop session runs; `NODEVICE_SELECT`
 *   quiets it.
 * - Where the processor has AVX-512, `LP_NATIVE_VECTOR_WIDTH` has lavapipe use it; by default it
 *   stops at 256 bits. Mesa keeps compiled shaders on disk and does not tell the widths apart, so
 *   those of 512 bits get a folder of their own: in the one that the user chose for Mesa's cache, or
 *   beside Mesa's usual one. Where none can be named, the width stays as it is.
 *
 * What the user set stays: a width of their own with whatever cache they gave it.
 */
export function softwareAdapterSettings(surroundings: Surroundings): SoftwareAdapterSettings {
  const { os, processor } = surroundings;
  if (os !== "linux") return { variables: {} };
  const variables: Partial<Record<Variable, string>> = {};
  if (surroundings.allowed("NODEVICE_SELECT")) variables.NODEVICE_SELECT = "1";
  const mayWiden = ["LP_NATIVE_VECTOR_WIDTH", "MESA_SHADER_CACHE_DIR"] as const;
  if (!mayWiden.every((name) => surroundings.allowed(name))) return { variables };
  if (set(surroundings, "LP_NATIVE_VECTOR_WIDTH") !== undefined) return { variables };
  if (hasWideVectors(processor) !== true) return { variables };
  const cache = wideCache(surroundings);
  if (cache === undefined) return { variables };
  return {
    variables: {
      ...variables,
      LP_NATIVE_VECTOR_WIDTH: "512",
      MESA_SHADER_CACHE_DIR: `${cache.parent}/${cache.name}`,
    },
    cacheParent: cache.parent,
  };
}

/** The folder for compiled shaders of 512 bits. Mesa makes the last part of its path by itself. */
function wideCache(surroundings: Surroundings): { parent: string; name: string } | undefined {
  const chosen = set(surroundings, "MESA_SHADER_CACHE_DIR");
  if (chosen !== undefined) return { parent: chosen, name: "512-bit" };
  const name = "assay-mesa-512-bit";
  const caches = set(surroundings, "XDG_CACHE_HOME");
  if (caches !== undefined) return { parent: caches, name };
  const home = set(surroundings, "HOME");
  return home === undefined ? undefined : { parent: `${home}/.cache`, name };
}

/** A variable that may be read and holds something. */
function set(surroundings: Surroundings, name: Variable): string | undefined {
  const value = surroundings.allowed(name) ? surroundings.value(name) : undefined;
  return value === "" ? undefined : value;
}

let prepared = false;

/**
 * Sets the variables once, before the first adapter is requested. Asks for no permission: what was
 * not granted is left alone, and outside Deno (a browser) nothing happens.
 */
export function prepareSoftwareAdapter(): void {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (prepared || deno?.permissions === undefined) return;
  prepared = true;
  const { variables, cacheParent } = softwareAdapterSettings(surroundingsOf(deno));
  if (cacheParent !== undefined && granted(deno, { name: "write", path: cacheParent })) {
    try {
      deno.mkdirSync(cacheParent, { recursive: true });
    } catch {
      // Then Mesa keeps no cache, and says so itself where it matters.
    }
  }
  for (const [name, value] of Object.entries(variables)) deno.env.set(name, value);
}

/** Whether this machine's processor has AVX-512; undefined where that can't be known. */
export function processorHasWideVectors(): boolean | undefined {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (deno === undefined) return undefined;
  return deno.build.arch === "x86_64" ? hasWideVectors(surroundingsOf(deno).processor) : false;
}

function surroundingsOf(deno: typeof Deno): Surroundings {
  const allowed = (variable: Variable): boolean => granted(deno, { name: "env", variable });
  const value = (name: Variable): string | undefined => deno.env.get(name);
  const given = allowed("ASSAY_PROCESSOR") ? value("ASSAY_PROCESSOR") : undefined;
  return { os: deno.build.os, processor: given ?? readProcessor(deno), allowed, value };
}

function granted(deno: typeof Deno, descriptor: Deno.PermissionDescriptor): boolean {
  return deno.permissions.querySync(descriptor).state === "granted";
}

/** Deno opens files of `/proc` to programs with every permission only; others would be asked. */
function readProcessor(deno: typeof Deno): string | undefined {
  const kinds = ["read", "write", "net", "env", "run", "ffi", "sys", "import"] as const;
  if (deno.build.os !== "linux" || !kinds.every((name) => granted(deno, { name }))) {
    return undefined;
  }
  try {
    return deno.readTextFileSync("/proc/cpuinfo");
  } catch {
    return undefined;
  }
}
