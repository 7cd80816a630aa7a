import type { Device } from "../gpu/device.ts";

/** Bytes of texels that are laid out at a time, about: what the processor's caches hold. */
const bytesAtOnce = 2 ** 22;
/** Rows of a block: eight lanes of four. */
const blockRows = 32;

/** Where a weight's rows go in a texture; see {@link writeTexels}. */
export interface TexelLayout {
  /** Texels of 16 bytes in a stored row. */
  readonly steps: number;
  /** A row too long for the texture's width is cut into segments, one below the other. */
  readonly stepsPerSegment: number;
  readonly segmentHeight: number;
}

/**
 * Lays rows of a weight matrix out for `matmul_texture.wgsl`, 16 bytes to a texel, bits unchanged. Texel
 * `step` of row n goes to
 *
 *     x = step % steps per segment * 8 + lane     with n = block * 32 + lane * 4 + j
 *     y = step / steps per segment * segment height + block * 4 + j
 *
 * Rows past the last one are zero. It is done on the host: software adapters, for which textures are
 * meant, take ten times as long for a kernel that stores as many texels.
 *
 * @param bytes The rows as stored, one after another.
 */
export function writeTexels(
  device: Device,
  texture: GPUTexture,
  layout: TexelLayout,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  const { steps, stepsPerSegment, segmentHeight } = layout;
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
  const rows = words.length / (4 * steps);
  const blocks = Math.ceil(rows / blockRows);
  const blockBytes = 16 * blockRows * Math.min(steps, stepsPerSegment);
  const together = Math.min(blocks, Math.max(1, Math.floor(bytesAtOnce / blockBytes)));
  const texels = new Uint32Array(together * blockBytes / 4);
  for (let first = 0; first < steps; first += stepsPerSegment) {
    const count = Math.min(stepsPerSegment, steps - first);
    const top = first / stepsPerSegment * segmentHeight;
    for (let block = 0; block < blocks; block += together) {
      const taken = Math.min(together, blocks - block);
      const from = { words, row: block * blockRows, rows, first, steps, count };
      layOut(from, taken, texels);
      const region = { x: 0, y: top + 4 * block, width: 8 * count, height: 4 * taken };
      device.uploadTexels(texture, region, texels.subarray(0, taken * blockRows * count * 4));
    }
  }
  device.gpu.queue.submit([]); // else the writes wait for the next commands
}

interface Rows {
  readonly words: Uint32Array<ArrayBuffer>;
  /** The first row that is laid out, and how many the weight has. */
  readonly row: number;
  readonly rows: number;
  /** The first step that is laid out, how many there are in a row, and how many are taken. */
  readonly first: number;
  readonly steps: number;
  readonly count: number;
}

function layOut(
  { words, row, rows, first, steps, count }: Rows,
  blocks: number,
  texels: Uint32Array<ArrayBuffer>,
): void {
  for (let n = 0; n < blocks * blockRows; n++) {
    const lane = (n % blockRows) >> 2;
    const line = Math.floor(n / blockRows) * 4 + n % 4;
    const to = 4 * (line * 8 * count + lane);
    if (row + n < rows) spread(words, 4 * ((row + n) * steps + first), texels, to, count);
    else {for (let step = 0; step < count; step++) {
        texels.fill(0, to + 32 * step, to + 32 * step + 4);
      }}
  }
}

/** Copies texels that lie side by side to every eighth place. */
function spread(
  from: Uint32Array<ArrayBuffer>,
  at: number,
  texels: Uint32Array<ArrayBuffer>,
  to: number,
  count: number,
): void {
  for (let step = 0; step < count; step++) {
    texels[to] = from[at]!;
    texels[to + 1] = from[at + 1]!;
    texels[to + 2] = from[at + 2]!;
    texels[to + 3] = from[at + 3]!;
    at += 4;
    to += 32;
  }
}
