/** A range of a buffer, in bytes. */
export interface Binding {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** What a kernel binds: a range of a buffer, or a texture's view. */
export type Bound = Binding | GPUTextureView;

/** What is destroyed, and with it all groups that bind it. */
type Resource = GPUBuffer | GPUTextureView;

interface Entry {
  readonly group: GPUBindGroup;
  readonly resources: readonly Resource[];
}

/** Enough for the layers of any model with packs of a few sizes. */
const mostGroups = 4096;

/**
 * Keeps bind groups for kernels that run again on the same memory: to make one takes 20 to 30 times as
 * long as to find it. Memory is told apart by its object, never by what lies in it, so a group can only
 * be found by who holds all of it. Whoever destroys memory calls {@link BindGroupCache.forget}.
 */
export class BindGroupCache {
  /** Those used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new Map<Resource, Set<string>>();
  readonly #numbers = new WeakMap<object, number>();
  #count = 0;

  /** @param most Groups that are kept. */
  constructor(readonly gpu: GPUDevice, readonly most: number = mostGroups) {}

  /** How many are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The group that binds all of `bindings`, in order, to a pipeline's `@group(0)`. */
  get(pipeline: GPUComputePipeline, bindings: readonly Bound[]): GPUBindGroup {
    const key = this.#keyOf(pipeline, bindings);
    const kept = this.#entries.get(key);
    if (kept !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, kept);
      return kept.group;
    }
    const group = this.gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: bindings.map((resource, binding) => ({ binding, resource })),
    });
    const resources = [...new Set(bindings.map(resourceOf))];
    this.#entries.set(key, { group, resources });
    for (const resource of resources) this.#keysOf(resource).add(key);
    if (this.#entries.size > this.most) this.#drop(this.#entries.keys().next().value!);
    return group;
  }

  /** Lets every group go that binds a buffer or a view, before its memory is destroyed. */
  forget(resource: Resource): void {
    for (const key of this.#keys.get(resource) ?? []) this.#drop(key);
  }

  #drop(key: string): void {
    const { resources } = this.#entries.get(key)!;
    this.#entries.delete(key);
    for (const resource of resources) {
      const keys = this.#keys.get(resource)!;
      keys.delete(key);
      if (keys.size === 0) this.#keys.delete(resource);
    }
  }

  #keysOf(resource: Resource): Set<string> {
    const found = this.#keys.get(resource) ?? new Set();
    this.#keys.set(resource, found);
    return found;
  }

  #keyOf(pipeline: GPUComputePipeline, bindings: readonly Bound[]): string {
    let key = `${this.#numberOf(pipeline)}`;
    for (const bound of bindings) {
      key += "buffer" in bound
        ? `,${this.#numberOf(bound.buffer)}:${bound.offset}:${bound.size}`
        : `,${this.#numberOf(bound)}`;
    }
    return key;
  }

  #numberOf(object: object): number {
    const found = this.#numbers.get(object);
    if (found !== undefined) return found;
    this.#numbers.set(object, ++this.#count);
    return this.#count;
  }
}

function resourceOf(bound: Bound): Resource {
  return "buffer" in bound ? bound.buffer : bound;
}
