import type { Recorder } from "../gpu/recorder.ts";

/**
 * One step of arithmetic in its two forms: a kernel and its CPU twin. The two agree to rounding;
 * a property test and `assay doctor` hold them against each other.
 */
export interface Operation<Arguments> {
  readonly name: string;
  /** The CPU twin: plain loops, sums in f64, results rounded to f32. */
  onCpu(this: void, operands: Arguments): void;
  /** Records the kernel. */
  onGpu(this: void, recorder: Recorder, operands: Arguments): void;
}
