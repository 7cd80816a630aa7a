/**
 * In what numbers the operands of products are multiplied; sums are f32 in both. `f16` rounds operands to
 * half precision, and the product of two such numbers is exact.
 */
export type Precision = "f32" | "f16";
