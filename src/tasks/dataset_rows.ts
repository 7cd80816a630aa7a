import { hubDataset } from "../checkpoint/hub/hub_dataset.ts";
import { isHubName } from "../checkpoint/hub/hub_name.ts";
import type { HubOptions } from "../checkpoint/hub/hub_settings.ts";
import { readRows, type ReadRowsOptions } from "../data/read_rows.ts";
import type { ReadRow } from "../data/rows.ts";

/**
 * Rows of a file, of standard input, or of a data set of the hub (`hf:datasets/org/name:split`), whose
 * files are brought into the cache first and read one after another.
 *
 * @example
 * ```ts
 * import { inputRows } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rows = inputRows("hf:datasets/org/name:test", {}, { offline: true, cache: "no/such" });
 * await assert.rejects(rows.next(), { code: "checkpoint/not-in-cache" });
 * ```
 *
 * @param input A path, `-`, or `hf:datasets/org/name[@revision][:split-or-path]`.
 * @param options The format, where names do not tell it, and who is told of progress.
 * @param hub What is said of the hub in place of the environment, and who is told of the download.
 * @throws {AssayError} Those of `readRows`, and of `hubDataset` of `@assay/assay/checkpoint`.
 */
export async function* inputRows(
  input: string,
  options: ReadRowsOptions = {},
  hub: HubOptions = {},
): AsyncGenerator<ReadRow> {
  if (!isHubName(input)) return yield* readRows(input, options);
  const { files } = await hubDataset(input, hub);
  for (const file of files) yield* readRows(file, options);
}
