/**
 * The one error class of Assay.
 *
 * `code` is stable and made for programs (`room/what-happened`); `message` is made for a person and
 * says what was expected, what was found, where, and what to do.
 *
 * @example
 * ```ts
 * import { AssayError } from "@assay/assay";
 * import assert from "node:assert/strict";
 *
 * const error = new AssayError("data/bad-row", "Cannot read row 3: expected an object, found a list");
 * assert.equal(error.code, "data/bad-row");
 * ```
 */
export class AssayError extends Error {
  /** `AssayError`. */
  override readonly name = "AssayError";
  /** Stable identifier, `room/what-happened`, for example `checkpoint/missing-tensor`. */
  readonly code: string;

  /**
   * Makes an error.
   *
   * @param code Stable identifier, `room/what-happened`.
   * @param message What was expected, what was found, where, and what to do.
   * @param options The underlying error, as `cause`.
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The form that output rows carry: `{ code, message }`. */
  toJSON(): { code: string; message: string } {
    return { code: this.code, message: this.message };
  }
}
