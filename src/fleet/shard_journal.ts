import { writeAll } from "../data/byte_sink.ts";
import { parseJson, stringifyJson } from "../data/json_text.ts";
import type { Row } from "../data/rows.ts";
import { AssayError } from "../error.ts";
import { sha256 } from "../numbers/sha256.ts";
import { failureOf, permissionAdvice } from "../runtime/failure.ts";
import type { OpenedFile } from "../runtime/file_types.ts";
import { files } from "../runtime/files.ts";
import type { Shard } from "./row_shards.ts";
import { OpenShard } from "./shard_job.ts";

/** Version of the file's layout. */
const journalVersion = 1;
/** Bytes of a line that tells what follows, at most. */
const mostHeadBytes = 4096;

/** What the answers in a journal depend on beside their rows. */
export interface JournalSettings {
  /** Digest of the identity; null where servers may differ. */
  readonly identity: string | null;
  readonly explain: boolean;
}

/** Where the answer to a shard stands in the file. */
interface Entry {
  readonly offset: number;
  readonly length: number;
  readonly check: string;
}

/**
 * The answers of a run in a file, each written the moment it is known, so that a run that is killed goes on
 * where it stopped. An answer is found by the digest of its rows and their lines: rows that were changed or
 * moved meanwhile are scored again. What was cut short, or changed, is passed over.
 */
export class ShardJournal implements Disposable {
  readonly #path: string;
  readonly #file: OpenedFile;
  readonly #entries: Map<string, Entry>;
  #end: number;

  private constructor(path: string, file: OpenedFile, entries: Map<string, Entry>, end: number) {
    this.#path = path;
    this.#file = file;
    this.#entries = entries;
    this.#end = end;
  }

  /**
   * Opens a journal, or begins one.
   *
   * @throws {AssayError} `fleet/checkpoint` where the file can't be used; `fleet/foreign-checkpoint` where
   * it is of a run with other settings, or no journal.
   */
  static async open(path: string, settings: JournalSettings): Promise<ShardJournal> {
    try {
      const file = await files.open(path, { read: true, write: true, create: true });
      try {
        return await ShardJournal.#begun(path, file, settings);
      } catch (error) {
        file.close();
        throw error;
      }
    } catch (cause) {
      throw unusable(path, cause);
    }
  }

  static async #begun(
    path: string,
    file: OpenedFile,
    settings: JournalSettings,
  ): Promise<ShardJournal> {
    const header = stringifyJson({ assay: "shards", version: journalVersion, ...settings });
    const { size } = await file.stat();
    const first = await readHead(file, 0);
    const entries = new Map<string, Entry>();
    if (first === undefined && await isBeginningOf(file, `${header}\n`, size)) {
      const begun = new ShardJournal(path, file, entries, 0);
      await begun.#append(new TextEncoder().encode(`${header}\n`));
      return begun;
    }
    if (first?.text !== header) throw foreign(path, header, first?.text);
    let end = first.end;
    for (;;) {
      const head = await readHead(file, end);
      const entry = head && entryOf(head.text);
      if (entry === undefined || head!.end + entry.length > size) break;
      entries.set(entry.of, { offset: head!.end, length: entry.length, check: entry.check });
      end = head!.end + entry.length;
    }
    if (end < size) await file.truncate(end);
    return new ShardJournal(path, file, entries, end);
  }

  /** Number of shards with an answer. */
  get size(): number {
    return this.#entries.size;
  }

  /** The shard with its answer; `undefined` where it has none yet. */
  async answered(shard: Shard): Promise<OpenShard | undefined> {
    const entry = this.#entries.get(await digestOf(shard));
    if (entry === undefined) return undefined;
    const bytes = new Uint8Array(entry.length);
    await this.#file.seek(entry.offset, 0);
    if (await readWhole(this.#file, bytes) < bytes.length) return undefined;
    if (await sha256(bytes) !== entry.check) return undefined;
    const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
    if (lines.length !== shard.lines.length) return undefined;
    const open = new OpenShard(shard);
    lines.forEach((line, place) => open.put(place, parseJson(line) as Row));
    return open;
  }

  /** Keeps the answer to a shard; calls must not overlap each other, or {@linkcode answered}. */
  async add({ shard, answers }: OpenShard): Promise<void> {
    if (shard.lines.length === 0) return;
    const text = answers.map((row) => `${stringifyJson(row)}\n`).join("");
    const bytes = new TextEncoder().encode(text);
    const [of, check] = [await digestOf(shard), await sha256(bytes)];
    const head = new TextEncoder().encode(
      `${JSON.stringify({ shard: shard.index, of, length: bytes.length, check })}\n`,
    );
    const whole = new Uint8Array(head.length + bytes.length);
    whole.set(head);
    whole.set(bytes, head.length);
    const offset = this.#end + head.length;
    await this.#append(whole);
    this.#entries.set(of, { offset, length: bytes.length, check });
  }

  /** Closes the file, which stays. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    try {
      await this.#file.seek(this.#end, 0);
      await writeAll(this.#file, bytes);
      this.#end += bytes.length;
    } catch (cause) {
      throw unusable(this.#path, cause);
    }
  }
}

/** Errors name lines: the same rows elsewhere have other answers. */
async function digestOf({ rows, lines }: Shard): Promise<string> {
  const places = rows.filter(({ line }) => line !== undefined).map(({ read }) => read.line);
  return await sha256([places.join(" "), ...lines].join("\n"));
}

/** Whether a file is empty, or holds no more than the beginning of a text: what a killed run may have left. */
async function isBeginningOf(file: OpenedFile, text: string, size: number): Promise<boolean> {
  if (size > text.length) return false;
  const bytes = new Uint8Array(size);
  await file.seek(0, 0);
  return await readWhole(file, bytes) === size && text.startsWith(new TextDecoder().decode(bytes));
}

/** The line that begins at a byte, and where what follows begins; `undefined` where it has no end. */
async function readHead(
  file: OpenedFile,
  offset: number,
): Promise<{ text: string; end: number } | undefined> {
  const bytes = new Uint8Array(mostHeadBytes);
  await file.seek(offset, 0);
  const read = await readWhole(file, bytes);
  const length = bytes.subarray(0, read).indexOf(10);
  if (length === -1) return undefined;
  return { text: new TextDecoder().decode(bytes.subarray(0, length)), end: offset + length + 1 };
}

async function readWhole(file: OpenedFile, bytes: Uint8Array): Promise<number> {
  let read = 0;
  while (read < bytes.length) {
    const more = await file.read(bytes.subarray(read));
    if (more === null) break;
    read += more;
  }
  return read;
}

function entryOf(text: string): { of: string; length: number; check: string } | undefined {
  try {
    const { of, length, check } = JSON.parse(text) as Record<string, unknown>;
    const isEntry = typeof of === "string" && typeof check === "string" &&
      Number.isSafeInteger(length) && (length as number) > 0;
    return isEntry ? { of, length: length as number, check } : undefined;
  } catch {
    return undefined;
  }
}

function foreign(path: string, expected: string, found: string | undefined): AssayError {
  return new AssayError(
    "fleet/foreign-checkpoint",
    `Cannot go on from ${path}: expected a checkpoint that begins with ${expected}, found ${
      found === undefined ? "another file" : found.slice(0, 300)
    }; delete it to begin anew, or name another with --checkpoint`,
  );
}

function unusable(path: string, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause;
  const reason = failureOf(cause) === "not-capable"
    ? permissionAdvice(`--allow-read=${path} --allow-write=${path}`)
    : cause instanceof Error
    ? cause.message
    : String(cause);
  return new AssayError(
    "fleet/checkpoint",
    `Cannot use the checkpoint ${path}: ${reason}; name another with --checkpoint, or do without by ` +
      "--no-checkpoint",
    { cause },
  );
}
