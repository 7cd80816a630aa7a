import type { ByteSource } from "../../checkpoint/byte_source.ts";
import { fileSource } from "../../checkpoint/file_source.ts";
import { httpSource } from "../../checkpoint/http_source.ts";
import { rowOfBytes, splitLines } from "../../data/read_json_lines.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { sha256 } from "../../numbers/sha256.ts";
import { readRowText } from "./row_text.ts";
import type { Job, RunPlan } from "./run_plan.ts";
import type { RunQueue } from "./run_queue.ts";

/** Where the rows of a run's jobs are read: the queue, or a file that everybody reads. */
export class JobRows implements Disposable {
  readonly #queue: RunQueue;
  readonly #shared: string | null;
  #source: Promise<ByteSource> | undefined;

  constructor(queue: RunQueue, plan: Pick<RunPlan, "shared">) {
    this.#queue = queue;
    this.#shared = plan.shared;
  }

  /**
   * All rows of a job, those of the whole one where it is a part.
   *
   * @throws {AssayError} `fleet/rows-missing`, `fleet/rows-changed`, and what reading a file throws.
   */
  async read(job: Job): Promise<readonly ReadRow[]> {
    const rows = job.place === undefined ? await this.#carried(job) : await this.#ofFile(job);
    if (rows.length === job.rows) return rows;
    throw changed(job, `${job.rows} rows`, `${rows.length}`);
  }

  [Symbol.dispose](): void {
    this.#source?.then((source) => source[Symbol.dispose](), () => {});
    this.#source = undefined;
  }

  async #carried({ number }: Job): Promise<ReadRow[]> {
    const text = await this.#queue.text(this.#queue.subjects.rows(number));
    if (text !== undefined) return text.split("\n").map(readRowText);
    throw new AssayError(
      "fleet/rows-missing",
      `Cannot read job ${number}: expected its rows in the queue, found none; submit the run again`,
    );
  }

  async #ofFile(job: Job): Promise<ReadRow[]> {
    const { start, end, line, digest } = job.place!;
    try {
      this.#source ??= openShared(this.#shared ?? "");
      const bytes = await (await this.#source).read(start, end - start);
      if (await sha256(bytes) !== digest) {
        throw changed(job, "the bytes that were submitted", "others");
      }
      return await rowsOfLines(bytes, line);
    } catch (error) {
      this[Symbol.dispose](); // opened anew the next time: the file may be there by then
      throw error;
    }
  }
}

/** The rows in whole lines of JSON, the first of which has a number. */
export async function rowsOfLines(bytes: Uint8Array, first: number): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  const chunks = (async function* () {
    yield await Promise.resolve(bytes);
  })();
  for await (const lines of splitLines(chunks)) {
    for (const { line, bytes } of lines) {
      const row = rowOfBytes({ line: first + line - 1, bytes });
      if (row !== undefined) rows.push(row);
    }
  }
  return rows;
}

async function openShared(place: string): Promise<ByteSource> {
  const source = /^https?:\/\//i.test(place) ? await httpSource(place) : await fileSource(place);
  if (source !== undefined) return source;
  throw new AssayError(
    "fleet/rows-missing",
    `Cannot read ${place}: expected the file that the run was submitted with, found none; mount the ` +
      "folder at the same path on every machine, or submit without --shared",
  );
}

function changed({ number }: Job, expected: string, found: string): AssayError {
  return new AssayError(
    "fleet/rows-changed",
    `Cannot read job ${number}: expected ${expected}, found ${found}; the shared file was changed ` +
      "since the run was submitted",
  );
}
