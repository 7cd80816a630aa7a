import type { ByteSink } from "./byte_sink.ts";
import { textOf, writeFolderFile } from "./whole_file.ts";
import { failureOf } from "../runtime/failure.ts";
import { files } from "../runtime/files.ts";

/**
 * The files that one run writes into a folder: each is there as a whole or not at all, never written
 * through a link, and all of them go again where the run doesn't come to its end.
 */
export class FolderFiles implements AsyncDisposable {
  readonly #folder: string;
  readonly #written: string[] = [];
  #kept = false;

  /** @param folder The folder; must exist. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Writes a file.
   *
   * @throws {AssayError} `data/cannot-write`; and what `write` throws.
   */
  async write(file: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
    const path = `${this.#folder}/${file}`;
    await writeFolderFile(path, write);
    this.#written.push(path);
  }

  /** Writes a file of text. */
  async writeText(file: string, text: string): Promise<void> {
    await this.write(file, textOf(text));
  }

  /** Makes a link in place of whatever stands there. */
  async link(file: string, target: string): Promise<void> {
    await this.remove(file);
    await files.symlink(target, `${this.#folder}/${file}`);
    this.#written.push(`${this.#folder}/${file}`);
  }

  /** Removes a file of an earlier run, where there is one. */
  async remove(file: string): Promise<void> {
    try {
      await files.remove(`${this.#folder}/${file}`);
    } catch (error) {
      if (failureOf(error) !== "not-found") throw error;
    }
  }

  /** Says that the run has come to its end: the files stay. */
  keep(): void {
    this.#kept = true;
  }

  /** Removes what was written, unless it is to be kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept) return;
    for (const path of this.#written) await files.remove(path).catch(() => {});
  }
}

/** A sink as a stream, for writers that want one. */
export function streamInto(sink: ByteSink): WritableStream<Uint8Array<ArrayBuffer>> {
  return new WritableStream({ write: (bytes) => sink.write(bytes) });
}
