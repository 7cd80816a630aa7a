import { createInterface } from "node:readline";
import { Readable } from "node:stream";

/** The lines of a process's output as they come. */
export function linesOf(output: ReadableStream<Uint8Array>): AsyncIterable<string> {
  return createInterface({ input: Readable.from(output) });
}
