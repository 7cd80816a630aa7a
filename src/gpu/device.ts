import { AssayError } from "../error.ts";
import {
  type AdapterDescription,
  describeAdapter,
  requireAdapter,
  type WebGpu,
} from "./adapter.ts";
import { BindGroupCache } from "./bind_group_cache.ts";
import { BufferPool } from "./buffer_pool.ts";
import { PipelineCache } from "./pipeline_cache.ts";
import { matrixFeature, type MatrixUnit, matrixUnitOf } from "./matrix_unit.ts";
import { enabling, type Shader, type ShaderConstants, specialize } from "./shader_source.ts";
import { type PooledTexture, TexturePool } from "./texture_pool.ts";

const storageTexture = 0x08 | 0x02; // STORAGE_BINDING | COPY_DST

/** Limits worth raising: the defaults of WebGPU are far below what adapters offer. */
const raisedLimits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxTextureDimension2D",
  "maxStorageBuffersPerShaderStage",
] as const;

/** Lets kernels be timed by the device's own clock. */
const clockFeature = "timestamp-query";

/** Lets kernels hold numbers in half precision. */
const halfFeature = "shader-f16";

/** What a device does with subgroups. */
export interface Subgroups {
  /** Lanes of a subgroup where kernels may use them and the adapter has but one size; else 0. */
  readonly size: number;
  /** Whether a shader must enable them: so wants Tint, whose adapters list the feature. */
  readonly enabledByDirective: boolean;
}

/**
 * An open GPU: the one place that allocates, uploads and compiles. It knows no model.
 *
 * Every allocation and pipeline is made inside an error scope, whose outcome {@link Device.settle}
 * awaits; what no scope catches is counted in {@link Device.uncapturedErrors}.
 */
export class Device implements Disposable {
  readonly adapter: AdapterDescription;
  readonly limits: GPUSupportedLimits;
  readonly pool: BufferPool;
  readonly textures: TexturePool;
  readonly pipelines: PipelineCache;
  readonly groups: BindGroupCache;
  /** Bytes that both pools together stay within, unless more than that is held at once. */
  pooledLimit: number = Infinity;
  /** Asked to submit what was recorded, where the pools are full. */
  onFull: () => void = () => {};
  /** Messages of validation errors that no error scope caught; empty in a correct program. */
  readonly uncapturedErrors: string[] = [];
  #scopes: Promise<void>[] = [];
  #lost: AssayError | undefined;
  #destroyed = false;

  private constructor(
    readonly gpu: GPUDevice,
    adapter: AdapterDescription,
    readonly subgroups: Subgroups,
    /** What products in f16 run on; undefined where nothing fits, or it was not asked for. */
    readonly matrixUnit?: MatrixUnit,
  ) {
    this.adapter = adapter;
    this.limits = gpu.limits;
    this.groups = new BindGroupCache(gpu);
    this.pool = new BufferPool(
      (size, usage) => {
        this.#makeRoom(size);
        return this.createBuffer(size, usage);
      },
      (buffer) => this.groups.forget(buffer),
    );
    this.textures = new TexturePool(
      (width, height) => this.#createTexture(width, height),
      ({ view }) => this.groups.forget(view),
    );
    this.pipelines = new PipelineCache((shader, constants, key) =>
      this.#compile(shader, constants, key)
    );
    gpu.addEventListener("uncapturederror", (event) => {
      this.uncapturedErrors.push((event as GPUUncapturedErrorEvent).error.message);
    });
    gpu.lost.then((info) => {
      if (this.#destroyed) return;
      this.#lost = new AssayError(
        "gpu/device-lost",
        `Cannot go on: the GPU device was lost (${info.reason}: ${info.message}); nothing computed ` +
          "since is valid; load the model again, with a smaller memory budget if memory ran out",
      );
    });
  }

  /**
   * Opens the machine's adapter with as much of each limit as it offers.
   *
   * @param found The adapter, where it was looked up before.
   * @param webgpu The implementation of WebGPU; the runtime's own by default.
   * @throws {AssayError} `gpu/no-adapter`, `gpu/no-device`.
   */
  static async open(found?: GPUAdapter, webgpu?: WebGpu): Promise<Device> {
    const adapter = found ?? await requireAdapter(webgpu);
    const requiredLimits: Record<string, number> = {};
    for (const name of raisedLimits) requiredLimits[name] = adapter.limits[name];
    const description = describeAdapter(adapter, webgpu?.name);
    const { subgroupMinSize, subgroupMaxSize } = adapter.info;
    const size = subgroupMinSize === subgroupMaxSize ? subgroupMinSize ?? 0 : 0;
    const enabledByDirective = adapter.features.has("subgroups");
    const wanted: GPUFeatureName[] = [clockFeature, halfFeature, matrixFeature];
    const features = wanted.filter((name) => adapter.features.has(name));
    try {
      // Deno does not list "subgroups" among an adapter's features, yet grants it: ask and see.
      const requiredFeatures: GPUFeatureName[] = ["subgroups", ...features];
      const gpu = await adapter.requestDevice({ requiredLimits, requiredFeatures });
      const matrixUnit = gpu.features.has(matrixFeature)
        ? matrixUnitOf(adapter.info, size)
        : undefined;
      return new Device(gpu, description, { size, enabledByDirective }, matrixUnit);
    } catch {
      // Without subgroups, then; other reasons come again below.
    }
    try {
      const gpu = await adapter.requestDevice({ requiredLimits, requiredFeatures: features });
      return new Device(gpu, description, { size: 0, enabledByDirective: false });
    } catch (cause) {
      throw new AssayError(
        "gpu/no-device",
        `Cannot open a GPU device on ${description.description}: ${cause}`,
        { cause },
      );
    }
  }

  /** Whether kernels can be timed by the device's own clock. */
  get hasClock(): boolean {
    return this.gpu.features.has(clockFeature);
  }

  /** Whether kernels can be timed: by that clock, or on a software adapter by waiting for them. */
  get canTime(): boolean {
    return this.hasClock || this.adapter.software;
  }

  /** Whether kernels may hold numbers in half precision. */
  get hasHalf(): boolean {
    return this.gpu.features.has(halfFeature);
  }

  /** Largest number of bytes that one binding may hold. */
  get maxBindingBytes(): number {
    return Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize);
  }

  /** Throws where the device is lost or destroyed; WebGPU itself accepts such use in silence. */
  assertUsable(): void {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#destroyed) {
      throw new AssayError("gpu/device-destroyed", "Cannot use the GPU: it was disposed of before");
    }
  }

  /** Runs `make` in error scopes; a failure surfaces as `code` at the next {@link Device.settle}. */
  scoped<T>(code: string, what: string, make: () => T): T {
    this.assertUsable();
    this.gpu.pushErrorScope("out-of-memory");
    this.gpu.pushErrorScope("validation");
    const made = make();
    for (const scope of [this.gpu.popErrorScope(), this.gpu.popErrorScope()]) {
      const outcome = scope.then((error) => {
        if (error !== null) throw new AssayError(code, `Cannot ${what}: ${error.message}`);
      });
      outcome.catch(() => {}); // reported by settle(), never as an unhandled rejection
      this.#scopes.push(outcome);
    }
    return made;
  }

  /** Waits for the outcome of everything made since the last call; throws the first failure. */
  async settle(): Promise<void> {
    const scopes = this.#scopes;
    this.#scopes = [];
    const failure = (await Promise.allSettled(scopes)).find((scope) => scope.status === "rejected");
    if (failure !== undefined) throw failure.reason;
    this.assertUsable();
  }

  /** Makes a buffer. The caller destroys it: the garbage collector does not see device memory. */
  createBuffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    if (!(size > 0 && size <= this.limits.maxBufferSize)) {
      throw new AssayError(
        "gpu/buffer-size",
        `Cannot allocate a GPU buffer of ${size} bytes: expected 1 to ${this.limits.maxBufferSize} ` +
          "bytes, this adapter's limit; use smaller packs or a smaller model",
      );
    }
    return this.scoped(
      "gpu/out-of-memory",
      `allocate ${size} bytes on the GPU`,
      () => this.gpu.createBuffer({ size: Math.ceil(size / 4) * 4, usage }),
    );
  }

  /** Tells the pools that all commands recorded so far were submitted. */
  submitted(): void {
    this.pool.submitted();
    this.textures.submitted();
    this.#makeRoom(0);
  }

  /** Lets idle memory of the pools go where they would grow over their limit. */
  #makeRoom(size: number): void {
    const excess = (): number => this.pool.bytes + this.textures.bytes + size - this.pooledLimit;
    const evict = (): void => {
      if (excess() > 0) this.pool.evict(excess());
      if (excess() > 0) this.textures.evict(excess());
    };
    evict();
    if (size === 0 || excess() <= 0) return;
    this.onFull(); // what recorded commands used is idle once they are submitted
    evict();
  }

  #createTexture(width: number, height: number): PooledTexture {
    this.#makeRoom(width * height * 16);
    const texture = this.createTexture(width, height, "rgba32float");
    return { texture, view: texture.createView(), bytes: width * height * 16 };
  }

  #compile(shader: Shader, constants: ShaderConstants, key: string): GPUComputePipeline {
    const { name: label, source } = shader;
    const enables = enabling(source, this.subgroups.enabledByDirective);
    const code = enables + specialize(source, constants);
    return this.scoped("gpu/kernel", `compile the kernel ${key}`, () => {
      const module = this.gpu.createShaderModule({ label, code });
      const compute = { module, entryPoint: "main" };
      return this.gpu.createComputePipeline({ label, layout: "auto", compute });
    });
  }

  /** Makes a texture of 16-byte texels that kernels write and read. The caller destroys it. */
  createTexture(width: number, height: number, format: "rgba32float" | "rgba32uint"): GPUTexture {
    const most = this.limits.maxTextureDimension2D;
    if (!(width > 0 && width <= most && height > 0 && height <= most)) {
      throw new AssayError(
        "gpu/texture-size",
        `Cannot allocate a texture of ${width} × ${height} texels: expected 1 to ${most} on each ` +
          "side, this adapter's limit; use smaller packs or a smaller model",
      );
    }
    return this.scoped(
      "gpu/out-of-memory",
      `allocate a texture of ${width} × ${height} texels on the GPU`,
      () => this.gpu.createTexture({ size: [width, height], format, usage: storageTexture }),
    );
  }

  /**
   * The one upload path. `writeBuffer` ends the whole process when its range is wrong or its data
   * empty, so both are checked here.
   *
   * @param offset In bytes, a multiple of 4.
   */
  upload(
    buffer: GPUBuffer,
    offset: number,
    data: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
  ): void {
    this.assertUsable();
    const size = data.byteLength;
    if (size === 0) return;
    if (offset % 4 !== 0 || size % 4 !== 0 || offset < 0 || offset + size > buffer.size) {
      throw new AssayError(
        "gpu/upload-range",
        `Cannot upload ${size} bytes at offset ${offset}: expected a range of whole words within ` +
          `the buffer's ${buffer.size} bytes`,
      );
    }
    this.gpu.queue.writeBuffer(buffer, offset, data);
  }

  /**
   * Uploads texels of 16 bytes to a region of a texture, row by row. Its range is checked as that of
   * {@link Device.upload}.
   */
  uploadTexels(
    texture: GPUTexture,
    region: {
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
    },
    texels: Uint32Array<ArrayBuffer>,
  ): void {
    this.assertUsable();
    const { x, y, width, height } = region;
    const inside = x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= texture.width &&
      y + height <= texture.height;
    if (!inside || texels.length !== 4 * width * height) {
      throw new AssayError(
        "gpu/upload-range",
        `Cannot upload ${
          texels.length / 4
        } texels to ${width} × ${height} at (${x}, ${y}): expected as ` +
          `many as the region has, within the texture's ${texture.width} × ${texture.height}`,
      );
    }
    const layout = { bytesPerRow: 16 * width, rowsPerImage: height };
    this.gpu.queue.writeTexture({ texture, origin: [x, y] }, texels, layout, [width, height]);
  }

  [Symbol.dispose](): void {
    if (this.#destroyed) return;
    this.pool.destroy();
    this.textures.destroy();
    this.#destroyed = true;
    this.gpu.destroy();
  }
}
