/**
 * Prints, as JSON, what an implementation of WebGPU computes, `own` or `dawn`. In a process of its own,
 * since the environment chooses the adapter, and since no lock file lists Dawn.
 */
import { Device } from "../../../src/gpu/device.ts";
import { compareWithTwin, trials } from "../../../src/ops/checks/trials.ts";
import { CpuBackend } from "../../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../../src/ops/gpu_backend.ts";
import { openDawn } from "../../../src/scoring/engines/dawn.ts";
import { RewardModelWorker } from "../../../src/scoring/worker/reward_model_worker.ts";

/** What is printed. */
export interface PrintedByWebGpu {
  readonly adapter: string;
  readonly kernels: string;
  readonly score: number | null;
  /** Differences of kernels from their twins. */
  readonly differences: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
}

/** Kernels that the model below runs; a software adapter takes seconds to compile them once more. */
const ofTheModel = ["attention", "matmul", "gated_matmul", "disentangled_attention"];
const webgpu = Deno.args[0] === "dawn" ? "dawn" : undefined;

async function tryKernels(): Promise<Pick<PrintedByWebGpu, "adapter" | "differences" | "errors">> {
  const device = await Device.open(undefined, webgpu && await openDawn());
  using gpu = new GpuBackend(device, "tiled");
  using cpu = new CpuBackend();
  const differences: Record<string, number> = {};
  for (const [name, trial] of Object.entries(trials)) {
    if (ofTheModel.includes(name)) continue;
    differences[name] = await compareWithTwin(trial, gpu, cpu, 1);
  }
  const { adapter: { description }, uncapturedErrors } = device;
  return { adapter: description, differences, errors: uncapturedErrors };
}

const tried = await tryKernels();
using model = await RewardModelWorker.load("models/demo", {
  backend: "gpu",
  kernels: "tiled",
  tuning: "32x64x128", // the tile that compiles soonest
  webgpu,
});
const [verdict] = await model.score([[
  { role: "user", content: "How much is 2+2?" },
  { role: "assistant", content: "Four." },
]]);
if (verdict!.error !== null) throw verdict!.error;
const { kernels, score } = verdict!;
console.log(JSON.stringify({ ...tried, kernels, score } satisfies PrintedByWebGpu));
