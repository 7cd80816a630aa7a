import { conversationsInOrder, conversationsOfRow } from "../data/row_conversations.ts";
import type { ReadRow, Row } from "../data/rows.ts";
import { writtenRow } from "../data/unwritable_row.ts";
import { AssayError } from "../error.ts";
import type { Conversation } from "../text/conversation.ts";

/** Neighbouring rows that are scored together. */
export interface Shard {
  /** Its place, from 0. */
  readonly index: number;
  /** The rows, those that can't be sent among them. */
  readonly rows: readonly ShardRow[];
  /** The lines of those that are sent. */
  readonly lines: readonly string[];
  /** Estimated tokens. */
  readonly tokens: number;
}

/** One row of a shard. */
export interface ShardRow {
  readonly read: ReadRow;
  /** Its place among the lines; `undefined` where it can't be sent. */
  readonly line: number | undefined;
}

/** How rows are cut into shards. */
export interface ShardOptions {
  /** Estimated tokens of a shard; 4,096 by default. */
  readonly tokens?: number | undefined;
  /** Conversations of a shard; 256 by default. */
  readonly conversations?: number | undefined;
}

/** Characters of JSON to a token, about. */
const charactersPerToken = 4;
/** Characters of a shard's lines at most, unless one row has more: servers take 8 MiB. */
const mostCharacters = 2 ** 20;
/** How many times its budget a shard may take so that a prompt stays whole. */
const forPrompt = 4;

/**
 * Cuts rows into shards by an estimate of their tokens. Neighbours of one prompt stay together, as far as
 * that takes no more than four times the budget: then a server computes the prompt once. The same rows are
 * always cut alike.
 */
export async function* cutShards(
  rows: AsyncIterable<ReadRow>,
  options: ShardOptions = {},
): AsyncGenerator<Shard> {
  const budget = {
    tokens: options.tokens ?? 4096,
    conversations: options.conversations ?? 256,
  };
  let index = 0;
  let open = new OpenShard(index);
  for await (const read of rows) {
    const row = measured(read);
    if (open.isFull(row, budget)) {
      yield open.closed();
      open = new OpenShard(++index);
    }
    open.add(row);
  }
  if (open.rows.length > 0) yield open.closed();
}

/** A row with what decides where shards are cut. */
interface MeasuredRow {
  readonly read: ReadRow;
  readonly text: string | undefined;
  readonly prompt: string | undefined;
  readonly conversations: number;
}

interface Budget {
  readonly tokens: number;
  readonly conversations: number;
}

class OpenShard {
  readonly rows: ShardRow[] = [];
  readonly #lines: string[] = [];
  #characters = 0;
  #conversations = 0;
  #prompt: string | undefined;

  constructor(readonly index: number) {}

  /** Whether a row is to begin the next shard. */
  isFull(row: MeasuredRow, budget: Budget): boolean {
    if (this.rows.length === 0) return false;
    const characters = this.#characters + (row.text?.length ?? 0);
    const conversations = this.#conversations + row.conversations;
    const share = Math.max(
      characters / charactersPerToken / budget.tokens,
      conversations / budget.conversations,
      (this.rows.length + 1) / (8 * budget.conversations), // rows that can't be sent cost nothing else
    );
    if (characters > mostCharacters) return true;
    const isOfPrompt = row.prompt !== undefined && row.prompt === this.#prompt;
    return share > (isOfPrompt ? forPrompt : 1);
  }

  add({ read, text, prompt, conversations }: MeasuredRow): void {
    this.rows.push({ read, line: text === undefined ? undefined : this.#lines.length });
    if (text !== undefined) this.#lines.push(text);
    this.#characters += text?.length ?? 0;
    this.#conversations += conversations;
    this.#prompt = prompt;
  }

  closed(): Shard {
    const tokens = Math.ceil(this.#characters / charactersPerToken);
    return { index: this.index, rows: this.rows, lines: this.#lines, tokens };
  }
}

function measured(read: ReadRow): MeasuredRow {
  const { row } = read;
  if (row === undefined) return { read, text: undefined, prompt: undefined, conversations: 0 };
  const { text } = writtenRow(row);
  const conversations = conversationsIn(row);
  const prompt = conversations[0] && JSON.stringify(conversations[0].slice(0, -1));
  return { read, text, prompt, conversations: conversations.length };
}

/** None of a row that is bad: its server says what is wrong with it. */
function conversationsIn(row: Row): readonly Conversation[] {
  try {
    return conversationsInOrder(conversationsOfRow(row));
  } catch (error) {
    if (error instanceof AssayError) return [];
    throw error;
  }
}
