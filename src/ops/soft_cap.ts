/**
 * A logit, softly capped, as the kernels that include `soft_cap.wgsl` do it: softcap · tanh(x / softcap)
 * (Gemma Team 2024, arXiv 2408.00118, section 2); x itself where the cap is 0.
 */
export function softCapped(x: number, softcap: number): number {
  return softcap === 0 ? x : softcap * Math.tanh(x / softcap);
}
