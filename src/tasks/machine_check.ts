/** One thing that `assay doctor` looked at. */
export interface Check {
  /**
   * What was looked at: `runtime`, `adapter`, `limit …`, `kernels`, `kernel …`, `tiles`, `engine`,
   * `wasm kernel …`, `auto`, `speed of …`.
   */
  readonly check: string;
  /** Whether it is as it should be. */
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** What to do about it, where it is not as it should be, or could be better. */
  readonly advice?: string | undefined;
}
