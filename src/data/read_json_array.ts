import { AssayError } from "../error.ts";
import { badRow, longestLine, rowOfBytes } from "./read_json_lines.ts";
import type { ReadRow } from "./rows.ts";

const newline = 10;
const quote = 34;
const comma = 44;
const backslash = 92;
const [openList, closeList, openObject, closeObject] = [91, 93, 123, 125];

/** Cuts the bytes of one JSON list into its items; holds no more than one of them. */
class ArrayCutter {
  readonly items: ReadRow[] = [];
  /** 0 before the list, 1 in it, more inside an item; -1 after it. */
  #depth = 0;
  #line = 1;
  #isText = false;
  #isEscaped = false;
  /** The line on which the item begins; `undefined` between items. */
  #start: number | undefined;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #count = 0;

  constructor(private readonly name: string) {}

  push(chunk: Uint8Array): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#isText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === backslash) this.#isEscaped = true;
        else if (byte === quote) this.#isText = false;
        continue;
      }
      if (byte === newline) this.#line++;
      if (byte <= 32) continue;
      if (this.#depth <= 0) {
        this.#open(byte);
        from = at + 1;
        continue;
      }
      const isEnd = this.#depth === 1 && (byte === comma || byte === closeList);
      if (isEnd) {
        this.#take(chunk.subarray(from, at));
        this.#finish(byte === comma);
        from = at + 1;
      } else this.#start ??= this.#line;
      if (byte === quote) this.#isText = true;
      else if (byte === openList || byte === openObject) this.#depth++;
      else if (byte === closeObject) this.#depth = Math.max(this.#depth - 1, 1);
      else if (byte === closeList) this.#depth = this.#depth === 1 ? -1 : this.#depth - 1;
    }
    // Copied, because a stream may use the chunk's memory again.
    if (this.#depth > 0) this.#take(chunk.slice(from));
  }

  end(): void {
    if (this.#depth === -1) return;
    this.items.push(
      badRow(this.#line, "expected ] after the items of the list, found the end of the file"),
    );
  }

  #open(byte: number): void {
    if (this.#depth === 0 && byte === openList) {
      this.#depth = 1;
      return;
    }
    throw new AssayError(
      "data/bad-file",
      `Cannot read ${this.name}: expected the end of the file after its JSON list, found more on line ` +
        `${this.#line}; put one object on each line with \`jq -c '.[]'\``,
    );
  }

  #take(piece: Uint8Array): void {
    this.#length += piece.length;
    if (this.#length > longestLine) this.#pieces = [];
    else if (piece.length > 0) this.#pieces.push(piece);
  }

  #finish(isMore: boolean): void {
    const line = this.#start ?? this.#line;
    if (this.#start !== undefined) {
      const bytes = this.#length > longestLine ? undefined : joined(this.#pieces, this.#length);
      const item = rowOfBytes({ line, bytes });
      if (item !== undefined) this.items.push(item);
    } else if (isMore || this.#count > 0) {
      this.items.push(badRow(line, "expected a JSON object, found nothing before a comma or ]"));
    }
    this.#count++;
    this.#start = undefined;
    this.#pieces = [];
    this.#length = 0;
  }
}

/**
 * Reads rows from one JSON list of objects, for each chunk those that end in it, with bounded memory. An
 * item that is no object is an item with an error, and the reading goes on.
 *
 * @param name What error messages call the file.
 * @param chunks The bytes of the file, the list's bracket first.
 * @throws {AssayError} `data/bad-file` where something follows the list.
 */
export async function* readJsonArray(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly ReadRow[]> {
  const cutter = new ArrayCutter(name);
  for await (const chunk of chunks) {
    cutter.push(chunk);
    yield cutter.items.splice(0);
  }
  cutter.end();
  yield cutter.items.splice(0);
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
