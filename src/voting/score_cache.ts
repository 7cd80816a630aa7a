import { AssayError } from "../error.ts";
import type { Conversation } from "../text/conversation.ts";
import { crc32 } from "../numbers/crc32.ts";
import { sha256 } from "../numbers/sha256.ts";

/** What a score depends on beside the conversation. */
export interface CacheIdentity {
  /** What people call the voter; for the file's name only, the scores don't depend on it. */
  readonly voter: string;
  /** Revision of the checkpoint; see `checkpointRevision`. */
  readonly revision: string;
  /** Settings that can change a score. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** Version of the file's layout; version 1 had no checksums. */
const cacheVersion = 2;

/**
 * Key of a conversation: the first 128 bits of the SHA-256 of its roles and contents, and of whatever
 * else its chat template may read.
 *
 * @param conversation The conversation.
 * @returns 32 hexadecimal digits.
 *
 * @example
 * ```ts
 * import { conversationKey } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const key = await conversationKey([{ role: "user", content: "Hi" }]);
 * assert.match(key, /^[0-9a-f]{32}$/);
 * ```
 */
export function conversationKey(conversation: Conversation): Promise<string> {
  const messages = conversation.map(({ role, content, ...fields }) =>
    Object.keys(fields).length === 0 ? [role, content] : [role, content, fields]
  );
  const { variables } = conversation;
  return sha256(
    JSON.stringify(variables === undefined ? messages : [messages, { variables }], digits),
  );
}

/** Whole numbers beyond 2^53 as their digits. */
function digits(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

/**
 * Name of the file that keeps a voter's scores: the voter's own name, made safe, and a digest of
 * everything that its scores depend on.
 *
 * @param identity The voter, its revision and settings.
 * @returns A file name.
 */
export async function cacheFileName(identity: CacheIdentity): Promise<string> {
  const last = identity.voter.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1) ?? "";
  const safe = last.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^\.+/, "").slice(0, 60) || "voter";
  return `${safe}-${(await sha256(describe(identity))).slice(0, 16)}.jsonl`;
}

/**
 * Scores that a voter has given, by conversation, as an append-only file of JSON lines: one that says
 * what the scores depend on, then one per score. A process that is killed loses at most the line it
 * was writing; whatever is no whole line is passed over and counted, and so is a line whose checksum
 * tells that something in it was changed, or that it stood in another voter's cache.
 *
 * This class knows lines, not files, so it runs wherever the library does.
 */
export class ScoreCache {
  /** Lines that could not be read, or that were changed since they were written. */
  badLines = 0;
  /** Whether the file is of an earlier version, whose lines have no checksums and are not believed. */
  isOutdated = false;
  /** The kernels that computed the scores, as far as their lines tell: scores of two may differ in last bits. */
  readonly kernels: Set<string> = new Set();
  readonly #identity: CacheIdentity;
  #described: string | undefined;
  readonly #scores = new Map<string, readonly number[]>();

  /**
   * An empty cache.
   *
   * @param identity What the scores depend on.
   */
  constructor(identity: CacheIdentity) {
    this.#identity = identity;
  }

  /** Number of conversations with a score. */
  get size(): number {
    return this.#scores.size;
  }

  /** The file's first line. */
  header(): string {
    return `${
      JSON.stringify({ assay: "score-cache", version: cacheVersion, for: this.#description() })
    }\n`;
  }

  /**
   * Takes in one line of the file.
   *
   * @param line The line, without its end.
   * @throws {AssayError} `voting/foreign-cache` where the line says that the scores depend on
   * something else: they are another voter's.
   */
  readLine(line: string): void {
    if (line === "") return;
    let entry: unknown;
    try {
      entry = JSON.parse(line);
    } catch {
      this.badLines++;
      return;
    }
    const fields = (entry ?? {}) as Record<string, unknown>;
    const { key, scores, kernels, check, assay, version, for: owner } = fields;
    if (assay !== undefined) {
      if (assay === "score-cache" && owner === this.#description()) {
        if (version === cacheVersion) return;
        if (version === 1) {
          this.isOutdated = true;
          return;
        }
      }
      throw new AssayError(
        "voting/foreign-cache",
        `Cannot use a score cache: expected one of ${this.#description()}, version ${cacheVersion}, ` +
          `found one of ${owner}, version ${version}; delete the file or name another folder`,
      );
    }
    const valid = typeof key === "string" && Array.isArray(scores) && scores.length > 0 &&
      scores.every((score) => Number.isFinite(score)) && // 1e400 is JSON, and no score
      (kernels === undefined || typeof kernels === "string") &&
      check === this.#check(key, scores as number[], kernels);
    if (!valid) {
      this.badLines++;
      return;
    }
    this.#scores.set(key, scores as number[]);
    if (kernels !== undefined) this.kernels.add(kernels);
  }

  /**
   * The scores of a conversation.
   *
   * @param key From {@linkcode conversationKey}.
   * @returns One score per head, or `undefined` where it was never scored.
   */
  get(key: string): readonly number[] | undefined {
    return this.#scores.get(key);
  }

  /**
   * Keeps the scores of a conversation.
   *
   * @param key From {@linkcode conversationKey}.
   * @param scores One finite score per head.
   * @param kernels The kernels that computed them, where that is known.
   * @returns The line to append to the file.
   */
  add(key: string, scores: readonly number[], kernels?: string): string {
    this.#scores.set(key, scores);
    const check = this.#check(key, scores, kernels);
    return `${JSON.stringify({ key, scores, kernels, check })}\n`;
  }

  /** Tells whether a line is as it was written, and for this voter. */
  #check(key: string, scores: readonly number[], kernels?: string): string {
    const told = kernels === undefined ? [] : [kernels];
    return crc32(JSON.stringify([this.#description(), key, scores, ...told]));
  }

  #description(): string {
    return this.#described ??= describe(this.#identity);
  }
}

function describe({ revision, settings }: CacheIdentity): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify({ revision, settings: Object.fromEntries(sorted) });
}
