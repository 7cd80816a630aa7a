import { AssayError } from "../error.ts";
import { fusesProducts } from "./fused_products.ts";
import type { Kernels } from "./kernels.ts";
import { LinearMemory } from "./linear_memory.ts";
import { relaxedModule, strictModule } from "./modules.ts";
import { ThreadTeam } from "./thread_team.ts";

/** Whether this is a page's own thread, which may not sleep. */
const isPage = "document" in globalThis;

/** Bytes of a page, by which a memory grows. */
const pageBytes = 65536;
/** Bytes of the largest memory that 32-bit addresses reach, and of what is there at first. */
const largestMemory = 2 ** 32;
/** Most threads: each helper has a bit of a 32-bit word. */
export const mostThreads = 32;
const firstBytes = 2 ** 22;

/** How products are summed. `relaxed`: a product and its sum are rounded once. `strict`: each is rounded. */
export type Arithmetic = "relaxed" | "strict";

/** How an engine is opened. */
export interface EngineOptions {
  /** Threads that compute, this one too; by default as many as the machine has cores, up to 16. */
  readonly threads?: number | undefined;
  /** Bytes that its memory may grow to; less than the 4 GiB of 32-bit addresses in tests only. */
  readonly mostBytes?: number | undefined;
  /** Which module; by default `relaxed` where that rounds as it is named for. For tests. */
  readonly arithmetic?: Arithmetic | undefined;
  /** `false` for a memory that isn't shared, as on pages that may not share any. For tests. */
  readonly shared?: boolean | undefined;
}

/** The WebAssembly engine: the module of `wasm/`, its memory, and the threads that compute. */
export class Engine implements Disposable {
  #scratch = { address: 0, bytes: 0 };

  private constructor(
    readonly arithmetic: Arithmetic,
    readonly kernels: Kernels,
    readonly memory: LinearMemory,
    /** Bytes that the memory may grow to. */
    readonly mostBytes: number,
    readonly team: ThreadTeam,
  ) {
    this.reserveScratch(kernels.product_scratch());
  }

  /**
   * Opens the engine.
   *
   * @throws {AssayError} `wasm/no-simd` where the runtime has no 128-bit vectors; `wasm/memory`;
   *   `wasm/refused` where it compiles no module.
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    const { threads, mostBytes = largestMemory } = options;
    const { arithmetic, bytes } = supportedModule(options.arithmetic);
    const shared = options.shared !== false && mayShareMemory();
    const module = await WebAssembly.compile(shared ? bytes : withUnsharedMemory(bytes))
      .catch((cause) => {
        throw refused(cause);
      });
    const { memory, maximum } = newMemory(shared, mostBytes);
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    const kernels = instance.exports as unknown as Kernels;
    const most = shared ? threads ?? defaultThreads() : 1;
    const team = new ThreadTeam(module, memory, kernels, most - 1);
    return new Engine(arithmetic, kernels, new LinearMemory(memory), maximum, team);
  }

  /** Threads that compute where there is work for them, this one too. */
  get threads(): number {
    return this.team.failure === undefined ? this.team.most + 1 : 1;
  }

  /** Whether its memory is shared, so that there can be threads. */
  get isShared(): boolean {
    return !(this.memory.memory.buffer instanceof ArrayBuffer);
  }

  /** Bytes of all threads' own memories. */
  get scratchBytes(): number {
    return this.#scratch.bytes * (this.team.most + 1);
  }

  /**
   * Sees to it that each thread has so many bytes of its own; not while the kernels compute.
   *
   * @throws {AssayError} `wasm/memory`; what there was before is still there then.
   */
  reserveScratch(bytes: number): void {
    if (bytes <= this.#scratch.bytes) return;
    const size = Math.ceil(bytes / 64) * 64;
    // Before what was there is given back: where there is no room the kernels go on with that.
    const address = this.memory.allocate(size * (this.team.most + 1));
    this.memory.free(this.#scratch.address);
    this.#scratch = { address, bytes: size };
    this.kernels.configure(address, size, Number(!isPage));
  }

  [Symbol.dispose](): void {
    this.team[Symbol.dispose]();
  }
}

/**
 * The better module that the runtime takes; the relaxed one where it rounds as that one is named for.
 *
 * @param pinned The one that is asked for, however it rounds.
 */
function supportedModule(pinned: Arithmetic | undefined): {
  arithmetic: Arithmetic;
  bytes: Uint8Array<ArrayBuffer>;
} {
  const modules = { relaxed: relaxedModule, strict: strictModule };
  // A runtime without WebAssembly has no such name.
  if (typeof WebAssembly !== "object") throw noVectors();
  const usual = () => fusesProducts() ? ["relaxed", "strict"] as const : ["strict"] as const;
  for (const arithmetic of pinned === undefined ? usual() : [pinned]) {
    const bytes = Uint8Array.from(atob(modules[arithmetic]), (text) => text.charCodeAt(0));
    if (WebAssembly.validate(bytes)) return { arithmetic, bytes };
  }
  throw noVectors();
}

function noVectors(): AssayError {
  return new AssayError(
    "wasm/no-simd",
    "Cannot open the WebAssembly engine: expected a runtime with 128-bit vectors and atomic operations " +
      '(SIMD, threads), found one without; use a newer one, or `--backend cpu` (`backend: "cpu"`), which ' +
      "is slow",
  );
}

/** Whether memory may be shared with workers: always outside browsers, there on isolated pages. */
function mayShareMemory(): boolean {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return typeof SharedArrayBuffer === "function" && isolated !== false;
}

function refused(cause: unknown): AssayError {
  return new AssayError(
    "wasm/refused",
    `Cannot open the WebAssembly engine: the runtime does not compile its module (${cause}); a page's ` +
      "Content-Security-Policy must allow 'wasm-unsafe-eval'",
    { cause },
  );
}

/** A memory that may grow as far as the runtime lets it; its addresses are reserved at once. */
function newMemory(
  shared: boolean,
  mostBytes: number,
): { memory: WebAssembly.Memory; maximum: number } {
  const initial = firstBytes / pageBytes;
  const most = Math.floor(Math.min(mostBytes, largestMemory) / pageBytes);
  for (let maximum = most; maximum >= initial; maximum = Math.floor(maximum / 2)) {
    try {
      const memory = new WebAssembly.Memory({ initial, maximum, shared });
      return { memory, maximum: maximum * pageBytes };
    } catch {
      // A smaller one, then.
    }
  }
  throw new AssayError(
    "wasm/memory",
    `Cannot open the WebAssembly engine: the runtime refused it ${firstBytes} bytes of memory`,
  );
}

function defaultThreads(): number {
  // Not by the type Navigator, which a worker's types don't have; Node has none before 21.
  const { navigator, process } = globalThis as {
    navigator?: { readonly hardwareConcurrency?: number };
    process?: { getBuiltinModule?: (name: string) => { availableParallelism(): number } };
  };
  const cores = navigator?.hardwareConcurrency ??
    process?.getBuiltinModule?.("node:os").availableParallelism();
  return Math.max(1, Math.min(16, cores ?? 1));
}

/** The import of the memory up to its limits, which begin with a byte of flags: 3, shared with a maximum. */
const memoryImport = new TextEncoder().encode("\x03env\x06memory\x02");

/** The module for a memory that is not shared: the same but for one byte. */
function withUnsharedMemory(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = bytes.findIndex((_, i) => memoryImport.every((byte, j) => bytes[i + j] === byte));
  const changed = bytes.slice();
  changed[at + memoryImport.length] = 1;
  return changed;
}
