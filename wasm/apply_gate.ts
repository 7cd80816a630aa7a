/** apply_gate: gate = activation(gate) · input, number by number, in place. */
import { activated } from "./activation";
import { APPLY_GATE } from "./kinds";
import { describe, operand, setOperand, share } from "./team";
import { nanWhereOverflown } from "./vector";

const TOGETHER: u32 = 4096;

/** @param count Numbers, a multiple of 4. */
export function apply_gate(gate: u32, input: u32, count: u32, activation: u32): void {
  describe();
  setOperand<u32>(0, gate);
  setOperand<u32>(1, input);
  setOperand<u32>(2, count);
  setOperand<u32>(3, activation);
  share(APPLY_GATE, (count + TOGETHER - 1) / TOGETHER);
}

export function applyGatePart(part: u32): void {
  const activation = operand<u32>(3);
  const end = min<u32>((part + 1) * TOGETHER, operand<u32>(2));
  for (let i = part * TOGETHER; i < end; i += 4) {
    const gate = operand<u32>(0) + 4 * i;
    const value = activated(activation, nanWhereOverflown(v128.load(gate)));
    v128.store(gate, f32x4.mul(value, v128.load(operand<u32>(1) + 4 * i)));
  }
}
