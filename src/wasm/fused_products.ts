/**
 * A module of one function, `f32x4.extract_lane 0 (f32x4.relaxed_madd a b c)` of three numbers' splats.
 */
const probe = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7d, 0x7d, 0x7d, 0x01, 0x7d], // (f32, f32, f32) → f32
  ...[0x03, 0x02, 0x01, 0x00, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00], // exported as f
  ...[0x0a, 0x16, 0x01, 0x14, 0x00],
  ...[0x20, 0x00, 0xfd, 0x13, 0x20, 0x01, 0xfd, 0x13, 0x20, 0x02, 0xfd, 0x13],
  ...[0xfd, 0x85, 0x02, 0xfd, 0x1f, 0x00, 0x0b],
];

/**
 * Whether the runtime's relaxed multiply-add rounds once. It may round twice: JavaScriptCore's does (Bun,
 * Safari), and any on a processor that can't round once.
 */
export function fusesProducts(): boolean {
  const bytes = Uint8Array.from(probe);
  let f: (a: number, b: number, c: number) => number;
  try {
    ({ f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as { f: typeof f });
  } catch {
    return false; // unknown to the runtime; or none may be compiled, of which the engine's own will tell
  }
  const nearOne = 1 + 2 ** -12;
  // The product is 1 + 2⁻¹¹ + 2⁻²⁴, whose last part a rounding to f32 takes away.
  return f(nearOne, nearOne, -(1 + 2 ** -11)) === 2 ** -24;
}
