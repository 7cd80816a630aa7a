/**
 * How long every kernel of a program takes, by the device's own clock. It works at WebGPU's own
 * interface, so it needs nothing of the program: each dispatch gets a pass of its own, with timestamps at
 * its begin and end.
 *
 * @module
 */

/** All dispatches of one kernel with one number of workgroups. */
export interface DispatchSum {
  /** The pipeline's label and the workgroups. */
  readonly kernel: string;
  count: number;
  milliseconds: number;
}

/** What was timed. */
export interface DispatchTimes {
  /** The longest first. */
  readonly kernels: readonly DispatchSum[];
  /** All kernels together. */
  readonly milliseconds: number;
  /** From the first kernel's begin to the last one's end in each submission, together. */
  readonly span: number;
  /** Dispatches that there was no room for; 0 where the times are whole. */
  readonly untimed: number;
}

/** Timestamps that a query set has room for, WebGPU's limit. */
const perSet = 4096;
const queryResolve = 0x200 | 0x04; // QUERY_RESOLVE | COPY_SRC
const mapRead = 0x01 | 0x08; // MAP_READ | COPY_DST

/** The timestamps of one command encoder. */
interface Timed {
  readonly names: string[];
  readonly set: GPUQuerySet;
  readonly resolved: GPUBuffer;
  readonly staging: GPUBuffer;
}

const { createCommandEncoder } = GPUDevice.prototype;
const { beginComputePass, finish } = GPUCommandEncoder.prototype;

/**
 * Runs `work` and times the kernels that it dispatches on devices with the feature `timestamp-query`.
 * Passes that have timestamps of their own are left as they are.
 */
export async function timeDispatches(work: () => Promise<unknown>): Promise<DispatchTimes> {
  const devices = new WeakMap<GPUCommandEncoder, GPUDevice>();
  const timed = new Map<GPUCommandEncoder, Timed>();
  let untimed = 0;
  const placeFor = (encoder: GPUCommandEncoder, name: string) => {
    const of = timed.get(encoder) ?? queriesOf(devices.get(encoder));
    if (of === undefined || 2 * of.names.length + 2 > perSet) {
      untimed++;
      return {};
    }
    timed.set(encoder, of);
    const at = 2 * of.names.length;
    of.names.push(name);
    return {
      timestampWrites: {
        querySet: of.set,
        beginningOfPassWriteIndex: at,
        endOfPassWriteIndex: at + 1,
      },
    };
  };
  GPUDevice.prototype.createCommandEncoder = function (descriptor) {
    const encoder = createCommandEncoder.call(this, descriptor);
    devices.set(encoder, this);
    return encoder;
  };
  GPUCommandEncoder.prototype.beginComputePass = function (descriptor) {
    const begin = (own: GPUComputePassDescriptor) => beginComputePass.call(this, own);
    if (descriptor?.timestampWrites !== undefined) return begin(descriptor);
    return passOfPasses((name) => begin(placeFor(this, name)));
  };
  GPUCommandEncoder.prototype.finish = function (descriptor) {
    const of = timed.get(this);
    if (of !== undefined) {
      const count = 2 * of.names.length;
      this.resolveQuerySet(of.set, 0, count, of.resolved, 0);
      this.copyBufferToBuffer(of.resolved, 0, of.staging, 0, 8 * count);
    }
    return finish.call(this, descriptor);
  };
  try {
    await work();
  } finally {
    GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
    GPUCommandEncoder.prototype.beginComputePass = beginComputePass;
    GPUCommandEncoder.prototype.finish = finish;
  }
  return { ...await sumsOf([...timed.values()]), untimed };
}

function queriesOf(device: GPUDevice | undefined): Timed | undefined {
  if (device === undefined || !device.features.has("timestamp-query")) return undefined;
  const size = 8 * perSet;
  return {
    names: [],
    set: device.createQuerySet({ type: "timestamp", count: perSet }),
    resolved: device.createBuffer({ size, usage: queryResolve }),
    staging: device.createBuffer({ size, usage: mapRead }),
  };
}

/** A pass as a program sees it, of which each dispatch is a real pass of its own. */
function passOfPasses(begin: (name: string) => GPUComputePassEncoder): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline;
  const groups = new Map<number, GPUBindGroup>();
  const pass = {
    setPipeline: (set: GPUComputePipeline) => void (pipeline = set),
    setBindGroup: (index: number, group: GPUBindGroup) => void groups.set(index, group),
    dispatchWorkgroups: (x: number, y = 1, z = 1) => {
      const real = begin(`${pipeline.label} ${[x, y, z].join("×")}`);
      real.setPipeline(pipeline);
      for (const [index, group] of groups) real.setBindGroup(index, group);
      real.dispatchWorkgroups(x, y, z);
      real.end();
    },
    end: () => {},
  };
  return pass as unknown as GPUComputePassEncoder;
}

async function sumsOf(all: readonly Timed[]): Promise<Omit<DispatchTimes, "untimed">> {
  const sums = new Map<string, DispatchSum>();
  let span = 0;
  for (const { names, set, resolved, staging } of all) {
    await staging.mapAsync(1);
    const nanoseconds = new BigUint64Array(staging.getMappedRange().slice(0));
    names.forEach((kernel, i) => {
      const sum = sums.get(kernel) ?? { kernel, count: 0, milliseconds: 0 };
      sum.count++;
      sum.milliseconds += Number(nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!) / 1e6;
      sums.set(kernel, sum);
    });
    span += Number(nanoseconds[2 * names.length - 1]! - nanoseconds[0]!) / 1e6;
    for (const resource of [set, resolved, staging]) resource.destroy();
  }
  const kernels = [...sums.values()].toSorted((a, b) => b.milliseconds - a.milliseconds);
  const milliseconds = kernels.reduce((sum, of) => sum + of.milliseconds, 0);
  return { kernels, milliseconds, span };
}
