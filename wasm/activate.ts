/** activate: output = activation(input), number by number. */
import { activated } from "./activation";
import { ACTIVATE } from "./kinds";
import { describe, operand, setOperand, share } from "./team";
import { loadFirst, nanWhereOverflown, storeFirst } from "./vector";

const TOGETHER: u32 = 4096;

/** @param count Numbers. */
export function activate(input: u32, count: u32, activation: u32, output: u32): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, count);
  setOperand<u32>(2, activation);
  setOperand<u32>(3, output);
  share(ACTIVATE, (count + TOGETHER - 1) / TOGETHER);
}

export function activatePart(part: u32): void {
  const activation = operand<u32>(2);
  const end = min<u32>((part + 1) * TOGETHER, operand<u32>(1));
  for (let i = part * TOGETHER; i < end; i += 4) {
    const x = nanWhereOverflown(loadFirst(operand<u32>(0) + 4 * i, end - i));
    storeFirst(operand<u32>(3) + 4 * i, activated(activation, x), end - i);
  }
}
