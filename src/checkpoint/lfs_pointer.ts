import { AssayError } from "../error.ts";

/** What Git leaves in a checkout in place of a large file begins so. */
const pointerStart = "version https://git-lfs";

/**
 * Refuses a text that is a Git LFS pointer, not the file it stands for.
 *
 * @param name The file, as messages say it.
 * @throws {AssayError} `checkpoint/lfs-pointer`.
 */
export function refuseLfsPointer(text: string, name: string): void {
  if (!text.startsWith(pointerStart)) return;
  throw new AssayError(
    "checkpoint/lfs-pointer",
    `Cannot read ${name}: expected the file itself, found a Git LFS pointer to it; fetch it with ` +
      '"git lfs pull"',
  );
}
