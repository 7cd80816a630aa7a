import type { Binding, Bound } from "./bind_group_cache.ts";
import type { Device } from "./device.ts";
import type { KernelSet } from "./kernel_set.ts";
import type { Shader, ShaderConstants } from "./shader_source.ts";

/** One run of a kernel. */
export interface Dispatch {
  readonly shader: Shader;
  readonly constants: ShaderConstants;
  /** Bound to `@group(0)` in order; a kernel learns its sizes from the bindings' lengths. */
  readonly bindings: readonly Bound[];
  /** Workgroups in x, y, z. */
  readonly workgroups: readonly [number, number?, number?];
}

/** WebGPU's limit on workgroups in one dimension. */
const perDimension = 65535;

/**
 * Workgroups for `count` invocations, `lanes` in each; folded into two dimensions where one is too
 * small. A kernel then works with `y * groups.x * lanes + x` and ignores what lies past the end.
 */
export function workgroupsFor(count: number, lanes: number): [number, number] {
  const groups = Math.ceil(count / lanes);
  if (groups <= perDimension) return [groups, 1];
  const rows = Math.ceil(groups / perDimension);
  return [Math.ceil(groups / rows), rows];
}

const mapRead = 0x01 | 0x08; // MAP_READ | COPY_DST
const queryResolve = 0x200 | 0x04; // QUERY_RESOLVE | COPY_SRC

/** Collects kernels into one compute pass and submits them with one readback. */
export class Recorder {
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #rehearsing = false;

  /**
   * @param kernelSet Which kernels operations record where there are several.
   * @param choose Names the variant of a kernel that is to run, by what it is used for; where it names
   *   none, the kernel's first variant runs.
   */
  constructor(
    readonly device: Device,
    readonly kernelSet: KernelSet = "tiled",
    readonly choose: (use: string) => string | undefined = () => undefined,
  ) {}

  /** The warm-up: has the kernels that `record` dispatches compiled, and runs none of them. */
  rehearse(record: () => void): void {
    this.#rehearsing = true;
    try {
      record();
    } finally {
      this.#rehearsing = false;
    }
  }

  /** Adds a kernel to the current pass. */
  dispatch({ shader, constants, bindings, workgroups }: Dispatch): void {
    const { device } = this;
    const compiled = device.pipelines.size;
    const pipeline = device.pipelines.get(shader, constants);
    const isNew = device.pipelines.size > compiled;
    const group = device.groups.get(pipeline, bindings);
    const { vectorBits, webgpu } = device.adapter;
    // Not by Dawn, which warns of every run on nothing.
    if (isNew && vectorBits !== undefined && webgpu === undefined) this.#compile(pipeline, group);
    if (this.#rehearsing) return;
    this.#encoder ??= device.gpu.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, group);
    this.#pass.dispatchWorkgroups(...workgroups);
  }

  /**
   * Runs a new kernel on nothing. lavapipe, the one adapter with such vectors, compiles a kernel when it
   * first runs, on a thread of its own: it starts now, while the next kernels are recorded.
   */
  #compile(pipeline: GPUComputePipeline, group: GPUBindGroup): void {
    const encoder = this.device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(0);
    pass.end();
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /** Times recordings one by one, by how much longer their readback takes than one of no work. */
  async #timeByWaiting(recordings: readonly (() => void)[]): Promise<number[]> {
    const { device } = this;
    const buffer = device.createBuffer(4, queryResolve);
    const wait = async (record: () => void): Promise<readonly [blocked: number, whole: number]> => {
      const start = performance.now();
      record();
      using pending = this.submitReading([{ buffer, offset: 0, size: 4 }]);
      const read = pending.bytes(); // under Deno the call itself blocks until the work is done
      const blocked = performance.now() - start;
      await read;
      return [blocked, performance.now() - start];
    };
    try {
      this.submit();
      const [, idle] = await wait(() => {});
      const times: number[] = [];
      for (const record of recordings) {
        const [blocked, whole] = await wait(record);
        times.push(Math.max(blocked, whole - idle));
      }
      return times;
    } finally {
      buffer.destroy();
    }
  }

  /** Submits what was recorded, without waiting. */
  submit(): void {
    this.device.assertUsable();
    this.#pass?.end();
    if (this.#encoder !== undefined) this.device.gpu.queue.submit([this.#encoder.finish()]);
    this.#pass = undefined;
    this.#encoder = undefined;
    this.device.submitted();
  }

  /** Forgets what was recorded. */
  discard(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#encoder = undefined;
    this.device.submitted();
  }

  /**
   * Runs each recording in a pass of its own, in order, and tells how long it took, in milliseconds: by
   * the device's clock, but on a software adapter. lavapipe's stands still during some kernels. Only where
   * {@link Device.canTime}.
   */
  async time(recordings: readonly (() => void)[]): Promise<number[]> {
    const { device } = this;
    if (device.adapter.software) return await this.#timeByWaiting(recordings);
    const count = 2 * recordings.length;
    const querySet = device.gpu.createQuerySet({ type: "timestamp", count });
    const size = 8 * count;
    const times = device.createBuffer(size, queryResolve);
    try {
      recordings.forEach((record, i) => {
        this.#pass?.end();
        this.#encoder ??= device.gpu.createCommandEncoder();
        this.#pass = this.#encoder.beginComputePass({
          timestampWrites: {
            querySet,
            beginningOfPassWriteIndex: 2 * i,
            endOfPassWriteIndex: 2 * i + 1,
          },
        });
        record();
      });
      this.#pass?.end();
      this.#pass = undefined;
      this.#encoder?.resolveQuerySet(querySet, 0, count, times, 0);
      const [bytes] = await this.read([{ buffer: times, offset: 0, size }]);
      const nanoseconds = new BigUint64Array(bytes!.buffer);
      return recordings.map((_, i) => Number(nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!) / 1e6);
    } finally {
      times.destroy();
      querySet.destroy();
    }
  }

  /**
   * Submits what was recorded with a copy of the ranges, and returns at once: the device works while
   * the caller goes on. All ranges come in one mapping, since each wait on the queue costs 10 ms or
   * more under Deno.
   */
  submitReading(ranges: readonly Binding[]): PendingBytes {
    const { device } = this;
    const sizes = ranges.map(({ size }) => size);
    const staging = device.createBuffer(sizes.reduce((sum, size) => sum + size, 0), mapRead);
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
    } catch (error) {
      staging.destroy();
      throw error;
    }
    return new PendingBytes(device, staging, sizes);
  }

  /** Submits what was recorded and reads the ranges back. */
  async read(ranges: readonly Binding[]): Promise<Uint8Array<ArrayBuffer>[]> {
    using pending = this.submitReading(ranges);
    return await pending.bytes();
  }
}

/** Bytes on their way from the device. Disposing of them gives up the wait. */
export class PendingBytes implements Disposable {
  constructor(
    private readonly device: Device,
    private readonly staging: GPUBuffer,
    private readonly sizes: readonly number[],
  ) {}

  /**
   * Waits for the device; to be called once. Under Deno the call itself blocks until everything
   * submitted so far is done, and the promise takes some 10 ms more: who submits the next commands
   * between the two keeps the device busy.
   */
  async bytes(): Promise<Uint8Array<ArrayBuffer>[]> {
    const { device, staging, sizes } = this;
    try {
      const mapping = staging.mapAsync(1).then(() => undefined, (error: unknown) => error);
      await device.settle();
      const failure = await mapping;
      device.assertUsable();
      if (failure !== undefined) throw failure;
      const bytes = new Uint8Array(staging.getMappedRange().slice(0));
      let at = 0;
      return sizes.map((size) => bytes.slice(at, at += size));
    } finally {
      staging.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.staging.destroy();
  }
}
