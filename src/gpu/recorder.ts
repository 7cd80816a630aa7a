import type { Device } from "./device.ts";
import type { KernelFamily } from "./kernel_family.ts";
import type { Shader } from "./pipeline_cache.ts";
import type { ShaderConstants } from "./shader_source.ts";

/** A range of a buffer, in bytes. */
export interface Binding {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** One run of a kernel. */
export interface Dispatch {
  readonly shader: Shader;
  readonly constants: ShaderConstants;
  /** Bound to `@group(0)` in order; a kernel learns its sizes from the bindings' lengths. */
  readonly bindings: readonly (Binding | GPUTextureView)[];
  /** Workgroups in x, y, z. */
  readonly workgroups: readonly [number, number?, number?];
}

const mapRead = 0x01 | 0x08; // MAP_READ | COPY_DST

/** Collects kernels into one compute pass and submits them with one readback. */
export class Recorder {
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;

  /** @param family Which kernels operations record where there are several. */
  constructor(readonly device: Device, readonly family: KernelFamily = "buffer") {}

  /** Adds a kernel to the current pass. */
  dispatch({ shader, constants, bindings, workgroups }: Dispatch): void {
    const { device } = this;
    const pipeline = device.pipelines.get(shader, constants);
    const group = device.gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: bindings.map((resource, binding) => ({ binding, resource })),
    });
    this.#encoder ??= device.gpu.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, group);
    this.#pass.dispatchWorkgroups(...workgroups);
  }

  /** Submits what was recorded, without waiting. */
  submit(): void {
    this.device.assertUsable();
    this.#pass?.end();
    if (this.#encoder !== undefined) this.device.gpu.queue.submit([this.#encoder.finish()]);
    this.#pass = undefined;
    this.#encoder = undefined;
    this.device.pool.submitted();
  }

  /** Forgets what was recorded. */
  discard(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#encoder = undefined;
    this.device.pool.submitted();
  }

  /**
   * Submits what was recorded and reads the ranges back, all in one mapping: each wait on the
   * queue costs 10 ms or more under Deno.
   */
  async read(ranges: readonly Binding[]): Promise<Uint8Array<ArrayBuffer>[]> {
    const { device } = this;
    const total = ranges.reduce((sum, range) => sum + range.size, 0);
    const staging = device.createBuffer(total, mapRead);
    try {
      this.#pass?.end();
      this.#pass = undefined;
      this.#encoder ??= device.gpu.createCommandEncoder();
      let at = 0;
      for (const { buffer, offset, size } of ranges) {
        this.#encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
        at += size;
      }
      this.submit();
      const mapping = staging.mapAsync(1).then(() => undefined, (error: unknown) => error);
      await device.settle();
      const failure = await mapping;
      device.assertUsable();
      if (failure !== undefined) throw failure;
      const bytes = new Uint8Array(staging.getMappedRange().slice(0));
      at = 0;
      return ranges.map(({ size }) => bytes.slice(at, at += size));
    } finally {
      staging.destroy();
    }
  }
}
