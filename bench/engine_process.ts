import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runDeno } from "../tools/command.ts";
import { reasonIn } from "./first_line.ts";
import { type Greeting, mark, type Reply, type Request } from "./peers/serve.ts";

/** A program that serves one engine. */
export interface EngineProgram {
  /** File below `bench/peers`. */
  readonly file: string;
  readonly runtime: "deno" | "node" | "python";
  /** What the program gets as its argument. */
  readonly options: unknown;
  readonly environment?: Readonly<Record<string, string>>;
  /** Has Deno keep what Assay remembers, such as which tiles are fast, apart under this name. */
  readonly storage?: string;
}

/** Longest that loading or one request may take. */
const patience = 10 * 60_000;

/**
 * The environment as it was before Assay, in this process, set Mesa's variables for itself: an engine
 * gets what a user's own program would get.
 */
const surroundings = Deno.env.toObject();

/** Variables that pin OpenBLAS to a processor's kernels and blocks: tests may, a peer is to choose. */
const pins = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"];

/** The environment of an engine: the user's own, without what would hold a peer back. */
export function engineEnvironment(
  user: Readonly<Record<string, string>>,
  program: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const kept = Object.entries(user).filter(([name]) => !pins.includes(name));
  return { ...Object.fromEntries(kept), NODEVICE_SELECT: "1", NO_COLOR: "1", ...program };
}

/** Names a Python that has torch and transformers. */
const pythonVariable = "ASSAY_BENCH_PYTHON";

/**
 * An engine in a process of its own. Only one engine runs at a time: between its turns a process is
 * stopped by signal, so that no thread of it, spinning or not, takes time from the others.
 */
export class EngineProcess {
  readonly #process: Deno.ChildProcess;
  readonly #replies: AsyncGenerator<string>;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #errors: Promise<string>;
  /** What the engine says of itself. */
  facts: Readonly<Record<string, string>> = {};
  /** Milliseconds from the process's start to a loaded model. */
  loadMilliseconds = NaN;

  private constructor(command: Deno.Command) {
    this.#process = command.spawn();
    this.#replies = markedLines(this.#process.stdout);
    this.#requests = this.#process.stdin.getWriter();
    this.#errors = new Response(this.#process.stderr).text();
  }

  /**
   * Starts an engine and waits until it is loaded.
   *
   * @throws {Error} With the last line that the engine printed, where it fails.
   */
  static async start(program: EngineProgram): Promise<EngineProcess> {
    const start = performance.now();
    const engine = new EngineProcess(await commandOf(program));
    const greeting = await engine.#receive() as Greeting;
    engine.facts = greeting.facts;
    engine.loadMilliseconds = performance.now() - start;
    engine.#signal("SIGSTOP");
    return engine;
  }

  /**
   * Lets the engine answer one request, and stops it again.
   *
   * @throws {Error} With the last line that the engine printed, where it fails.
   */
  async ask(request: Request): Promise<Reply> {
    this.#signal("SIGCONT");
    await this.#requests.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    const reply = await this.#receive() as Reply;
    this.#signal("SIGSTOP");
    return reply;
  }

  async #receive(): Promise<Greeting | Reply> {
    const limit = Promise.withResolvers<never>();
    const timer = setTimeout(() => limit.reject(new Error("no answer in time")), patience);
    try {
      const { value, done } = await Promise.race([this.#replies.next(), limit.promise]);
      if (!done) return JSON.parse(value);
    } catch (error) {
      await this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    throw new Error(reasonIn(await this.#errors));
  }

  /** Most memory that the process has held at once, in bytes; undefined where the system can't tell. */
  async peakBytes(): Promise<number | undefined> {
    const status = await Deno.readTextFile(`/proc/${this.#process.pid}/status`).catch(() => "");
    const kibibytes = status.match(/^VmHWM:\s*(\d+) kB/m)?.[1];
    return kibibytes === undefined ? undefined : 1024 * Number(kibibytes);
  }

  #signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (Deno.build.os === "windows") return; // has no such signals: processes wait for input
    try {
      this.#process.kill(signal);
    } catch {
      // The process has ended: the next read says why.
    }
  }

  /** Ends the process. */
  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#requests.abort().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function commandOf(program: EngineProgram) {
  const [command, ...args] = await commandLine(program);
  return new Deno.Command(command!, {
    args: [...args, JSON.stringify(program.options)],
    clearEnv: true,
    env: engineEnvironment(surroundings, program.environment),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

async function commandLine({ file, runtime, storage }: EngineProgram): Promise<string[]> {
  const source = fileURLToPath(new URL(`peers/${file}`, import.meta.url));
  if (runtime === "deno") {
    const place = storage === undefined ? [] : ["--location", `https://${storage}.invalid`];
    return [Deno.execPath(), "run", "--allow-all", "--no-lock", ...place, source];
  }
  if (runtime === "node") return ["node", await bundled(source)];
  const python = surroundings[pythonVariable];
  if (python === undefined || python === "") {
    throw new Error(`${pythonVariable} names no Python with torch and transformers`);
  }
  return [python, source];
}

/** Node can't read TypeScript's imports of its own kind: it gets one file of JavaScript. */
async function bundled(source: string): Promise<string> {
  const folder = join(dirname(dirname(dirname(source))), ".cache/bench/node");
  await Deno.mkdir(folder, { recursive: true });
  const bundle = join(folder, basename(source).replace(/\.ts$/, ".mjs"));
  const { ok, output } = await runDeno("bundle", "--platform", "deno", "--output", bundle, source);
  if (!ok) throw new Error(`Cannot bundle ${source}: ${output}`);
  return bundle;
}

async function* markedLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith(mark)) yield line.slice(mark.length);
  }
}
