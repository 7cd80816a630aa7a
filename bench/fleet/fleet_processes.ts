import type { ChaosSettings } from "./chaos.ts";

const command = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const model = new URL("../../models/demo", import.meta.url).pathname;

/** What a command that may be killed is run with. */
export function assay(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", command, ...args],
    stdin: args.includes("submit") ? "piped" : "null",
    stdout: "null",
    stderr: "piped",
  });
}

/** The processes of a fleet on this machine, which are killed and started again. */
export class FleetProcesses implements AsyncDisposable {
  readonly #queue: string;
  readonly #settings: ChaosSettings;
  readonly #lines: Promise<Uint8Array[]>;
  readonly #workers: Deno.ChildProcess[] = [];
  #submitter: Deno.ChildProcess | undefined;
  #collector: Deno.ChildProcess | undefined;
  #wanted = 0;
  #wake: (() => void) | undefined;
  #isEnding = false;
  restarts = 0;
  isCollected = false;
  readonly #collected = Promise.withResolvers<void>();

  constructor(queue: string, settings: ChaosSettings) {
    this.#queue = queue;
    this.#settings = settings;
    this.#lines = Deno.readTextFile(settings.input).then((text) =>
      text.match(/[^\n]*\n/g)!.map((line) => new TextEncoder().encode(line))
    );
    this.#collected.promise.catch(() => {});
  }

  async begin(): Promise<void> {
    this.#wanted = Math.ceil(this.#settings.rows / 4);
    this.#submit();
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (let number = 0; number < this.#settings.workers; number++) this.#work(number);
    this.#collect(false);
  }

  /** Lets the submitter have that many rows of the input. */
  feed(rows: number): void {
    this.#wanted = Math.max(this.#wanted, rows);
    this.#wake?.();
  }

  async killWorker(which: number): Promise<void> {
    const worker = this.#workers[Math.floor(which * this.#workers.length)]!;
    await end(worker);
  }

  async killSubmitter(): Promise<void> {
    if (this.#submitter !== undefined) await end(this.#submitter);
  }

  async killCollector(): Promise<void> {
    if (this.#collector !== undefined) await end(this.#collector);
  }

  collected(): Promise<void> {
    return this.#collected.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    this.#wake?.();
    const all = [...this.#workers, this.#submitter, this.#collector];
    await Promise.all(all.map((process) => process && end(process)));
  }

  #work(number: number): void {
    const worker = assay(
      "worker",
      model,
      "--queue",
      this.#queue,
      "--run",
      "chaos",
      "--backend",
      "wasm",
      "--threads",
      "1",
    ).spawn();
    this.#workers[number] = worker;
    void this.#again(worker, "worker", () => this.#work(number));
  }

  #submit(): void {
    const { jobRows, patience } = this.#settings;
    const submitter = assay(
      "fleet",
      "submit",
      "-",
      "--queue",
      this.#queue,
      "--name",
      "chaos",
      "--job-rows",
      `${jobRows}`,
      "--patience",
      `${patience}`,
    ).spawn();
    this.#submitter = submitter;
    void this.#write(submitter);
    void this.#again(submitter, "submitter", () => this.#submit());
  }

  /** Gives the submitter the rows from the first one on, as far as they are wanted. */
  async #write({ stdin }: Deno.ChildProcess): Promise<void> {
    const lines = await this.#lines;
    const writer = stdin.getWriter();
    try {
      for (let sent = 0; sent < lines.length; sent++) {
        while (sent >= this.#wanted && !this.#isEnding) {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
        if (this.#isEnding) break;
        await writer.write(lines[sent]!);
      }
      await writer.close();
    } catch {
      // It was killed.
    }
  }

  #collect(resume: boolean): void {
    const { output } = this.#settings;
    const args = ["fleet", "collect", "chaos", "--queue", this.#queue, "--output", output];
    const collector = assay(...args, ...(resume ? ["--resume"] : [])).spawn();
    this.#collector = collector;
    void this.#again(collector, "collector", () => this.#collect(true));
  }

  /** Starts a process again that was killed, or had no queue; one that fails by itself fails all. */
  async #again(process: Deno.ChildProcess, what: string, start: () => void): Promise<void> {
    const [status, said] = await Promise.all([
      process.status,
      new Response(process.stderr).text(),
    ]);
    if (this.#isEnding) return;
    if (status.signal !== null) {
      this.restarts++;
      return start();
    }
    // What a supervisor does: the server was away just then, or nothing was submitted yet.
    if (/fleet\/(no-queue|no-jetstream|queue-lost|unknown-run)\]/.test(said)) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (!this.#isEnding) start();
      return;
    }
    if (what === "collector" && status.code < 2) {
      this.isCollected = true;
      return this.#collected.resolve();
    }
    if (what === "submitter" && status.code === 0) return;
    this.#collected.reject(new Error(`the ${what} failed: ${said.slice(-2000)}`));
    this.isCollected = true;
  }
}

async function end(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGKILL");
  } catch {
    // It had ended.
  }
  await process.status;
}
