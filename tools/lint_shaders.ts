/**
 * Compiles every shader with two WGSL compilers: Tint, Chrome's, through Dawn's null backend, which
 * needs no GPU; and naga, Firefox's and Deno's, on this machine's adapter. Then records trials of
 * the kernels, so that each is validated as it is really used: constants, bindings, dispatches.
 *
 * @module
 */
import * as shaders from "../shaders/shaders.ts";
import { findAdapter } from "../src/gpu/adapter.ts";
import { Device } from "../src/gpu/device.ts";
import { enabling, type Shader, specialize, usesSubgroupMatrix } from "../src/gpu/shader_source.ts";
import { GpuBackend } from "../src/ops/gpu_backend.ts";
import { randomDraws } from "../src/ops/checks/draws.ts";
import { trials } from "../src/ops/checks/trials.ts";

/**
 * Dawn. It takes 130 MB, which every `deno task` would download if it were found in a static import
 * or in `deno.lock`: so it is named here, and this program runs with `--no-lock`.
 */
const dawn = "npm:webgpu@0.6.2";
const { create }: { create(options: string[]): GPU } = await import(dawn);

type Compiler = "naga" | "Tint";

/** Trials of each kernel; their seeds draw constants and shapes. */
const trialsPerKernel = 12;

function everyShader(): Shader[] {
  return Object.values(shaders).flatMap((held) =>
    held instanceof Map ? [...held.values()] : [held]
  );
}

/** What a compiler has against the shaders' texts, with their constants as they stand. */
async function lintTexts(compiler: Compiler): Promise<string[]> {
  using device = await Device.open();
  const problems: string[] = [];
  for (const { name, source } of everyShader()) {
    // naga knows another extension for matrix units, which Deno does not grant: Dawn alone runs these.
    if (compiler === "naga" && usesSubgroupMatrix(source)) continue;
    const text = enabling(source, compiler === "Tint") + specialize(source, {});
    device.gpu.pushErrorScope("validation");
    const { messages } = await device.gpu.createShaderModule({ code: text }).getCompilationInfo();
    const error = await device.gpu.popErrorScope();
    for (const { lineNum, message } of messages) {
      const line = text.split("\n")[lineNum - 1]?.trim() ?? "";
      problems.push(`${name}.wgsl: ${message}\n    in: ${line}`);
    }
    if (error !== null && messages.length === 0) problems.push(`${name}.wgsl: ${error.message}`);
  }
  return problems;
}

/** What a device has against the kernels as the operations use them. */
async function lintUses(): Promise<string[]> {
  const device = await Device.open();
  const problems: string[] = [];
  using backend = new GpuBackend(device);
  for (const [name, trial] of Object.entries(trials)) {
    for (let seed = 0; seed < trialsPerKernel; seed++) {
      try {
        trial(backend, randomDraws(seed));
        await backend.finish();
      } catch (error) {
        problems.push(`trial ${seed} of ${name}: ${error}`);
        break;
      }
    }
  }
  return problems.length > 0 ? problems : [...new Set(device.uncapturedErrors)];
}

async function lint(compiler: Compiler): Promise<boolean> {
  const inTexts = await lintTexts(compiler);
  const problems = inTexts.length > 0 ? inTexts : await lintUses();
  for (const problem of problems) console.error(`${compiler}: ${problem}`);
  return problems.length === 0;
}

let ok = true;
if (await findAdapter() === undefined) {
  console.log("skipped naga: no WebGPU adapter on this machine");
} else {
  ok = await lint("naga");
}
Object.defineProperty(navigator, "gpu", {
  value: create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]),
});
ok = await lint("Tint") && ok;
if (!ok) Deno.exitCode = 1;
