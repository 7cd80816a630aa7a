import type { Device } from "./device.ts";
import { type ShaderConstants, specialize } from "./shader_source.ts";

/** A shader file: its name (for messages) and text. */
export interface Shader {
  readonly name: string;
  readonly source: string;
}

/** Compiles each kernel once for each set of constants. */
export class PipelineCache {
  readonly #pipelines = new Map<string, GPUComputePipeline>();

  constructor(readonly device: Device) {}

  /** Tint wants subgroups enabled by a line that naga does not know. */
  #directives({ source }: Shader): string {
    return this.device.subgroups.enabledByDirective && source.includes("subgroup")
      ? "enable subgroups;\n"
      : "";
  }

  /** How many were compiled. */
  get size(): number {
    return this.#pipelines.size;
  }

  /** Whether `shader` was compiled with `constants`. */
  has(shader: Shader, constants: ShaderConstants): boolean {
    return this.#pipelines.has(keyOf(shader, constants));
  }

  /** The pipeline of `shader` with `constants`; a compilation error surfaces at `device.settle()`. */
  get(shader: Shader, constants: ShaderConstants): GPUComputePipeline {
    const key = keyOf(shader, constants);
    const cached = this.#pipelines.get(key);
    if (cached !== undefined) return cached;
    const pipeline = this.device.scoped(
      "gpu/kernel",
      `compile the kernel ${key}`,
      () =>
        this.device.gpu.createComputePipeline({
          label: shader.name,
          layout: "auto",
          compute: {
            module: this.device.gpu.createShaderModule({
              label: shader.name,
              code: this.#directives(shader) + specialize(shader.source, constants),
            }),
            entryPoint: "main",
          },
        }),
    );
    this.#pipelines.set(key, pipeline);
    return pipeline;
  }
}

function keyOf({ name }: Shader, constants: ShaderConstants): string {
  return `${name} ${JSON.stringify(constants)}`;
}
