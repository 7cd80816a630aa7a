import type { Recorder } from "../gpu/recorder.ts";
import type { Engine } from "../wasm/engine.ts";

/**
 * One step of arithmetic in its three forms: a kernel, a kernel of the WebAssembly engine, and their CPU
 * twin. They agree to rounding; a property test and `assay doctor` hold them against each other.
 */
export interface Operation<Arguments> {
  readonly name: string;
  /**
   * Guards the relations between the operands, which both backends call before anything is computed or
   * recorded: a kernel given shapes that don't belong together computes wrong numbers. It reads no
   * content, so it costs nothing beside a dispatch.
   *
   * @throws {AssayError} `ops/shape`, with the operation, the expected and the found shape.
   */
  check(this: void, operands: Arguments): void;
  /** The CPU twin: plain loops, sums in f64, results rounded to f32. */
  onCpu(this: void, operands: Arguments): void;
  /** Runs the engine's kernel. */
  onWasm(this: void, engine: Engine, operands: Arguments): void;
  /** Records the kernel. */
  onGpu(this: void, recorder: Recorder, operands: Arguments): void;
}
