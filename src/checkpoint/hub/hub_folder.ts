import { type CheckpointFolder, localFolder } from "../folder.ts";
import { fetchSnapshot } from "./fetch_snapshot.ts";
import { isHubName } from "./hub_name.ts";
import type { HubOptions } from "./hub_settings.ts";

/**
 * The folder of a model on the Hugging Face hub: what scoring reads of it, in the cache that Python's
 * `huggingface_hub` has too. What lacks there is downloaded first. Its name tells the commit.
 *
 * The environment says where the hub and its cache are, and which token opens private models, as in
 * Python: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`.
 *
 * @example
 * ```ts
 * import { hubFolder } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * // Without `offline` it would be downloaded now.
 * const options = { cache: await Deno.makeTempDir(), offline: true };
 * await assert.rejects(hubFolder("hf:org/name", options), { code: "checkpoint/not-in-cache" });
 * ```
 *
 * @param source `hf:org/name`, or `hf:org/name@revision` for a branch, a tag or a commit.
 * @param options What is said in place of the environment, and who is told of the download.
 * @throws {AssayError} `checkpoint/bad-hub-name`, `checkpoint/hub-not-found`, `checkpoint/hub-gated`,
 * `checkpoint/hub-unreachable`, `checkpoint/not-in-cache`, `checkpoint/disk-full`,
 * `checkpoint/permission-denied`, `checkpoint/no-file-system` in a browser, and others of the hub's.
 */
export async function hubFolder(
  source: string,
  options: HubOptions = {},
): Promise<CheckpointFolder> {
  const { name, folder } = await fetchSnapshot(source, options);
  return { ...localFolder(folder), name };
}

/**
 * A model's name with its commit, `hf:org/name@commit`, once its files are in the cache; any other source
 * as it is. Whoever opens the name again finds it there and asks nobody.
 *
 * @throws {AssayError} As {@linkcode hubFolder}.
 */
export async function pinnedSource(source: string, options: HubOptions = {}): Promise<string> {
  return isHubName(source) ? (await fetchSnapshot(source, options)).name : source;
}
