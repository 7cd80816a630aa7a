/**
 * CRC-32 (the one of gzip and PNG, polynomial 0xEDB88320) of a text's UTF-8 bytes: finds every change
 * of up to 32 bits in a row, and others but for one in 2³². No protection against who can compute it.
 *
 * @param text The text.
 * @returns 8 hexadecimal digits.
 */
export function crc32(text: string): string {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest >>> 0;
});
