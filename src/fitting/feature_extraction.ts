import { type TensorToWrite, writeSafetensors } from "../checkpoint/safetensors_writer.ts";
import { fromFloat32 } from "../checkpoint/tensor.ts";
import { streamInto } from "../data/folder_files.ts";
import type { ReadRow } from "../data/rows.ts";
import { textOf, writeFolderFile } from "../data/whole_file.ts";
import { AssayError } from "../error.ts";
import type { Reads } from "../heads/reads.ts";
import type { PooledState } from "../scoring/backbone.ts";
import type { Conversation } from "../text/conversation.ts";
import {
  badFeatures,
  type FailedRow,
  type FeatureManifest,
  type FeatureRow,
  manifestFile,
  readManifest,
  readShardRows,
  shardFiles,
} from "./feature_files.ts";
import { FeatureSet } from "./feature_set.ts";
import {
  type FittingColumns,
  type FittingResponse,
  type FittingRow,
  fittingRow,
  type ResponseSide,
} from "./fitting_row.ts";
import { checkTrainingOptions } from "./check_training.ts";
import { failureOf } from "../runtime/failure.ts";
import { files } from "../runtime/files.ts";

/**
 * The positions that features are read at: the last token, and for gates the end of the prompt.
 *
 * @param prompts Whether prompts' states are wanted too.
 */
export function featureReads(prompts: boolean): Reads {
  return { last: { at: "last" }, ...(prompts && { prompt: { at: "header" } }) };
}

/** What features come of; a `Backbone` that has {@link featureReads} is one. */
export interface StateSource {
  /** Where its checkpoint lies. */
  readonly name: string;
  /** Numbers in a hidden state. */
  readonly hiddenSize: number;
  /** Hidden states of conversations, in order; an error in the place of one that has none. */
  pooledStates(
    conversations: readonly Conversation[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<(PooledState | AssayError)[]>;
}

/** How to extract features. */
export interface ExtractionOptions {
  /** Whether prompts' states are kept too, which gates read; the source must give them. */
  readonly prompts: boolean;
  /** Input rows of a shard; 512 by default. */
  readonly rowsPerShard?: number | undefined;
  /** Columns that go by names of their own. */
  readonly columns?: FittingColumns | undefined;
  /** Told how many input rows are done, those of earlier runs included. */
  readonly onProgress?: ((rows: number) => void) | undefined;
  /** Ends the extraction early; whole shards stay. */
  readonly signal?: AbortSignal | undefined;
}

/** What an extraction amounts to. */
export interface ExtractionResult {
  /** Input rows, those of earlier runs included. */
  readonly rows: number;
  /** Input rows that an earlier run had done. */
  readonly resumed: number;
  /** Input rows of this run that have no features. */
  readonly failed: readonly FailedRow[];
}

/** Conversations computed together, between which progress is told and a signal is heard. */
const conversationsTogether = 64;

/**
 * Runs a backbone over rows and writes their pooled hidden states into a folder, one shard after
 * another: safetensors with `last` [responses, hidden] and `gate` [prompts, hidden], in F32, and JSON
 * Lines that say what each row is. A folder that a run left unfinished is gone on with: whole shards
 * stay as they are. That they are of this backbone and these rows, one conversation computed again
 * tells. Memory holds one shard.
 *
 * @param rows The input.
 * @param source The backbone.
 * @param folder Where the shards go; made where it is not there.
 * @throws {AssayError} `fitting/bad-features` where the folder holds features of another backbone or of
 *   other rows, `fitting/cannot-write`.
 */
export async function extractFeatures(
  rows: AsyncIterable<ReadRow>,
  source: StateSource,
  folder: string,
  options: ExtractionOptions,
): Promise<ExtractionResult> {
  checkTrainingOptions({ rowsPerShard: options.rowsPerShard });
  const manifest: FeatureManifest = {
    version: 1,
    model: source.name,
    hidden_size: source.hiddenSize,
    gates: options.prompts,
    rows_per_shard: options.rowsPerShard ?? 512,
  };
  const earlier = await prepareFolder(folder, manifest);
  const failed: FailedRow[] = [];
  let waiting: ReadRow[] = [];
  let index = 0;
  let resumed = Math.max(0, earlier.shards - 1) * manifest.rows_per_shard;
  const skipped = resumed;
  const first = earlier.shards > 0 ? await firstState(folder) : undefined;
  const flush = async (): Promise<void> => {
    const from = index - waiting.length;
    const number = from / manifest.rows_per_shard;
    if (number === earlier.shards - 1 && waiting.length === earlier.rowsOfLast) {
      resumed += waiting.length;
    } else {
      const shard = new Shard(from, manifest, options);
      for (const [place, row] of waiting.entries()) shard.add(from + place, row);
      await shard.compute(source);
      await shard.write(folder, number);
      failed.push(...shard.failed);
    }
    waiting = [];
  };
  for await (const row of rows) {
    if (index++ === first?.row) await checkState(folder, first, row, source, options.columns);
    if (index <= skipped) continue;
    waiting.push(row);
    if (waiting.length === manifest.rows_per_shard) await flush();
  }
  if (waiting.length > 0) await flush();
  if (earlier.shards * manifest.rows_per_shard >= index + manifest.rows_per_shard) {
    throw badFeatures(folder, `features of the ${index} rows of this input`, "those of more");
  }
  return { rows: index, resumed: Math.min(resumed, index), failed };
}

/** What an earlier run left. */
interface EarlierRun {
  /** Whole shards. */
  readonly shards: number;
  /** Input rows of the last of them: fewer than in the others where the input ended there. */
  readonly rowsOfLast: number;
}

/** Makes the folder, or finds what an earlier run left in it. */
async function prepareFolder(folder: string, manifest: FeatureManifest): Promise<EarlierRun> {
  const found = await readManifest(folder);
  if (found === undefined) {
    try {
      await files.mkdir(folder, { recursive: true });
      await writeFolderFile(`${folder}/${manifestFile}`, textOf(`${JSON.stringify(manifest)}\n`));
    } catch (cause) {
      throw cannotWrite(folder, cause);
    }
    return { shards: 0, rowsOfLast: 0 };
  }
  for (const key of ["model", "hidden_size", "gates", "rows_per_shard"] as const) {
    if (found[key] !== manifest[key]) {
      throw badFeatures(folder, `${key} ${manifest[key]} as in this run`, `${found[key]}`);
    }
  }
  let shards = 0;
  while (await exists(`${folder}/${shardFiles(shards).tensors}`)) shards++;
  if (shards === 0) return { shards, rowsOfLast: 0 };
  const { rows, failed } = await readShardRows(folder, shards - 1);
  return { shards, rowsOfLast: new Set([...rows, ...failed].map(({ row }) => row)).size };
}

/** The first state that a folder holds. */
interface FirstState {
  /** Its input row. */
  readonly row: number;
  readonly side: ResponseSide;
  readonly last: Float32Array;
}

async function firstState(folder: string): Promise<FirstState | undefined> {
  const features = await FeatureSet.open(folder);
  if (features.rows.length === 0) return undefined;
  const { row, side } = features.rows[0]!;
  return { row, side, last: await features.last([0]) };
}

/** Makes sure that the backbone still gives a row's state, to what kernels may differ by. */
async function checkState(
  folder: string,
  { side, last }: FirstState,
  { row }: ReadRow,
  source: StateSource,
  columns: FittingColumns | undefined,
): Promise<void> {
  const found = row && fittingRow(row, columns).responses.find((of) => of.side === side);
  const [state] = found === undefined ? [] : await source.pooledStates([found.conversation]);
  const norm = (numbers: Float32Array): number => Math.hypot(...numbers);
  const isSame = state !== undefined && !(state instanceof AssayError) &&
    norm(last.map((x, i) => x - state.states.last![0]![i]!)) <= 1e-3 * norm(last);
  if (isSame) return;
  throw badFeatures(folder, "features of this input by this backbone", "others");
}

async function exists(path: string): Promise<boolean> {
  try {
    await files.stat(path);
    return true;
  } catch (error) {
    if (failureOf(error) === "not-found") return false;
    throw error;
  }
}

function cannotWrite(path: string, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AssayError("fitting/cannot-write", `Cannot write ${path}: ${reason}`, { cause });
}

/** The features of some input rows, on their way into two files. */
class Shard {
  readonly failed: FailedRow[] = [];
  readonly #waiting: { index: number; row: FittingRow; response: FittingResponse }[] = [];
  readonly #rows: FeatureRow[] = [];
  readonly #last: Float32Array[] = [];
  readonly #prompts: Float32Array[] = [];

  constructor(
    readonly first: number,
    readonly manifest: FeatureManifest,
    readonly options: ExtractionOptions,
  ) {}

  add(index: number, { row, error }: ReadRow): void {
    try {
      if (row === undefined) throw error;
      const read = fittingRow(row, this.options.columns);
      for (const response of read.responses) this.#waiting.push({ index, row: read, response });
    } catch (reason) {
      this.#fail(index, reason);
    }
  }

  async compute(source: StateSource): Promise<void> {
    const { signal, onProgress } = this.options;
    for (let at = 0; at < this.#waiting.length; at += conversationsTogether) {
      signal?.throwIfAborted();
      const some = this.#waiting.slice(at, at + conversationsTogether);
      const states = await source.pooledStates(
        some.map(({ response }) => response.conversation),
        signal === undefined ? {} : { signal },
      );
      some.forEach((waiting, i) => this.#take(waiting, states[i]!));
      onProgress?.(some.at(-1)!.index + 1);
    }
  }

  #take(
    { index, row, response }: { index: number; row: FittingRow; response: FittingResponse },
    state: PooledState | AssayError,
  ): void {
    if (state instanceof AssayError) return this.#fail(index, state);
    const { last: [last] = [], prompt: [prompt] = [] } = state.states;
    this.#rows.push({
      row: index,
      id: row.id,
      side: response.side,
      last: this.#last.push(last!) - 1,
      gate: prompt === undefined ? null : this.#promptRow(prompt),
      prompt: row.prompt,
      source: row.source,
      split: row.split,
      ratings: response.ratings,
      beats: response.beats,
      label_smoothing: row.labelSmoothing,
      margin: row.margin,
    });
  }

  /** Responses to one prompt share its state, to the last bit; neighbours do so as a rule. */
  #promptRow(prompt: Float32Array): number {
    const previous = this.#prompts.at(-1);
    if (previous?.every((x, i) => x === prompt[i])) return this.#prompts.length - 1;
    return this.#prompts.push(prompt) - 1;
  }

  #fail(row: number, reason: unknown): void {
    if (!(reason instanceof AssayError)) throw reason;
    if (this.failed.at(-1)?.row === row) return; // the other side of the pair failed as well
    this.failed.push({ row, error: reason.toJSON() });
  }

  /** A shard is there only when it is whole, which its tensors tell: they come last. */
  async write(folder: string, number: number): Promise<void> {
    const { tensors, rows } = shardFiles(number);
    const lines = [...this.#rows, ...this.failed];
    try {
      const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
      await writeFolderFile(`${folder}/${rows}`, textOf(text));
      const written = [
        this.#tensor("last", this.#last),
        ...(this.manifest.gates ? [this.#tensor("gate", this.#prompts)] : []),
      ];
      await writeFolderFile(
        `${folder}/${tensors}`,
        (sink) => writeSafetensors(streamInto(sink), written),
      );
    } catch (cause) {
      throw cannotWrite(`${folder}/${tensors}`, cause);
    }
  }

  #tensor(name: string, rows: readonly Float32Array[]): TensorToWrite {
    return {
      name,
      dtype: "F32",
      shape: [rows.length, this.manifest.hidden_size],
      bytes: rows.map((row) => fromFloat32(row as Float32Array<ArrayBuffer>, "F32")),
    };
  }
}
