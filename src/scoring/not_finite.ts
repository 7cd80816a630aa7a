import { AssayError } from "../error.ts";

/** The error of a conversation whose numbers are not finite. */
export function notFinite(found: string): AssayError {
  return new AssayError(
    "scoring/not-finite",
    `Cannot score this conversation: expected finite numbers, but ${found}; a weight of the ` +
      "checkpoint is likely NaN or infinite",
  );
}
