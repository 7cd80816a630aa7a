import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";

/** The error of a size that no kernel takes, though the arithmetic would be no other. */
export function unsupportedSize(reader: ConfigReader, key: string, found: number): AssayError {
  return new AssayError(
    "models/unsupported-config",
    `Cannot score with ${reader.name}: expected "${key}" to be a multiple of 8, found ${found}; ` +
      "Assay's kernels read eight numbers at a time, and published models all have such sizes",
  );
}

/** The error of a setting that Assay does not compute with; ignoring it would change scores. */
export function unsupported(
  reader: ConfigReader,
  key: string,
  supported: string,
  found: unknown,
): AssayError {
  return new AssayError(
    "models/unsupported-config",
    `Cannot score with ${reader.name}: "${key}" is ${
      JSON.stringify(found)?.slice(0, 100)
    }, which ` +
      `changes the arithmetic in a way that Assay does not implement; supported: ${supported}`,
  );
}
