import { tanh } from "./activation";
import { all } from "./vector";

/** softcap · tanh(x / softcap), and x where the cap is 0 (Gemma Team 2024, arXiv 2408.00118, section 2). */
// @ts-ignore: decorator
@inline
export function softCapped(x: v128, softcap: f32): v128 {
  if (softcap == 0) return x;
  return f32x4.mul(all(softcap), tanh(f32x4.div(x, all(softcap))));
}
