import type { BackendChoice, CheckpointFolder, Progress } from "../../mod.ts";
// By their paths: the page itself then holds no model, which is its worker's.
import { blobFolder } from "../../src/checkpoint/folder.ts";
import { RewardModelWorker } from "../../src/scoring/worker/reward_model_worker.ts";
import { RemoteCalls } from "../../src/scoring/worker/remote_calls.ts";
import type { KeepProgress } from "./keep_model.ts";
import { findKept, keptFolder, type KeptModel } from "./kept_models.ts";
import type { PickedFolder } from "./picked_files.ts";
import type { KeepProcedures, KeepRequest, PageProcedures } from "./worker.ts";

/** Where a model comes from. */
export type ModelChoice =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "picked"; readonly folder: PickedFolder; readonly isToKeep: boolean }
  | { readonly kind: "kept"; readonly model: KeptModel };

/** How a model is loaded, and who hears of it. */
export interface LoadModelOptions {
  readonly backend: BackendChoice;
  readonly label: string | undefined;
  readonly truncate: "left" | "right" | undefined;
  readonly signal: AbortSignal;
  readonly onKept: (progress: KeepProgress) => void;
  readonly onLayers: (progress: Progress) => void;
  readonly onWarning: (message: string) => void;
}

/** Loads a model into a worker of its own. */
export async function loadModel(
  choice: ModelChoice,
  options: LoadModelOptions,
): Promise<RewardModelWorker> {
  const folder = await folderOf(choice, options);
  const { backend, label, truncate, signal, onWarning, onLayers } = options;
  signal.throwIfAborted();
  return await RewardModelWorker.load(folder, {
    worker: new Worker("worker.js", { type: "module" }),
    backend,
    label,
    truncate,
    signal,
    onWarning,
    onProgress: onLayers,
  });
}

async function folderOf(
  choice: ModelChoice,
  options: LoadModelOptions,
): Promise<CheckpointFolder> {
  if (choice.kind === "kept" && choice.model.isComplete) return await keptFolder(choice.model);
  if (choice.kind === "picked") {
    const { folder: { name, files }, isToKeep } = choice;
    if (!isToKeep) return blobFolder(name, files);
    return await keptFolder(
      await keep({ source: pickedSource(name, files), name, files }, options),
    );
  }
  const source = choice.kind === "address" ? addressOf(choice.address) : choice.model.source;
  if (!/^https?:/.test(source)) throw new Error(`Pick ${source} again: it was not kept in full`);
  try {
    return await keptFolder(await keep({ source, name: nameOf(source) }, options));
  } catch (error) {
    const kept = await findKept(source);
    const isUnasked = (error as { code?: string }).code === "checkpoint/http-failed";
    if (!isUnasked || !kept?.isComplete) throw error;
    options.onWarning(
      `The copy in this browser is used; whether it is the newest is not known. ${
        (error as Error).message
      }`,
    );
    return await keptFolder(kept);
  }
}

/** Has a worker keep a model; to cancel ends the worker, and what came stays. */
async function keep(request: KeepRequest, options: LoadModelOptions): Promise<KeptModel> {
  const { signal, onKept, label } = options;
  const worker = new Worker("worker.js?keep", { type: "module" });
  const calls = new RemoteCalls<KeepProcedures>(
    worker,
    { kept: onKept } satisfies PageProcedures,
  );
  const abort = (): void => calls.close(signal.reason);
  worker.addEventListener("error", ({ message }) => calls.close(new Error(message)));
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    // So that the browser does not delete it by itself; some ask the user, which is not waited for.
    navigator.storage.persist?.().catch(() => {});
    return await calls.call("keep", { ...request, label });
  } finally {
    signal.removeEventListener("abort", abort);
    worker.terminate();
  }
}

/** The address of a model's files; of a model's page on the hub, of its files there. */
export function addressOf(text: string): string {
  const address = text.trim().replace(/^hf:/, "https://huggingface.co/");
  const url = URL.parse(address, location.href);
  if (url === null || address === "" || !/^https?:$/.test(url.protocol)) {
    throw new Error(`Cannot load ${text}: expected an address such as https://host/folder`);
  }
  const page = /^\/([^/]+\/[^/@]+)(?:@([^/]+)|\/tree\/([^/]+))?\/?$/.exec(url.pathname);
  if (url.hostname === "huggingface.co" && page !== null) {
    url.pathname = `/${page[1]}/resolve/${page[2] ?? page[3] ?? "main"}`;
  }
  return url.href.replace(/\/+$/, "");
}

/** What people call the model at an address. */
function nameOf(address: string): string {
  const parts = new URL(address).pathname.split("/").filter((part) => part !== "");
  const resolve = parts.indexOf("resolve");
  return decodeURIComponent(
    resolve > 0 ? parts.slice(0, resolve).join("/") : parts.at(-1) ?? address,
  );
}

/** What tells a picked folder from others, and from itself when a file in it has changed. */
function pickedSource(name: string, files: ReadonlyMap<string, File>): string {
  const facts = [...files].map(([path, { size, lastModified }]) => [path, size, lastModified]);
  return `picked:${name}:${JSON.stringify(facts.sort())}`;
}
