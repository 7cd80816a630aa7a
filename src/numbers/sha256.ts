/**
 * The first 128 bits of a SHA-256: enough that no two things ever meet by chance.
 *
 * @param data Bytes, or text to be encoded as UTF-8.
 * @returns 32 hexadecimal digits.
 */
export async function sha256(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(
    new Uint8Array(hash, 0, 16),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}
