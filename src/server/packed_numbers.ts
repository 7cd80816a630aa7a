/** Numbers as f32, little endian, in base64: what clients call `encoding_format: base64`. */
export function packedNumbers(numbers: readonly number[]): string {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((x, i) => view.setFloat32(4 * i, x, true));
  return bytes.toBase64();
}
