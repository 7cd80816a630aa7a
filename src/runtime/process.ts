/**
 * The process that the program runs in: what runs it, its signals.
 *
 * @module
 */
import { requireBuiltin } from "./builtin.ts";

type Signal = "SIGINT" | "SIGTERM";

interface DenoProcess {
  readonly version: { readonly deno: string; readonly v8: string };
  readonly build: { readonly os: string; readonly arch: string };
  inspect(value: unknown, options: { colors: false }): string;
  addSignalListener(signal: Signal, listener: () => void): void;
  removeSignalListener(signal: Signal, listener: () => void): void;
}

interface NodeProcess {
  readonly platform: string;
  readonly arch: string;
  readonly versions: Readonly<Partial<Record<string, string>>>;
  on(signal: Signal, listener: () => void): void;
  off(signal: Signal, listener: () => void): void;
}

const { Deno: deno, process: node } = globalThis as unknown as {
  Deno?: DenoProcess;
  process?: NodeProcess;
};

/** Whether the system is Windows, whose paths have `\` too and which has no `SIGTERM`. */
export const isWindows: boolean = deno === undefined
  ? node?.platform === "win32"
  : deno.build.os === "windows";

/** What runs the program, and on what: `Deno 2.9.6, V8 14.9.207.2-rusty, linux x86_64`. */
export function runtimeName(): string {
  if (deno !== undefined) {
    const { version, build } = deno;
    return `Deno ${version.deno}, V8 ${version.v8}, ${build.os} ${build.arch}`;
  }
  if (node === undefined) return "unknown";
  const { versions, platform, arch } = node;
  const name = versions.bun === undefined
    ? `Node ${versions.node}, V8 ${versions.v8}`
    : `Bun ${versions.bun}, JavaScriptCore`;
  return `${name}, ${platform} ${arch}`;
}

/**
 * The engine of JavaScript and the processor's architecture: what sines, exponentials and logarithms of the
 * host depend on in their last bit, whatever the system is: `V8 14.9.207.2-rusty, x86_64`.
 */
export function arithmeticName(): string {
  if (deno !== undefined) return `V8 ${deno.version.v8}, ${deno.build.arch}`;
  if (node === undefined) return "unknown";
  const { versions, arch } = node;
  const engine = versions.bun === undefined ? `V8 ${versions.v8}` : `Bun ${versions.bun}`;
  const names: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
  return `${engine}, ${names[arch] ?? arch}`;
}

/** All that an error tells, with its causes and where it came from. */
export function inspect(value: unknown): string {
  if (deno !== undefined) return deno.inspect(value, { colors: false });
  return requireBuiltin<{ inspect(value: unknown): string }>("node:util").inspect(value);
}

/**
 * Listens for a signal, in place of what it would do.
 *
 * @returns Stops listening.
 */
export function onSignal(signal: Signal, listener: () => void): () => void {
  if (deno !== undefined) {
    deno.addSignalListener(signal, listener);
    return () => deno.removeSignalListener(signal, listener);
  }
  node?.on(signal, listener);
  return () => node?.off(signal, listener);
}
