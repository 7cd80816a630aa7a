/**
 * Standard input, output and error: Deno's, or those of `node:process`.
 *
 * @module
 */

/** Standard output or standard error. */
export interface StandardOutput {
  /** Whether a person reads along. */
  readonly isTerminal: boolean;
  /** Characters in a line of the terminal; asked only where there is one. */
  columns(): number;
  /** Writes all of the bytes; waits until the other end takes them. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Standard input. */
export interface StandardInput {
  readonly isTerminal: boolean;
  /** Its bytes as they come. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

interface DenoStreams {
  readonly stdin: { readonly readable: ReadableStream<Uint8Array>; isTerminal(): boolean };
  readonly stdout: DenoOutput;
  readonly stderr: DenoOutput;
  consoleSize(): { readonly columns: number };
}

interface DenoOutput {
  isTerminal(): boolean;
  write(bytes: Uint8Array): Promise<number>;
}

interface NodeStreams {
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  readonly stdout: NodeOutput;
  readonly stderr: NodeOutput;
}

interface NodeOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(bytes: Uint8Array, done: (error?: Error | null) => void): boolean;
  on(event: "error", listener: (error: Error) => void): void;
}

function runtime(): { readonly Deno?: DenoStreams; readonly process: NodeStreams } {
  return globalThis as unknown as ReturnType<typeof runtime>;
}

/** Standard input. */
export function standardInput(): StandardInput {
  const { Deno, process } = runtime();
  if (Deno !== undefined) {
    return {
      isTerminal: Deno.stdin.isTerminal(),
      get chunks() {
        return Deno.stdin.readable;
      },
    };
  }
  return {
    isTerminal: process.stdin.isTTY === true,
    get chunks() {
      return process.stdin;
    },
  };
}

/** Standard output or standard error. */
export function standardOutput(name: "stdout" | "stderr"): StandardOutput {
  const { Deno, process } = runtime();
  return Deno === undefined ? nodeOutput(process[name]) : denoOutput(Deno, Deno[name]);
}

function denoOutput(deno: DenoStreams, stream: DenoOutput): StandardOutput {
  return {
    isTerminal: stream.isTerminal(),
    columns: () => deno.consoleSize().columns,
    async write(bytes) {
      for (let offset = 0; offset < bytes.length;) {
        offset += await stream.write(bytes.subarray(offset));
      }
    },
  };
}

function nodeOutput(stream: NodeOutput): StandardOutput {
  // A stream without a listener would end the program by throwing what the write has told already.
  stream.on("error", () => {});
  return {
    isTerminal: stream.isTTY === true,
    columns: () => stream.columns ?? 80,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => error ? reject(error) : resolve());
      }),
  };
}
