import { registerLoopShader } from "../../../shaders/shaders.ts";
import type { Device } from "../../gpu/device.ts";
import { type Dispatch, Recorder } from "../../gpu/recorder.ts";

const [lanes, chains, unrolled, turns, workgroups] = [64, 12, 4, 1024, 2048];
const storage = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC

/** The loop of `register_loop.wgsl`, to be timed by others too; its one binding holds `bytes` of zeros. */
export const registerLoop = {
  shader: registerLoopShader,
  constants: { LANES: lanes, CHAINS: chains, UNROLLED: unrolled, TURNS: turns },
  workgroups: [workgroups],
  bytes: 4 * (workgroups * lanes + 1),
  operations: 2 * chains * unrolled * turns * workgroups * lanes,
} as const satisfies Omit<Dispatch, "bindings"> & { bytes: number; operations: number };

/** Runs of the loop; the fastest counts, since a clock rises from idle. */
const runs = 5;

/**
 * What a device gives at most in f32, in GFLOP/s: in a loop of multiply-adds over registers.
 *
 * @returns `undefined` where kernels can't be timed.
 */
export async function adapterPeak(device: Device): Promise<number | undefined> {
  const recorder = new Recorder(device);
  if (!device.canTime) return undefined;
  const { bytes: size, operations, ...loop } = registerLoop;
  const buffer = device.createBuffer(size, storage);
  const record = (): void =>
    recorder.dispatch({ ...loop, bindings: [{ buffer, offset: 0, size }] });
  try {
    await recorder.time([record]); // compiles
    const times = await recorder.time(new Array<() => void>(runs).fill(record));
    return operations / Math.min(...times) / 1e6;
  } finally {
    buffer.destroy();
  }
}
