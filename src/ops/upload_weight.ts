import { packQuantizedWeightsShader } from "../../shaders/shaders.ts";
import { AssayError } from "../error.ts";
import type { Binding } from "../gpu/bind_group_cache.ts";
import type { Device } from "../gpu/device.ts";
import { type Recorder, workgroupsFor } from "../gpu/recorder.ts";
import { spareTexels } from "../gpu/texture_pool.ts";
import { groupsOf } from "./quantization/group_quantization.ts";
import {
  isQuantized,
  paddedQuantBytes,
  quantizedForms,
  quantizedRowBytes,
  type QuantizedType,
} from "./quantization/quantized_rows.ts";
import {
  type BufferPart,
  bytesPerWeight,
  rowBytesOf,
  type TexturePart,
  type WeightType,
} from "./weight.ts";
import { writeTexels } from "./weight_texels.ts";

/** A weight matrix [rows, columns] as stored: little endian, row major. */
export interface StoredWeight {
  readonly rows: number;
  readonly columns: number;
  readonly type: WeightType;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const storageUsage = 0x80 | 0x08; // STORAGE | COPY_DST
const shapeUsage = 0x40 | 0x80 | 0x08; // UNIFORM | STORAGE | COPY_DST

/** Uploads numbers that do not change; the caller destroys the buffer. */
export function uploadConstant(
  device: Device,
  data: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
): Binding {
  return constant(device, data, storageUsage);
}

function constant(
  device: Device,
  data: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
  usage: GPUBufferUsageFlags,
): Binding {
  const buffer = device.createBuffer(data.byteLength, usage);
  device.upload(buffer, 0, data);
  return { buffer, offset: 0, size: data.byteLength };
}

/** Rows that one binding of at most `maxBytes` may hold. */
function rowsPerBinding({ columns, type }: StoredWeight, maxBytes: number): number {
  const rowBytes = rowBytesOf(columns, type);
  const rows = Math.floor(maxBytes / rowBytes);
  if (rows > 0) return rows;
  throw new AssayError(
    "gpu/weight-size",
    `Cannot hold a weight with rows of ${rowBytes} bytes: this adapter binds at most ${maxBytes} bytes`,
  );
}

/** Uploads a weight as stored, split by rows where it is more than one binding may hold. */
export function uploadToBuffers(
  device: Device,
  stored: StoredWeight,
  maxBytes: number,
): BufferPart[] {
  const { rows, columns, type, bytes } = stored;
  const rowBytes = rowBytesOf(columns, type);
  const perPart = rowsPerBinding(stored, maxBytes);
  const parts: BufferPart[] = [];
  for (let first = 0; first < rows; first += perPart) {
    const count = Math.min(perPart, rows - first);
    const part = bytes.subarray(first * rowBytes, (first + count) * rowBytes);
    parts.push({
      layout: "buffer",
      weight: constant(device, part, storageUsage),
      shape: constant(device, new Uint32Array([columns, first, rows, 0]), shapeUsage),
      rows: count,
    });
  }
  return parts;
}

/** Texels of a step's weights of four rows, in a texture. */
export function texelsOf(type: WeightType): number {
  return isQuantized(type) ? (quantizedForms[type].bits === 8 ? 2 : 1) : 4;
}

/** How {@link writeTexels} and `pack_quantized_weights.wgsl` lay a weight out. */
interface TextureLayout {
  /** Texels of 16 bytes in a stored row; of quantized ones eight values of k. */
  readonly steps: number;
  /** A row too long for the texture's width is cut into segments, one below the other. */
  readonly stepsPerSegment: number;
  readonly segmentHeight: number;
  /** The first row of a quantized weight's scales, below the segments. */
  readonly scalesTop: number;
  readonly width: number;
  readonly height: number;
}

function textureLayout({ rows, columns, type }: StoredWeight, widest: number): TextureLayout {
  const steps = isQuantized(type) ? columns / 8 : columns * bytesPerWeight[type] / 16;
  const stepsPerSegment = Math.min(steps, Math.floor((widest - spareTexels) / 8));
  const blocks = Math.ceil(rows / 32);
  const segmentHeight = blocks * texelsOf(type);
  const scalesTop = Math.ceil(steps / stepsPerSegment) * segmentHeight;
  const width = stepsPerSegment * 8 + spareTexels;
  const scaleRows = isQuantized(type)
    ? Math.ceil(blocks / Math.floor(stepsPerSegment / scalePairs(columns, type)))
    : 0;
  const height = scalesTop + scaleRows + spareTexels;
  return { steps, stepsPerSegment, segmentHeight, scalesTop, width, height };
}

/** Whether a weight can lie in a texture: products write four columns at a time. */
export function fitsTexture(device: Device, stored: StoredWeight): boolean {
  const most = device.limits.maxTextureDimension2D;
  return stored.rows % 4 === 0 && textureLayout(stored, most).height <= most;
}

/** Texels of scales for each four rows. */
function scalePairs(columns: number, type: QuantizedType): number {
  return Math.ceil(groupsOf(columns, quantizedForms[type]) / 2);
}

/** Uploads a weight as stored, laid out in a texture. */
export function uploadToTexture(
  recorder: Recorder,
  stored: StoredWeight,
  maxBytes: number,
): TexturePart {
  const { device } = recorder;
  const { rows, columns, type, bytes } = stored;
  const layout = textureLayout(stored, device.limits.maxTextureDimension2D);
  const texture = device.createTexture(layout.width, layout.height, "rgba32uint");
  const view = texture.createView();
  if (isQuantized(type)) layQuantizedOut(recorder, stored, { layout, view }, maxBytes);
  else writeTexels(device, texture, layout, bytes);
  const { stepsPerSegment, scalesTop } = layout;
  const shape = new Uint32Array([columns, rows, stepsPerSegment, scalesTop]);
  return {
    layout: "texture",
    texture,
    view,
    shape: constant(device, shape, shapeUsage),
    bytes: layout.width * layout.height * 16,
  };
}

/** Uploads a quantized weight part by part, and has a kernel lay it out. */
function layQuantizedOut(
  recorder: Recorder,
  stored: StoredWeight,
  { layout, view }: { readonly layout: TextureLayout; readonly view: GPUTextureView },
  maxBytes: number,
): void {
  const { device } = recorder;
  const { rows, columns, type, bytes } = stored;
  const rowBytes = rowBytesOf(columns, type);
  const perPart = Math.max(32, Math.floor(rowsPerBinding(stored, maxBytes) / 32) * 32);
  for (let first = 0; first < rows; first += perPart) {
    const count = Math.min(perPart, rows - first);
    const part = constant(
      device,
      bytes.subarray(first * rowBytes, (first + count) * rowBytes),
      storageUsage,
    );
    const { numbers, ...kernel } = packing(columns, type as QuantizedType, layout, first, count);
    const shape = constant(device, numbers, shapeUsage);
    recorder.dispatch({ ...kernel, bindings: [part, view, shape] });
    recorder.submit();
    // Destroyed once the submitted commands are done with them.
    for (const { buffer } of [part, shape]) {
      device.groups.forget(buffer);
      buffer.destroy();
    }
  }
}

/** The kernel that lays some rows out, and its shape. */
function packing(
  columns: number,
  type: QuantizedType,
  { steps, stepsPerSegment, segmentHeight, scalesTop }: TextureLayout,
  first: number,
  count: number,
) {
  const blocks = Math.ceil(count / 32);
  const groups = groupsOf(columns, quantizedForms[type]);
  const scalesAt = paddedQuantBytes(columns, type) / 4;
  const texels = blocks * 8 * (texelsOf(type) * steps + scalePairs(columns, type));
  return {
    shader: packQuantizedWeightsShader,
    constants: { TEXELS: texelsOf(type) },
    numbers: new Uint32Array([
      ...[quantizedRowBytes(columns, type) / 4, first, stepsPerSegment, segmentHeight],
      ...[steps, scalesAt, groups, scalesTop],
    ]),
    workgroups: workgroupsFor(texels, 64),
  };
}
