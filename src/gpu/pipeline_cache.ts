import type { Shader, ShaderConstants } from "./shader_source.ts";

/** Compiles each kernel once for each set of constants. */
export class PipelineCache {
  readonly #pipelines = new Map<string, GPUComputePipeline>();

  /** @param compile Compiles a kernel, named `key` in messages. */
  constructor(
    readonly compile: (
      shader: Shader,
      constants: ShaderConstants,
      key: string,
    ) => GPUComputePipeline,
  ) {}

  /** How many were compiled. */
  get size(): number {
    return this.#pipelines.size;
  }

  /** The pipeline of `shader` with `constants`; a compilation error surfaces at `device.settle()`. */
  get(shader: Shader, constants: ShaderConstants): GPUComputePipeline {
    const key = keyOf(shader, constants);
    const cached = this.#pipelines.get(key);
    if (cached !== undefined) return cached;
    const pipeline = this.compile(shader, constants, key);
    this.#pipelines.set(key, pipeline);
    return pipeline;
  }
}

function keyOf({ name }: Shader, constants: ShaderConstants): string {
  return `${name} ${JSON.stringify(constants)}`;
}
