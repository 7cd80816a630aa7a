import { AssayError } from "../error.ts";
import type { Kernels } from "./kernels.ts";
import { LinearMemory } from "./linear_memory.ts";
import { relaxedModule, strictModule } from "./modules.ts";
import { ThreadTeam } from "./thread_team.ts";

/** 64 KiB pages of the memory: of the largest, and of what is there at first. */
const mostPages = 65536;
const firstPages = 64;

/** The WebAssembly engine: the module of `wasm/`, its memory, and the threads that compute. */
export class Engine implements Disposable {
  #scratch = { address: 0, bytes: 0 };

  private constructor(
    /** `relaxed`: products and sums rounded once where the processor can. `strict`: rounded apart. */
    readonly arithmetic: "relaxed" | "strict",
    readonly kernels: Kernels,
    readonly memory: LinearMemory,
    readonly team: ThreadTeam,
  ) {
    this.reserveScratch(kernels.product_scratch());
  }

  /**
   * Opens the engine.
   *
   * @param threads That compute, this one too; by default as many as the machine has cores, up to 16.
   * @throws {AssayError} `wasm/no-simd` where the runtime has no 128-bit vectors; `wasm/memory`.
   */
  static async open(threads?: number): Promise<Engine> {
    const { arithmetic, bytes } = supportedModule();
    const shared = mayShareMemory();
    const memory = newMemory(shared);
    const module = await WebAssembly.compile(shared ? bytes : withUnsharedMemory(bytes));
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    const kernels = instance.exports as unknown as Kernels;
    const most = shared ? threads ?? defaultThreads() : 1;
    const team = new ThreadTeam(module, memory, kernels, most - 1);
    return new Engine(arithmetic, kernels, new LinearMemory(memory), team);
  }

  /** Sees to it that each thread has so many bytes of its own; not while the kernels compute. */
  reserveScratch(bytes: number): void {
    if (bytes <= this.#scratch.bytes) return;
    const size = Math.ceil(bytes / 64) * 64;
    this.memory.free(this.#scratch.address);
    const address = this.memory.allocate(size * (this.team.most + 1));
    this.#scratch = { address, bytes: size };
    this.kernels.configure(address, size);
  }

  [Symbol.dispose](): void {
    this.team[Symbol.dispose]();
  }
}

/** The better module that the runtime takes. */
function supportedModule(): {
  arithmetic: "relaxed" | "strict";
  bytes: Uint8Array<ArrayBuffer>;
} {
  const modules = { relaxed: relaxedModule, strict: strictModule };
  for (const arithmetic of ["relaxed", "strict"] as const) {
    const bytes = Uint8Array.from(atob(modules[arithmetic]), (text) => text.charCodeAt(0));
    if (WebAssembly.validate(bytes)) return { arithmetic, bytes };
  }
  throw new AssayError(
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

/** A memory that may grow as far as the runtime lets it; its addresses are reserved at once. */
function newMemory(shared: boolean): WebAssembly.Memory {
  for (let maximum = mostPages; maximum >= firstPages; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: firstPages, maximum, shared });
    } catch {
      // A smaller one, then.
    }
  }
  throw new AssayError(
    "wasm/memory",
    `Cannot open the WebAssembly engine: the runtime refused it ${
      firstPages * 65536
    } bytes of memory`,
  );
}

function defaultThreads(): number {
  return Math.max(1, Math.min(16, navigator.hardwareConcurrency ?? 1));
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
