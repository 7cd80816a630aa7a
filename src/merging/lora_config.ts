import type { CheckpointFolder } from "../checkpoint/folder.ts";
import { refuseLfsPointer } from "../checkpoint/lfs_pointer.ts";
import { AssayError } from "../error.ts";

/** What of `adapter_config.json` decides the merged weights. */
export interface LoraConfig {
  /** Rank r of a module's update. */
  rankOf(module: string): number;
  /** α of a module's update. */
  alphaOf(module: string): number;
  /** Whether the update is scaled by α / √r (rsLoRA) instead of α / r. */
  readonly rankStabilized: boolean;
  /** Whether the base's weights are stored as [in, out]. */
  readonly fanInFanOut: boolean;
}

/** Settings that would make the merged weight another than W + scale · B·A, and when they do. */
const unsupported: readonly (readonly [key: string, isSet: (value: unknown) => boolean])[] = [
  ["use_dora", (value) => value === true],
  ["lora_bias", (value) => value === true],
  ["bias", (value) => value !== "none"],
  ["layer_replication", (value) => Array.isArray(value) && value.length > 0],
  ["trainable_token_indices", (value) => value !== null],
  ["target_parameters", (value) => Array.isArray(value) && value.length > 0],
  ["alora_invocation_tokens", (value) => value !== null],
  ["use_qalora", (value) => value === true],
  ["use_bdlora", (value) => value !== null && value !== false],
  ["arrow_config", (value) => value !== null],
  ["kasa_config", (value) => value !== null],
  ["monteclora_config", (value) => value !== null],
  ["velora_config", (value) => value !== null],
  // PiSSA and its like take their start out of the base's weights: those of the base are others then.
  ["init_lora_weights", (value) => typeof value === "string" && !harmlessStarts.includes(value)],
];

/** Initialisations that leave the base's weights as they are. */
const harmlessStarts: readonly string[] = ["gaussian", "eva", "orthogonal"];

/** Largest `adapter_config.json` read. */
const maxConfigBytes = 1024 * 1024;

/**
 * Reads an adapter's `adapter_config.json`, which is untrusted.
 *
 * @param folder The adapter's folder.
 * @throws {AssayError} `voting/bad-adapter`.
 */
export async function readLoraConfig(folder: CheckpointFolder): Promise<LoraConfig> {
  const { name } = folder;
  const config = await readConfig(folder);
  if (config.peft_type !== "LORA") {
    refuse(name, 'peft_type "LORA"', JSON.stringify(config.peft_type) ?? "none");
  }
  for (const [key, isSet] of unsupported) {
    const value = config[key];
    if (value !== undefined && isSet(value)) {
      refuse(name, `an adapter with plain LoRA (no ${key})`, JSON.stringify(value).slice(0, 100));
    }
  }
  const rank = positive(name, "r", config.r);
  const alpha = positive(name, "lora_alpha", config.lora_alpha);
  const ranks = readPattern(name, "rank_pattern", config.rank_pattern);
  const alphas = readPattern(name, "alpha_pattern", config.alpha_pattern);
  return {
    rankOf: (module) => matching(ranks, module) ?? rank,
    alphaOf: (module) => matching(alphas, module) ?? alpha,
    rankStabilized: config.use_rslora === true,
    fanInFanOut: config.fan_in_fan_out === true,
  };
}

async function readConfig(folder: CheckpointFolder): Promise<Readonly<Record<string, unknown>>> {
  using source = await folder.open("adapter_config.json");
  if (source === undefined) refuse(folder.name, "such a file", "none, or no such folder");
  if (source.byteLength > maxConfigBytes) {
    refuse(folder.name, `at most ${maxConfigBytes} bytes`, String(source.byteLength));
  }
  const text = new TextDecoder().decode(await source.read(0, source.byteLength));
  refuseLfsPointer(text, source.name);
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    refuse(folder.name, "JSON", error instanceof Error ? error.message : String(error));
  }
  if (typeof config === "object" && config !== null) return config as Record<string, unknown>;
  return refuse(folder.name, "a JSON object", String(config));
}

/** Numbers for some modules, by the end of their names; regular expressions are not run. */
function readPattern(name: string, key: string, value: unknown): Map<string, number> {
  const pattern = new Map<string, number>();
  if (value === undefined || value === null) return pattern;
  if (typeof value !== "object") refuse(name, `${key} as an object`, typeof value);
  for (const [module, number] of Object.entries(value)) {
    const plain = module.replace(/^\^/, "");
    if (!/^[\w.]+$/.test(plain)) {
      refuse(name, `${key} by plain names of modules`, `the expression ${JSON.stringify(module)}`);
    }
    pattern.set(module, positive(name, `${key} of ${module}`, number));
  }
  return pattern;
}

/** As PEFT matches: the whole name, or its last parts; only the whole name after "^". */
function matching(pattern: ReadonlyMap<string, number>, module: string): number | undefined {
  for (const [key, number] of pattern) {
    if (key.startsWith("^") ? module === key.slice(1) : `.${module}`.endsWith(`.${key}`)) {
      return number;
    }
  }
  return undefined;
}

function positive(name: string, key: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  return refuse(name, `${key} as a positive number`, JSON.stringify(value) ?? "none");
}

function refuse(name: string, expected: string, found: string): never {
  throw new AssayError(
    "voting/bad-adapter",
    `Cannot read the adapter_config.json of ${name}: expected ${expected}, found ${found}`,
  );
}
