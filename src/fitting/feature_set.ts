import { fileSource } from "../checkpoint/file_source.ts";
import { SafetensorsReader } from "../checkpoint/safetensors_reader.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import {
  badFeatures,
  type FeatureManifest,
  type FeatureRow,
  readManifest,
  readShardRows,
  shardFiles,
} from "./feature_files.ts";
import type { ResponseSide } from "./fitting_row.ts";

/** A row of features, wherever its shard. */
export interface StoredRow extends FeatureRow {
  /** The shard, from 0. */
  readonly shard: number;
}

/** A pair, by the places of its rows in {@link FeatureSet.rows}. */
export interface StoredPair {
  /** Place of the preferred response. */
  readonly chosen: number;
  /** Place of the other one. */
  readonly rejected: number;
}

/** Rows read at once. */
const rowsTogether = 256;

/** A folder of features that `extractFeatures` wrote. What the rows are is in memory, features are not. */
export class FeatureSet {
  private constructor(
    /** Where it lies. */
    readonly folder: string,
    readonly manifest: FeatureManifest,
    /** All rows in the input's order. */
    readonly rows: readonly StoredRow[],
    readonly shards: number,
    /** Input rows without features. */
    readonly failedRows: number,
  ) {}

  /**
   * Opens a folder.
   *
   * @throws {AssayError} `fitting/bad-features`.
   */
  static async open(folder: string): Promise<FeatureSet> {
    const manifest = await readManifest(folder);
    if (manifest === undefined) throw badFeatures(folder, "features.json", "none");
    const rows: StoredRow[] = [];
    let failed = 0;
    let shard = 0;
    for (;; shard++) {
      const source = await fileSource(`${folder}/${shardFiles(shard).tensors}`);
      if (source === undefined) break;
      source[Symbol.dispose]();
      const read = await readShardRows(folder, shard);
      for (const row of read.rows) rows.push({ ...row, shard });
      failed += read.failed.length;
    }
    return new FeatureSet(folder, manifest, rows, shard, failed);
  }

  /** Numbers of a row's features. */
  get dimension(): number {
    return this.manifest.hidden_size;
  }

  /** The pairs of all rows, those between candidates included. */
  get pairs(): readonly StoredPair[] {
    const sides = Map.groupBy(this.rows.keys(), (place) => this.rows[place]!.row);
    return [...sides.values()].flatMap((places) => {
      const of = new Map(places.map((place) => [this.rows[place]!.side, place]));
      return places.flatMap((chosen) => {
        const { side, beats } = this.rows[chosen]!;
        const others: readonly ResponseSide[] = side === "chosen" ? ["rejected"] : beats;
        return others.flatMap((other) => {
          const rejected = of.get(other); // gone where it has no features
          return rejected === undefined ? [] : [{ chosen, rejected }];
        });
      });
    });
  }

  /**
   * The last tokens' states of some rows, in batches.
   *
   * @param places Places in {@link FeatureSet.rows}, ascending.
   */
  async *batches(places: readonly number[]): AsyncGenerator<Float32Array> {
    for (let shard = 0, at = 0; shard < this.shards; shard++) {
      const start = at;
      while (at < places.length && this.rows[places[at]!]!.shard === shard) at++;
      if (at === start) continue;
      using file = await this.#shard(shard);
      for (let first = start; first < at; first += rowsTogether) {
        const some = places.slice(first, Math.min(first + rowsTogether, at));
        const tensor = await file.gatherRows("last", some.map((place) => this.rows[place]!.last));
        yield toFloat32(tensor);
      }
    }
  }

  /** The last tokens' states of some rows, all in memory, [rows, dimension]; `places` ascending. */
  async last(places: readonly number[]): Promise<Float32Array> {
    const features = new Float32Array(places.length * this.dimension);
    let at = 0;
    for await (const batch of this.batches(places)) {
      features.set(batch, at);
      at += batch.length;
    }
    return features;
  }

  /**
   * The prompts' states of some rows, each once, [prompts, dimension], and which of them is each
   * row's; `places` ascending.
   *
   * @throws {AssayError} `fitting/bad-features` where the folder was made without them.
   */
  async prompts(
    places: readonly number[],
  ): Promise<{ states: Float32Array; promptOfRow: Uint32Array }> {
    if (!this.manifest.gates) {
      throw badFeatures(this.folder, "prompts' states (features with a gate)", "none");
    }
    const keys = new Map<string, { shard: number; gate: number; number: number }>();
    const promptOfRow = Uint32Array.from(places, (place) => {
      const { shard, gate } = this.rows[place]!;
      const key = `${shard} ${gate}`;
      if (!keys.has(key)) keys.set(key, { shard, gate: gate!, number: keys.size });
      return keys.get(key)!.number;
    });
    const states = new Float32Array(keys.size * this.dimension);
    for (const [shard, some] of Map.groupBy(keys.values(), ({ shard }) => shard)) {
      using file = await this.#shard(shard);
      const read = toFloat32(await file.gatherRows("gate", some.map(({ gate }) => gate)));
      some.forEach(({ number }, i) => {
        states.set(
          read.subarray(i * this.dimension, (i + 1) * this.dimension),
          number * this.dimension,
        );
      });
    }
    return { states, promptOfRow };
  }

  async #shard(shard: number): Promise<SafetensorsReader> {
    const path = `${this.folder}/${shardFiles(shard).tensors}`;
    const source = await fileSource(path);
    if (source === undefined) throw badFeatures(path, "a shard", "none");
    return await SafetensorsReader.open(source);
  }
}

/** Which rows are learnt from and which are held back to measure by. */
export interface RowSplit {
  /** Places of the rows to learn from. */
  readonly train: readonly number[];
  /** Places of the rows held back. */
  readonly validation: readonly number[];
}

/**
 * Splits rows: as their `split` column says, and where it says nothing, by prompt, the same prompt on
 * the same side every time.
 *
 * @param rows Rows of a folder of features.
 * @param share Share of prompts that are held back.
 * @param seed Another seed gives another split.
 */
export function splitRows(rows: readonly FeatureRow[], share: number, seed: number): RowSplit {
  const places = [...rows.keys()];
  const isHeld = ({ split, prompt }: FeatureRow): boolean =>
    split === null ? fraction(prompt, seed) < share : split === "validation";
  return {
    train: places.filter((place) => !isHeld(rows[place]!)),
    validation: places.filter((place) => isHeld(rows[place]!)),
  };
}

/** A number from 0 to 1 that the prompt and the seed decide (the finaliser of MurmurHash3). */
function fraction(prompt: string, seed: number): number {
  let hash = (Number.parseInt(prompt, 16) ^ Math.imul(seed + 1, 0x9e3779b1)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
