/**
 * What the WebGPU adapter gives in a loop of multiplications and additions over registers alone, in
 * GFLOP/s in f32. Run as a program it prints the number.
 *
 * @module
 */
import { Device } from "../../src/gpu/device.ts";
import { Recorder } from "../../src/gpu/recorder.ts";

const chains = 12; // independent sums, enough to hide the latency
const unrolled = 4; // more of them, and LLVM lays one chain after the other
const turns = 1024;
const workgroups = 2048;
const lanes = 64;
const storage = 0x80 | 0x04; // STORAGE | COPY_SRC

function shader(): string {
  const names = Array.from({ length: chains }, (_, i) => `sum${i}`);
  const step = names.map((name) => `    ${name} = ${name} * factor + term;`).join("\n");
  return `
@group(0) @binding(0) var<storage, read_write> results: array<f32>;

@compute @workgroup_size(${lanes})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let factor = 0.999 + results[0];
  let term = 0.001;
${names.map((name, i) => `  var ${name} = f32(id.x + ${i}u);`).join("\n")}
  for (var turn = 0u; turn < ${turns}u; turn++) {
${new Array(unrolled).fill(step).join("\n")}
  }
  results[id.x + 1u] = ${names.join(" + ")};
}`;
}

/** The loop's kernel, to be timed by others too; its one binding holds `bytes`. */
export const registerLoop = {
  shader: { name: "ceiling", source: shader() },
  workgroups: [workgroups] as [number],
  bytes: 4 * (workgroups * lanes + 1),
  operations: 2 * chains * unrolled * turns * workgroups * lanes,
};

/** Measures once, by the device's own clock where it has one: a GPU takes less than the wait for it. */
export async function adapterCeiling(): Promise<number> {
  using device = await Device.open();
  const { bytes: size, operations } = registerLoop;
  const results = device.createBuffer(size, storage);
  const recorder = new Recorder(device);
  const record = (): void =>
    recorder.dispatch({
      shader: registerLoop.shader,
      constants: {},
      bindings: [{ buffer: results, offset: 0, size }],
      workgroups: registerLoop.workgroups,
    });
  const milliseconds = async (): Promise<number> => {
    if (device.hasClock) return (await recorder.time([record]))[0]!;
    const start = performance.now();
    record();
    await recorder.read([{ buffer: results, offset: 0, size: 4 }]);
    return performance.now() - start;
  };
  await milliseconds();
  return operations / await milliseconds() / 1e6;
}

if (import.meta.main) console.log(await adapterCeiling());
