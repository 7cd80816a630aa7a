import { AssayError } from "../error.ts";

/**
 * The error of a conversation whose numbers are not finite.
 *
 * @param computed.precision In what numbers products multiplied.
 */
export function notFinite(
  found: string,
  { precision }: { readonly precision?: "f16" | "f32" | undefined } = {},
): AssayError {
  const reason = precision === "f16"
    ? "a weight or an activation is likely over 65504, the largest number of the precision f16: " +
      "score it in f32 (without --precision f16)"
    : "a weight of the checkpoint is likely NaN or infinite";
  return new AssayError(
    "scoring/not-finite",
    `Cannot score this conversation: expected finite numbers, but ${found}; ${reason}`,
  );
}
