import { packWeightsShader } from "../../shaders/shaders.ts";
import { AssayError } from "../error.ts";
import type { Device } from "../gpu/device.ts";
import { type Binding, type Recorder, workgroupsFor } from "../gpu/recorder.ts";
import { spareTexels } from "../gpu/texture_pool.ts";
import { type BufferPart, bytesPerWeight, type TexturePart, type WeightType } from "./weight.ts";

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
  const rowBytes = columns * bytesPerWeight[type];
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
  const rowBytes = columns * bytesPerWeight[type];
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

/** How `pack_weights.wgsl` lays a weight out. */
interface TextureLayout {
  /** Texels of 16 bytes in a stored row. */
  readonly texels: number;
  /** A row too long for the texture's width is cut into segments, one below the other. */
  readonly stepsPerSegment: number;
  readonly segmentHeight: number;
  readonly width: number;
  readonly height: number;
}

function textureLayout({ rows, columns, type }: StoredWeight, widest: number): TextureLayout {
  const texels = columns * bytesPerWeight[type] / 16;
  const stepsPerSegment = Math.min(texels, Math.floor((widest - spareTexels) / 8));
  const segmentHeight = Math.ceil(rows / 32) * 4;
  const width = stepsPerSegment * 8 + spareTexels;
  const height = Math.ceil(texels / stepsPerSegment) * segmentHeight + spareTexels;
  return { texels, stepsPerSegment, segmentHeight, width, height };
}

/** Whether a weight can lie in a texture: products write four columns at a time. */
export function fitsTexture(device: Device, stored: StoredWeight): boolean {
  const most = device.limits.maxTextureDimension2D;
  return stored.rows % 4 === 0 && textureLayout(stored, most).height <= most;
}

/** Uploads a weight as stored, part by part, and has a kernel lay it out in a texture. */
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
  const rowBytes = columns * bytesPerWeight[type];
  const perPart = Math.max(32, Math.floor(rowsPerBinding(stored, maxBytes) / 32) * 32);
  for (let first = 0; first < rows; first += perPart) {
    const count = Math.min(perPart, rows - first);
    const part = constant(
      device,
      bytes.subarray(first * rowBytes, (first + count) * rowBytes),
      storageUsage,
    );
    const { texels, stepsPerSegment, segmentHeight } = layout;
    const numbers = new Uint32Array([texels, first, stepsPerSegment, segmentHeight]);
    const shape = constant(device, numbers, shapeUsage);
    recorder.dispatch({
      shader: packWeightsShader,
      constants: {},
      bindings: [part, view, shape],
      workgroups: workgroupsFor(Math.ceil(count / 32) * 32 * texels, 64),
    });
    recorder.submit();
    // Destroyed once the submitted commands are done with them.
    part.buffer.destroy();
    shape.buffer.destroy();
  }
  return {
    layout: "texture",
    texture,
    view,
    shape: constant(
      device,
      new Uint32Array([columns, rows, layout.stepsPerSegment, 0]),
      shapeUsage,
    ),
    bytes: layout.width * layout.height * 16,
  };
}
