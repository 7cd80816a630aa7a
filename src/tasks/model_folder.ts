import { Checkpoint, openFolder } from "../checkpoint/checkpoint.ts";
import { type CheckpointFolder, folderAt } from "../checkpoint/folder.ts";
import { isHubName } from "../checkpoint/hub/hub_name.ts";
import type { HubOptions } from "../checkpoint/hub/hub_settings.ts";
import type { FloatDtype } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { votersName } from "../heads/voters.ts";
import { LoraAdapter } from "../merging/lora.ts";
import { overlayFolder } from "../merging/overlay_folder.ts";
import { planBackbone } from "../models/families.ts";
import { readLinearHeads } from "../voting/linear_heads.ts";

/** A checkpoint, with a LoRA adapter on it where one is named. */
export interface ModelSpec {
  /** Folder or URL of the checkpoint, or its name on the hub, `hf:org/name[@revision]`. */
  readonly model: string;
  /** Folder, URL or name on the hub of a LoRA adapter in PEFT's layout. */
  readonly adapter?: string | undefined;
  /**
   * Element type of the weights that the adapter changes. By default the base's own, to which the
   * merged weights are rounded; `F32` keeps them whole, as running the adapter beside the base does.
   */
  readonly adapterDtype?: FloatDtype | undefined;
  /**
   * A safetensors file of voters' heads (`voters.weight`, [voters, hidden]) that takes the place of the
   * checkpoint's own head: its score is their mean, with their spread.
   */
  readonly heads?: string | undefined;
}

/** A checkpoint that `RewardModel.load` and every other loader takes. */
export interface ModelFolder extends Disposable {
  /** The checkpoint's path or address; with an adapter a folder that merges as it is read. */
  readonly source: string | CheckpointFolder;
  /**
   * Tells apart what scores differently: the model, its adapter, and how that is merged. A model of the
   * hub has its commit in it.
   */
  readonly name: string;
  /** {@link ModelFolder.name} where the hub has a part in it; for what is to name it beside a score. */
  readonly hubName: string | undefined;
  /** What a user should know of it before it is used. */
  readonly warnings: readonly string[];
}

/**
 * Opens a checkpoint with its adapter, the one way for every task: the adapter becomes an overlay of
 * the checkpoint, which loads like any other, streamed and in a worker too. Weights are merged when
 * they are read; nothing is written. A head that the adapter brings (`modules_to_save`) replaces or
 * stands in for the base's. Without an adapter nothing is opened here; models of the hub are brought
 * into the cache.
 *
 * @example
 * ```ts
 * import { RewardModel } from "@assay/assay";
 * import { openModelFolder } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * using folder = await openModelFolder({
 *   model: "tests/golden/parity/llama",
 *   adapter: "tests/golden/voting/peft_adapter",
 *   adapterDtype: "F32",
 * });
 * using model = await RewardModel.load(folder.source);
 * const [verdict] = await model.score([[
 *   { role: "user", content: "Hi" },
 *   { role: "assistant", content: "Hello." },
 * ]]);
 * assert.equal(typeof verdict?.score, "number");
 * ```
 *
 * @param spec What is named.
 * @param hub Who is told of a download, where the hub is named.
 * @returns The folder; it must stay open as long as a model that was loaded from it is used.
 * @throws {AssayError} `voting/bad-adapter` where there is no such adapter, where it can't be merged
 *   or where it belongs to another base; and what opening the checkpoint throws.
 */
export async function openModelFolder(
  spec: ModelSpec,
  hub: HubOptions = {},
): Promise<ModelFolder> {
  const { adapter: path, adapterDtype, heads } = spec;
  if (path !== undefined && heads !== undefined) {
    throw new AssayError(
      "tasks/adapter-and-heads",
      "Cannot put an adapter and voters' heads on one model: the heads were fitted on other hidden " +
        "states; merge the adapter first, and fit the heads on the result",
    );
  }
  const model = await pinnedModel(spec.model, hub);
  if (heads !== undefined) return await withVoters(model, heads);
  if (path === undefined) {
    return {
      source: model,
      name: model,
      hubName: hubNameOf(model),
      warnings: [],
      [Symbol.dispose]() {},
    };
  }
  using opened = new DisposableStack();
  const base = await openFolder(model, hub);
  const checkpoint = opened.use(await Checkpoint.open(base));
  const adapter = opened.use(await LoraAdapter.open(await openFolder(path, hub)));
  const source = adapter.mergedFolder(base, checkpoint, adapterDtype);
  const name = source.name + (adapterDtype === undefined ? " (rounded)" : "");
  const warnings = adapter.warnings(checkpoint);
  const files = opened.move();
  const dispose = (): void => files[Symbol.dispose]();
  return { source, name, hubName: hubNameOf(name), warnings, [Symbol.dispose]: dispose };
}

/**
 * The model's name with its commit, once its files are in the cache; any other source as it is.
 *
 * @throws {AssayError} What `hubFolder` throws.
 */
export async function pinnedModel(model: string, hub: HubOptions = {}): Promise<string> {
  return isHubName(model) ? (await openFolder(model, hub)).name : model;
}

/** A name that tells a commit of the hub. */
function hubNameOf(name: string): string | undefined {
  return /\bhf:/.test(name) ? name : undefined;
}

/** The checkpoint with voters' heads in place of its own. */
async function withVoters(model: string, file: string): Promise<ModelFolder> {
  using opened = new DisposableStack();
  const base = await openFolder(model);
  const checkpoint = opened.use(await Checkpoint.open(base));
  const heads = await readLinearHeads(...splitPath(file));
  const { config, tensors } = checkpoint;
  // Only names are wanted: whoever loads the model is asked about keys that are unknown.
  const ignoreConfigKeys = Object.keys(config);
  const { owns } = planBackbone({ name: model, config, tensors, ignoreConfigKeys });
  const tensor = (name: string, shape: readonly number[], numbers: Float32Array<ArrayBuffer>) => {
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    const rowBytes = numbers.byteLength / shape[0]!;
    return {
      name,
      dtype: "F32" as const,
      shape,
      readRows: (start: number, count: number) =>
        Promise.resolve(bytes.slice(start * rowBytes, (start + count) * rowBytes)),
    };
  };
  const voters = heads.names.length;
  const name = `${checkpoint.name} with ${file}`;
  const source = overlayFolder(name, base, checkpoint, {
    without: [...checkpoint.tensors.keys()].filter((tensor) => !owns(tensor)),
    tensors: [
      tensor(`${votersName}.weight`, [voters, heads.hidden], heads.weight),
      tensor(`${votersName}.bias`, [voters], heads.bias),
    ],
  });
  const files = opened.move();
  const dispose = (): void => files[Symbol.dispose]();
  return { source, name, hubName: hubNameOf(name), warnings: [], [Symbol.dispose]: dispose };
}

/** The folder and the name of a file. */
export function splitPath(path: string): [folder: CheckpointFolder, file: string] {
  const parts = /^(.*)[\\/]([^\\/]+)$/.exec(path);
  return parts === null ? [folderAt("."), path] : [folderAt(parts[1] || "/"), parts[2]!];
}
