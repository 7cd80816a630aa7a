import type { FuzzTarget } from "./target.ts";

/** The targets by name; each is loaded only where it runs, as some read many files. */
export const targets: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  safetensors: async () => (await import("./safetensors.ts")).safetensors,
  config: async () => (await import("./config.ts")).config,
  tokenizer: async () => (await import("./tokenizer.ts")).tokenizer,
  template: async () => (await import("./template.ts")).template,
  rows: async () => (await import("./rows.ts")).textRows,
  parquet: async () => (await import("./parquet.ts")).parquet,
  arrow: async () => (await import("./arrow.ts")).arrow,
  options: async () => (await import("./options.ts")).libraryOptions,
  requests: async () => (await import("./requests.ts")).requests,
  hub: async () => (await import("./hub.ts")).hub,
  cache: async () => (await import("./cache.ts")).cache,
};
