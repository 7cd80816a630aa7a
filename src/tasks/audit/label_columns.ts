import type { LabelledRow } from "../../evaluation/evaluation.ts";
import { publishedSubset } from "../../evaluation/rewardbench_sections.ts";
import { isTiesId } from "../../evaluation/ties_subset.ts";

/** One labelled row. */
export interface AuditedLabel extends LabelledRow {
  /** Lengths of the candidates, NaN where they are not known. */
  readonly lengths: readonly number[];
  /** Its prompt's number. */
  readonly cluster: number;
  /** Its place among all rows that were read. */
  readonly place: number;
  /** Whether it is a pair. */
  readonly isPair: boolean;
  /** Markdown elements of the candidates, where the texts of all are there. */
  readonly markdown?: readonly number[] | undefined;
}

/**
 * Gathers labelled rows by column: as objects they would be most of what an audit of many rows keeps, and
 * a heap grows to a multiple of what it keeps.
 */
export class LabelBuilder {
  readonly #ends: number[] = [];
  readonly #scores: number[] = [];
  readonly #lengths: number[] = [];
  readonly #markdown: number[] = [];
  readonly #correct: number[] = [];
  readonly #clusters: number[] = [];
  readonly #places: number[] = [];
  readonly #isPair: number[] = [];
  readonly #subsets: (string | undefined)[] = [];
  readonly #tiesIds = new Map<number, string>();

  /** Adds a row. */
  add(label: AuditedLabel): void {
    const { scores, lengths, markdown, subset, id } = label;
    if (isOfTies(subset, id)) this.#tiesIds.set(this.#ends.length, id as string);
    scores.forEach((score, candidate) => {
      this.#scores.push(score);
      this.#lengths.push(lengths[candidate]!);
      this.#markdown.push(markdown?.[candidate] ?? NaN);
    });
    this.#ends.push(this.#scores.length);
    this.#correct.push(label.correct);
    this.#clusters.push(label.cluster);
    this.#places.push(label.place);
    this.#isPair.push(label.isPair ? 1 : 0);
    this.#subsets.push(subset);
  }

  /** The rows so far. */
  build(): Labels {
    const columns: LabelColumns = {
      ends: Uint32Array.from(this.#ends),
      scores: Float64Array.from(this.#scores),
      lengths: Float64Array.from(this.#lengths),
      markdown: Float64Array.from(this.#markdown),
      correct: Uint32Array.from(this.#correct),
      clusters: Uint32Array.from(this.#clusters),
      places: Uint32Array.from(this.#places),
      isPair: Uint8Array.from(this.#isPair),
      subsets: this.#subsets,
      tiesIds: this.#tiesIds,
    };
    return new Labels(columns, Uint32Array.from(this.#ends, (_, row) => row));
  }
}

/** Candidates of all rows, one after the other, and what is known of each row. */
interface LabelColumns {
  /** Where each row's candidates end. */
  readonly ends: Uint32Array;
  readonly scores: Float64Array;
  readonly lengths: Float64Array;
  readonly markdown: Float64Array;
  readonly correct: Uint32Array;
  readonly clusters: Uint32Array;
  readonly places: Uint32Array;
  readonly isPair: Uint8Array;
  readonly subsets: readonly (string | undefined)[];
  /** Ids of RewardBench 2's subset Ties by row: no other row's is needed. */
  readonly tiesIds: ReadonlyMap<number, string>;
}

/** Some of the labelled rows. */
export class Labels {
  readonly #columns: LabelColumns;
  /** Which rows, counted over all that are labelled. */
  readonly rows: Uint32Array;

  /** Rows of columns. */
  constructor(columns: LabelColumns, rows: Uint32Array) {
    this.#columns = columns;
    this.rows = rows;
  }

  /** How many they are. */
  get length(): number {
    return this.rows.length;
  }

  /** One after the other, each made when it is asked for. */
  *[Symbol.iterator](): Generator<AuditedLabel> {
    for (const row of this.rows) yield this.#at(row);
  }

  /** Those that a test holds for. */
  filter(test: (label: AuditedLabel) => boolean): Labels {
    return this.#of(this.rows.filter((row) => test(this.#at(row))));
  }

  /** Those that a test of their number holds for. */
  where(test: (row: number) => boolean): Labels {
    return this.#of(this.rows.filter((row) => test(row)));
  }

  /** By the name of their subset, in order of appearance; rows without one are left out. */
  bySubset(): { readonly name: string; readonly rows: Labels }[] {
    const found = new Map<string, { readonly name: string; readonly rows: number[] }>();
    for (const row of this.rows) {
      const name = this.#columns.subsets[row];
      if (name === undefined) continue;
      const key = publishedSubset(name);
      const subset = found.get(key);
      if (subset === undefined) found.set(key, { name, rows: [row] });
      else subset.rows.push(row);
    }
    return [...found.values()].map(({ name, rows }) => ({
      name,
      rows: this.#of(Uint32Array.from(rows)),
    }));
  }

  /** The prompts' numbers. */
  clusters(): Uint32Array {
    return this.rows.map((row) => this.#columns.clusters[row]!);
  }

  /** Those that count in "all": rows of RewardBench 2's subset Ties have a rule of their own. */
  plain(): Labels {
    return this.where((row) => !this.#columns.tiesIds.has(row));
  }

  /** Whether the Markdown elements of every response are known. */
  get hasMarkdown(): boolean {
    return !this.#columns.markdown.some(Number.isNaN);
  }

  #of(rows: Uint32Array): Labels {
    return new Labels(this.#columns, rows);
  }

  #at(row: number): AuditedLabel {
    const { ends, scores, lengths, markdown, correct, clusters, places, isPair, subsets, tiesIds } =
      this.#columns;
    const [start, end] = [row === 0 ? 0 : ends[row - 1]!, ends[row]!];
    return {
      scores: slice(scores, start, end),
      lengths: slice(lengths, start, end),
      markdown: Number.isNaN(markdown[start]) ? undefined : slice(markdown, start, end),
      correct: correct[row]!,
      cluster: clusters[row]!,
      place: places[row]!,
      isPair: isPair[row] === 1,
      subset: subsets[row],
      id: tiesIds.get(row),
    };
  }
}

/** As a list: cheaper than a view, for the few candidates of a row. */
function slice(values: Float64Array, start: number, end: number): number[] {
  const list: number[] = [];
  for (let place = start; place < end; place++) list.push(values[place]!);
  return list;
}

function isOfTies(subset: string | undefined, id: unknown): boolean {
  return subset !== undefined && publishedSubset(subset) === "Ties" && isTiesId(id);
}
