import { AssayError } from "../../error.ts";
import type { Output } from "../output.ts";

/** The rows that a report leaves out. */
export interface LeftOut {
  readonly rows: { readonly read: number; readonly failed: number };
  readonly firstFailure: { readonly code: string; readonly message: string } | null;
}

/**
 * Tells how many rows a report leaves out, and why the first.
 *
 * @throws {AssayError} Where no row is left, why the first one is none.
 */
export async function tellFailures(
  { rows, firstFailure }: LeftOut,
  output: Output,
): Promise<void> {
  if (firstFailure === null) return;
  const { code, message } = firstFailure;
  if (rows.failed === rows.read) {
    throw new AssayError(code, `Cannot probe any of ${rows.read} rows. The first: ${message}`);
  }
  await output.warn(
    `${rows.failed} of ${rows.read} rows are left out. The first: ${message} [${code}]`,
  );
}
