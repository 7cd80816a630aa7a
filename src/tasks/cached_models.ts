import { Checkpoint, openFolder } from "../checkpoint/checkpoint.ts";
import { cachedSnapshots } from "../checkpoint/hub/cached_snapshots.ts";
import type { HubOptions } from "../checkpoint/hub/hub_settings.ts";
import { AssayError } from "../error.ts";
import { askedOf } from "../scoring/asked_head.ts";
import { planFor } from "../scoring/model_plan.ts";

/** What the hub's cache has of one commit of a model. */
export interface CachedModel {
  /** `hf:org/name@commit`, by which every command opens it. */
  readonly name: string;
  /** Branches and tags that had this commit when they were last asked for. */
  readonly revisions: readonly string[];
  /** The commit's 40 hexadecimal digits. */
  readonly commit: string;
  /** The folder of its files. */
  readonly folder: string;
  /** How many files are there. */
  readonly files: number;
  /** Their bytes; a file that two commits have counts for both. */
  readonly bytes: number;
  /**
   * Whether all that scoring reads is there; `null` where another program filled the cache and did not keep
   * the listing of its files.
   */
  readonly complete: boolean | null;
  /** `model_type` of its config; `null` for an adapter, or where no config is there. */
  readonly architecture: string | null;
  /** The kind of its head; `null` where it has none that is understood. */
  readonly head: string | null;
  /** Whether it scores by its name alone, without further flags. */
  readonly runs: boolean;
  /** Why it does not. */
  readonly reason: { readonly code: string; readonly message: string } | null;
}

/**
 * The models that the hub's cache holds, and whether each runs: by its config and the headers of its
 * weights, as loading it would find. Neither is the hub asked nor a weight read.
 *
 * @example
 * ```ts
 * import { cachedModels } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const cache = await Deno.makeTempDir();
 * assert.deepEqual(await Array.fromAsync(cachedModels({ cache })), []);
 * ```
 *
 * @throws {AssayError} `checkpoint/no-hub-cache`, `checkpoint/permission-denied`.
 */
export async function* cachedModels(
  options: Pick<HubOptions, "cache"> = {},
): AsyncGenerator<CachedModel> {
  const { snapshots } = await cachedSnapshots(options);
  for (const { repo: _, state, ...snapshot } of snapshots) {
    const complete = state === "unknown" ? null : state === "complete";
    yield { ...snapshot, complete, ...await whatItIs(snapshot.folder) };
  }
}

type WhatItIs = Pick<CachedModel, "architecture" | "head" | "runs" | "reason">;

async function whatItIs(path: string): Promise<WhatItIs> {
  let architecture: string | null = null;
  try {
    if (await isAdapter(path)) {
      const message = "an adapter: --adapter puts it on its base model";
      throw new AssayError("tasks/adapter-alone", message);
    }
    architecture = await modelType(path);
    using checkpoint = await Checkpoint.open(path);
    const { name, config, tensors } = checkpoint;
    const asked = await askedOf(checkpoint, config, {});
    const { head } = planFor({ name, config, tensors }, { head: "reward", asked });
    return { architecture, head: head.kind, runs: true, reason: null };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { architecture, head: null, runs: false, reason: error.toJSON() };
  }
}

async function isAdapter(path: string): Promise<boolean> {
  const files = await (await openFolder(path)).list?.() ?? [];
  return files.includes("adapter_config.json") && !files.includes("config.json");
}

/** What the config says, where there is one; what is wrong with it is for the opening to say. */
async function modelType(path: string): Promise<string | null> {
  using source = await (await openFolder(path)).open("config.json");
  if (source === undefined) return null;
  try {
    const text = new TextDecoder().decode(await source.read(0, source.byteLength));
    const { model_type: type } = JSON.parse(text);
    return typeof type === "string" ? type : null;
  } catch {
    return null;
  }
}
