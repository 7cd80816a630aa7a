/**
 * What the WebGPU adapter gives in a loop of multiplications and additions over registers alone, in
 * GFLOP/s in f32. Run as a program it prints the number.
 *
 * @module
 */
import { Device } from "../../src/gpu/device.ts";

const chains = 12; // independent sums, enough to hide the latency
const unrolled = 4; // more of them, and LLVM lays one chain after the other
const turns = 1024;
const workgroups = 2048;
const lanes = 64;

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

/** Measures once. */
export async function adapterCeiling(): Promise<number> {
  using device = await Device.open();
  const { gpu } = device;
  const module = gpu.createShaderModule({ code: shader() });
  const pipeline = await gpu.createComputePipelineAsync({
    layout: "auto",
    compute: { module, entryPoint: "main" },
  });
  const storage = 0x80;
  const buffer = device.createBuffer(4 * (workgroups * lanes + 1), storage);
  const bindings = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  const seconds = async (): Promise<number> => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(workgroups);
    pass.end();
    const start = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await gpu.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000;
  };
  await seconds();
  const operations = 2 * chains * unrolled * turns * workgroups * lanes;
  return operations / await seconds() / 1e9;
}

if (import.meta.main) console.log(await adapterCeiling());
