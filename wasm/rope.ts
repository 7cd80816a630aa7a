/**
 * rope: rotary position embedding, halves apart. For each head and i below turned / 2, with c and s the
 * cosine and sine of the row's angle i:
 *
 *     y[i] = x[i] · c − x[i + turned/2] · s,   y[i + turned/2] = x[i + turned/2] · c + x[i] · s
 *
 * What a head has beyond `turned` numbers goes through.
 */
import { ROPE } from "./kinds";
import { rowParts, rowsTogether } from "./row_parts";
import { describe, operand, setOperand, share } from "./team";

/**
 * @param columns heads · headDim
 * @param angles [rows, turned]: cosines, then sines.
 * @param turned A multiple of 8.
 */
export function rope(
  input: u32,
  rows: u32,
  columns: u32,
  angles: u32,
  turned: u32,
  headDim: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, rows);
  setOperand<u32>(2, columns);
  setOperand<u32>(3, angles);
  setOperand<u32>(4, turned);
  setOperand<u32>(5, headDim);
  setOperand<u32>(6, output);
  share(ROPE, rowParts(rows, columns));
}

export function ropePart(part: u32): void {
  const columns = operand<u32>(2);
  const together = rowsTogether(columns);
  const end = min<u32>((part + 1) * together, operand<u32>(1));
  const turned = operand<u32>(4);
  const headDim = operand<u32>(5);
  const half: u32 = 2 * turned; // bytes
  for (let row = part * together; row < end; row++) {
    const cosines = operand<u32>(3) + 4 * row * turned;
    for (let head: u32 = 0; head < columns; head += headDim) {
      const input = operand<u32>(0) + 4 * (row * columns + head);
      const output = operand<u32>(6) + 4 * (row * columns + head);
      for (let at: u32 = 0; at < half; at += 16) {
        const x = v128.load(input + at), y = v128.load(input + at + half);
        const c = v128.load(cosines + at), s = v128.load(cosines + at + half);
        v128.store(output + at, f32x4.sub(f32x4.mul(x, c), f32x4.mul(y, s)));
        v128.store(output + at + half, f32x4.add(f32x4.mul(y, c), f32x4.mul(x, s)));
      }
      const passed = 4 * (headDim - turned);
      if (passed > 0) memory.copy(output + 4 * turned, input + 4 * turned, passed);
    }
  }
}
