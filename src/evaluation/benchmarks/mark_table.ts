import type { Marks } from "./benchmark.ts";
import { BenchmarkMeans } from "./benchmark_means.ts";

/** Numbers that are added one after another, without an object for each. */
class GrowingNumbers {
  values = new Float64Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }
}

/** Numbers for names, in order of appearance. */
export class Places {
  readonly names: string[] = [];
  readonly places: Map<string, number> = new Map();

  of(name: string): number {
    let place = this.places.get(name);
    if (place === undefined) {
      place = this.names.length;
      this.names.push(name);
      this.places.set(name, place);
    }
    return place;
  }
}

/** Which subset and which cluster each entry belongs to; several tables of marks share it. */
export class EntryIndex {
  readonly subsets: Places = new Places();
  /** Rows of each subset. */
  readonly rows: number[] = [];
  readonly #clusters = new Map<string, number>();
  readonly #subsetOf = new GrowingNumbers();
  readonly #clusterOf = new GrowingNumbers();

  /** Adds an entry that stands for some rows, and tells its subset's place. */
  add(subset: string, cluster: string, rows: number = 1): number {
    const place = this.subsets.of(subset);
    this.rows[place] = (this.rows[place] ?? 0) + rows;
    this.#subsetOf.push(place);
    let number = this.#clusters.get(cluster);
    if (number === undefined) this.#clusters.set(cluster, number = this.#clusters.size);
    this.#clusterOf.push(number);
    return place;
  }

  /** Number of entries. */
  get entries(): number {
    return this.#subsetOf.length;
  }

  /** Number of clusters. */
  get clusters(): number {
    return this.#clusters.size;
  }

  /** The subset of an entry. */
  subsetOf(entry: number): number {
    return this.#subsetOf.values[entry]!;
  }

  /** Whether another index has the same entries. */
  isSame(other: EntryIndex): boolean {
    if (this.entries !== other.entries || this.clusters !== other.clusters) return false;
    for (let entry = 0; entry < this.entries; entry++) {
      if (this.#clusterOf.values[entry] !== other.#clusterOf.values[entry]) return false;
      const [one, two] = [this, other].map((index) => index.subsets.names[index.subsetOf(entry)]);
      if (one !== two) return false;
    }
    return true;
  }

  /** Entries by cluster: those of cluster c are `entries[starts[c] … starts[c + 1])`. */
  byCluster(): { readonly starts: Uint32Array; readonly entries: Uint32Array } {
    const starts = new Uint32Array(this.clusters + 1);
    for (let entry = 0; entry < this.entries; entry++) {
      starts[this.#clusterOf.values[entry]! + 1]!++;
    }
    for (let cluster = 0; cluster < this.clusters; cluster++) {
      starts[cluster + 1]! += starts[cluster]!;
    }
    const next = starts.slice();
    const entries = new Uint32Array(this.entries);
    for (let entry = 0; entry < this.entries; entry++) {
      entries[next[this.#clusterOf.values[entry]!]!++] = entry;
    }
    return { starts, entries };
  }
}

/** The marks of every entry by one way of choosing, and their sums in the order of the rows. */
export class MarkTable {
  readonly #marks: number;
  readonly #keepsEntries: boolean;
  /** Marks that are not known. */
  readonly #none: Marks;
  readonly #sums = new GrowingNumbers();
  readonly #weights = new GrowingNumbers();
  readonly #totalSums: number[] = [];
  readonly #totalWeights: number[] = [];
  /** Entries before the first whose marks are known: often all of them, so that none need be kept. */
  #unknown = 0;

  /**
   * @param marks Number of marks.
   * @param keepsEntries Whether single entries are wanted again, for draws.
   */
  constructor(marks: number, keepsEntries: boolean) {
    this.#marks = marks;
    this.#keepsEntries = keepsEntries;
    this.#none = { sums: Array(marks).fill(NaN), weights: Array(marks).fill(1) };
  }

  /** Adds the next entry; `undefined` where what it takes is not known of it. */
  add(subset: number, marks: Marks | undefined): void {
    const { sums, weights } = marks ?? this.#none;
    for (let mark = 0; mark < this.#marks; mark++) {
      const place = subset * this.#marks + mark;
      this.#totalSums[place] = (this.#totalSums[place] ?? 0) + sums[mark]!;
      this.#totalWeights[place] = (this.#totalWeights[place] ?? 0) + weights[mark]!;
    }
    if (!this.#keepsEntries) return;
    if (marks === undefined && this.#sums.length === 0) this.#unknown++;
    else {
      for (; this.#unknown > 0; this.#unknown--) this.#keep(this.#none);
      this.#keep({ sums, weights });
    }
  }

  #keep({ sums, weights }: Marks): void {
    for (let mark = 0; mark < this.#marks; mark++) {
      this.#sums.push(sums[mark]!);
      this.#weights.push(weights[mark]!);
    }
  }

  /** Whether every comparison of an entry is won; `undefined` for a single one that is half won. */
  outcome(entry: number): boolean | undefined {
    let sum = 0;
    let weight = 0;
    for (let at = entry * this.#marks; at < (entry + 1) * this.#marks; at++) {
      sum += this.#sums.values[at]!;
      weight += this.#weights.values[at]!;
    }
    return weight === 1 && sum === 0.5 ? undefined : sum === weight;
  }

  /** Means over all rows. */
  means(index: EntryIndex): BenchmarkMeans {
    return this.#meansOf(
      index,
      Float64Array.from(this.#totalSums),
      Float64Array.from(this.#totalWeights),
    );
  }

  /** A function that gives the means over drawn clusters; what it returned last is overwritten. */
  drawnMeans(index: EntryIndex): (drawn: Uint32Array) => BenchmarkMeans {
    const { starts, entries } = index.byCluster();
    const count = this.#marks;
    const size = index.subsets.names.length * count;
    const [sums, weights] = [new Float64Array(size), new Float64Array(size)];
    const [entrySums, entryWeights] = [this.#sums.values, this.#weights.values];
    const places = Uint32Array.from(
      { length: index.entries },
      (_, entry) => index.subsetOf(entry) * count,
    );
    const means = this.#meansOf(index, sums, weights);
    return (drawn) => {
      sums.fill(0);
      weights.fill(0);
      for (let draw = 0; draw < drawn.length; draw++) {
        const cluster = drawn[draw]!;
        for (let at = starts[cluster]!; at < starts[cluster + 1]!; at++) {
          const entry = entries[at]!;
          const to = places[entry]!;
          const from = entry * count;
          for (let mark = 0; mark < count; mark++) {
            sums[to + mark]! += entrySums[from + mark]!;
            weights[to + mark]! += entryWeights[from + mark]!;
          }
        }
      }
      return means;
    };
  }

  #meansOf(index: EntryIndex, sums: Float64Array, weights: Float64Array): BenchmarkMeans {
    const { names, places } = index.subsets;
    return new BenchmarkMeans(names, places, this.#marks, sums, weights, index.rows);
  }
}
