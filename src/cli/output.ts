import { AssayError } from "../error.ts";
import { visibleLine, visibleLines } from "./visible_text.ts";
import { failureOf } from "../runtime/failure.ts";
import { inspect } from "../runtime/process.ts";
import { standardOutput } from "../runtime/standard_streams.ts";

/** What a command tells the shell: 0 all rows fine, 1 some rows failed, 2 wrong usage or nothing could run. */
export type ExitStatus = 0 | 1 | 2;

/** Standard output or standard error, or a stand-in for one of them. */
export interface OutputStream {
  /** Writes all of the bytes; waits until the other end takes them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Whether a person reads along. */
  readonly isTerminal: boolean;
  /** Characters in a line, for tables and the progress bar. */
  readonly columns: number;
}

/**
 * Thrown where the reader of standard output has gone away (`assay … | head`): nothing to say, but
 * not all rows were written, and the exit status tells so.
 */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** Text of a line with its place on a scale of colours. */
export interface PaintedText {
  /** The text; what could steer a terminal is made visible. */
  readonly text: string;
  /** From −1 to 1; 0 is not coloured. */
  readonly heat: number;
}

/** Backgrounds of the 256 colours, from weak to strong; the text on them is black. */
const backgrounds = { up: [153, 111, 75], down: [223, 215, 208] } as const;

function painted({ text, heat }: PaintedText, isTerminal: boolean): string {
  const shown = visibleLine(text);
  const level = Math.ceil(Math.abs(heat) * 3.5 - 0.5) - 1;
  if (!isTerminal || !(level >= 0)) return shown;
  const colour = backgrounds[heat > 0 ? "up" : "down"][Math.min(level, 2)];
  return `\x1b[38;5;16;48;5;${colour}m${shown}\x1b[0m`;
}

/**
 * Where a command's output goes: results to `stdout` and nothing else, everything that people read
 * along to standard error, and the exit status. Every command gets one, so that tests can look at it.
 *
 * Here, and nowhere else, what could steer a terminal is made visible: in everything for people, and
 * in results where they go to a terminal.
 */
export class Output {
  /** For results. Throws {@link OutputClosed} where nobody reads them any more. */
  readonly stdout: OutputStream;
  /** For progress, warnings, timings and errors. */
  readonly stderr: OutputStream;
  /** Whether errors show their causes and stacks (`--verbose`). */
  verbose = false;
  #status: ExitStatus = 0;

  /**
   * @param stdout For results.
   * @param stderr For everything else.
   */
  constructor(stdout: OutputStream, stderr: OutputStream) {
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** The output of this process. */
  static system(): Output {
    return new Output(
      systemStream("standard output", "stdout"),
      systemStream("standard error", "stderr"),
    );
  }

  /** The exit status so far. */
  get status(): ExitStatus {
    return this.#status;
  }

  /** Records that a row has an `error`: the exit status is at least 1. */
  rowFailed(): void {
    if (this.#status === 0) this.#status = 1;
  }

  /**
   * Writes results, JSON Lines, to standard output, past a progress bar that may stand in the same
   * terminal.
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.stdout.isTerminal) return await this.stdout.write(bytes);
    // In JSON such characters stand in strings only, where their escapes mean the same.
    await this.writeText(new TextDecoder().decode(bytes));
  }

  /** Writes text for people to standard output. */
  async writeText(text: string): Promise<void> {
    if (this.stdout.isTerminal) await this.#clearBar();
    await this.stdout.write(new TextEncoder().encode(visibleLines(text)));
  }

  /**
   * Writes a line of coloured text for people to standard output: what has a heat above 0 on blue, below
   * it on orange. No colours where standard output is no terminal.
   */
  async writePainted(line: readonly PaintedText[]): Promise<void> {
    const text = line.map((part) => painted(part, this.stdout.isTerminal)).join("");
    if (this.stdout.isTerminal) await this.#clearBar();
    await this.stdout.write(new TextEncoder().encode(`${text}\n`));
  }

  /** Tells people something on standard error, in one line: `assay: <message>`. */
  async note(message: string): Promise<void> {
    await this.#clearBar();
    await this.#tell(`assay: ${visibleLine(message)}\n`);
  }

  /** Tells people something in several lines, as it is. */
  async noteLines(text: string): Promise<void> {
    await this.#clearBar();
    await this.#tell(visibleLines(text));
  }

  /** Records that nobody reads standard output any more: nothing to say, but not all was written. */
  closed(): void {
    this.#status = 2;
  }

  async #clearBar(): Promise<void> {
    if (this.stderr.isTerminal) await this.#tell("\r\x1b[K");
  }

  async #tell(text: string): Promise<void> {
    try {
      await this.stderr.write(new TextEncoder().encode(text));
    } catch {
      // Nobody reads along; the results still count.
    }
  }

  /** Tells people that something is not as they may think: `assay: warning: <message>`. */
  warn(message: string): Promise<void> {
    return this.note(`warning: ${message}`);
  }

  /** Reports why a command could not run or go on, as `assay: <message> [<code>]`; the exit status is 2. */
  async fail(error: unknown): Promise<void> {
    this.#status = 2;
    await this.note(
      error instanceof AssayError
        ? `${error.message} [${error.code}]`
        : `unexpected error: ${reasonOf(error)} [cli/unexpected]`,
    );
    if (this.verbose) await this.noteLines(`assay: ${inspect(error)}\n`);
    else if (!(error instanceof AssayError)) await this.note("run it with --verbose for the cause");
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function systemStream(
  name: string,
  which: "stdout" | "stderr",
): OutputStream {
  const stream = standardOutput(which);
  const { isTerminal } = stream;
  return {
    isTerminal,
    get columns(): number {
      return isTerminal ? stream.columns() : 80;
    },
    async write(bytes: Uint8Array): Promise<void> {
      try {
        await stream.write(bytes);
      } catch (error) {
        if (failureOf(error) === "broken-pipe") {
          throw new OutputClosed(`${name} closed`);
        }
        throw new AssayError(
          "cli/cannot-write",
          `Cannot write to ${name}: ${reasonOf(error)}; what follows is lost`,
          { cause: error },
        );
      }
    },
  };
}
