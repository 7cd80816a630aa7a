import { AssayError } from "../error.ts";
import { type ByteSource, checkRange } from "./byte_source.ts";

/**
 * Reads from a `Blob` or `File`, such as one that a user picked in a browser.
 *
 * @param name What messages call the file.
 * @param blob The file; it is read piece by piece, never whole.
 */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    byteLength: blob.size,
    async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
      checkRange(this, offset, length);
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (cause) {
        throw new AssayError(
          "checkpoint/read-failed",
          `Cannot read ${length} bytes of ${name} from ${offset} on: ${cause}`,
          { cause },
        );
      }
    },
    [Symbol.dispose](): void {},
  };
}
