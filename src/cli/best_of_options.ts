import { Option } from "commander";
import { AssayError } from "../error.ts";
import { countArgument } from "./arguments.ts";

/** The flags of best-of-n curves. */
export interface BestOfFlags {
  readonly quality?: string | undefined;
  readonly bestOf?: number | undefined;
}

/** `--best-of`: where the curves end. */
export function bestOfOption(): Option {
  return new Option(
    "--best-of <n>",
    "with --quality: largest n; rows with fewer candidates are left out of the curves (default: as " +
      "many as every row has)",
  ).argParser(countArgument);
}

/**
 * The largest n that the flags ask for.
 *
 * @throws {AssayError} `cli/usage` without `--quality`.
 */
export function largestOf({ quality, bestOf }: BestOfFlags): number | undefined {
  if (bestOf === undefined || quality !== undefined) return bestOf;
  throw new AssayError("cli/usage", "Cannot draw curves of quality: --best-of needs --quality");
}
