import { AssayError } from "../error.ts";
import type { ResponseSide } from "./fitting_row.ts";
import { failureOf } from "../runtime/failure.ts";
import { files } from "../runtime/files.ts";

/** The file that says what a folder of features holds. */
export const manifestFile = "features.json";

/** What a folder of features holds. */
export interface FeatureManifest {
  /** The format's number. */
  readonly version: 1;
  /** Where the backbone lies. */
  readonly model: string;
  /** Numbers in a feature row. */
  readonly hidden_size: number;
  /** Whether prompts' states are there too. */
  readonly gates: boolean;
  /** Input rows of a shard. */
  readonly rows_per_shard: number;
}

/** What is known of one row of features, a line beside its shard. */
export interface FeatureRow {
  /** Input row, from 0. */
  readonly row: number;
  /** The input row's own id. */
  readonly id: string | number | null;
  /** Which of its input row's responses it is. */
  readonly side: ResponseSide;
  /** Row of `last` in the shard. */
  readonly last: number;
  /** Row of `gate` in the shard. */
  readonly gate: number | null;
  /** Tells prompts apart. */
  readonly prompt: string;
  /** Where its input row comes from; no key in folders of earlier versions. */
  readonly source?: string | null;
  /** Which part of the data it belongs to, where its row says so. */
  readonly split: "train" | "validation" | null;
  /** Ratings by objective, as the row has them. */
  readonly ratings: Readonly<Record<string, unknown>>;
  /** Candidates of the same input row that this one is preferred to. */
  readonly beats: readonly number[];
  /** α of the row's pair, where it has one. */
  readonly label_smoothing: number | null;
  /** μ̂ of the row's pair, where it has one. */
  readonly margin: number | null;
}

/** An input row without features. */
export interface FailedRow {
  /** Input row, from 0. */
  readonly row: number;
  /** Why it has none. */
  readonly error: { readonly code: string; readonly message: string };
}

/** The names of a shard's two files: `last` [rows, hidden] and `gate` [prompts, hidden], and the lines. */
export function shardFiles(shard: number): { readonly tensors: string; readonly rows: string } {
  const number = String(shard + 1).padStart(5, "0");
  return { tensors: `features-${number}.safetensors`, rows: `features-${number}.jsonl` };
}

/**
 * Reads a folder's manifest; `undefined` where there is none.
 *
 * @throws {AssayError} `fitting/bad-features`.
 */
export async function readManifest(folder: string): Promise<FeatureManifest | undefined> {
  let text: string;
  try {
    text = await files.readTextFile(`${folder}/${manifestFile}`);
  } catch (error) {
    if (failureOf(error) === "not-found") return undefined;
    throw error;
  }
  let manifest: Partial<FeatureManifest> | null;
  try {
    manifest = JSON.parse(text);
  } catch {
    manifest = null;
  }
  const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;
  if (
    manifest?.version !== 1 || !isSize(manifest.hidden_size) ||
    !isSize(manifest.rows_per_shard) || typeof manifest.gates !== "boolean"
  ) {
    throw badFeatures(`${folder}/${manifestFile}`, "a manifest of version 1", "something else");
  }
  return manifest as FeatureManifest;
}

/**
 * Reads the lines beside a shard.
 *
 * @throws {AssayError} `fitting/bad-features`.
 */
export async function readShardRows(
  folder: string,
  shard: number,
): Promise<{ rows: FeatureRow[]; failed: FailedRow[] }> {
  const path = `${folder}/${shardFiles(shard).rows}`;
  const rows: FeatureRow[] = [];
  const failed: FailedRow[] = [];
  for (const line of (await files.readTextFile(path)).split("\n")) {
    if (line === "") continue;
    let read: FeatureRow | FailedRow;
    try {
      read = JSON.parse(line);
    } catch {
      throw badFeatures(path, "lines of JSON", line.slice(0, 40));
    }
    if ("error" in read) failed.push(read);
    else rows.push(read);
  }
  return { rows, failed };
}

/** The error of a folder that holds something else. */
export function badFeatures(path: string, expected: string, found: string): AssayError {
  return new AssayError(
    "fitting/bad-features",
    `Cannot read features from ${path}: expected ${expected}, found ${found}; ` +
      "make them anew with `assay fit features`",
  );
}
