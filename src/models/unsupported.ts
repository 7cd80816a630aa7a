import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";

/** The error of a head that can't be turned by rope, which turns its numbers in pairs. */
export function oddHeadDim(reader: ConfigReader, found: number): AssayError {
  return new AssayError(
    "models/unsupported-config",
    `Cannot score with ${reader.name}: expected "head_dim" to be an even number, found ${found}; ` +
      "rope turns a head's numbers in pairs",
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
