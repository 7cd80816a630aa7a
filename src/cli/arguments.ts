import { readFileSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";
import { rowFormats } from "../data/rows.ts";

const units: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
};

/**
 * A number of bytes as people write it: `6GiB`, `512MiB`, `4e9`, `1.5GB`.
 *
 * @throws {InvalidArgumentError} Where the text is no size.
 */
export function sizeArgument(text: string): number {
  const match = /^(\d+(?:\.\d+)?(?:e\d+)?)\s*([kmg]i?|)b?$/i.exec(text.trim());
  const bytes = match === null ? NaN : Number(match[1]) * units[match[2]!.toLowerCase()]!;
  if (!(bytes >= 1)) throw new InvalidArgumentError("Expected a size such as 6GiB or 512MiB.");
  return Math.floor(bytes);
}

/**
 * A whole number of at least 1.
 *
 * @throws {InvalidArgumentError} Where the text is none.
 */
export function countArgument(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError("Expected a whole number of at least 1.");
  }
  return count;
}

/** `--input-format`: for inputs whose name does not tell their format (standard input, mostly). */
export function inputFormatOption(): Option {
  return new Option(
    "--input-format <format>",
    "format of INPUT (default: what its name tells, else jsonl)",
  ).choices(rowFormats);
}

/** `--delimiter`: what stands between the fields of a CSV input. */
export function delimiterOption(): Option {
  return new Option(
    "--delimiter <character>",
    "what separates the fields of CSV: a character, or tab (default: a comma; a tab in .tsv)",
  ).argParser(delimiterArgument);
}

function delimiterArgument(text: string): string {
  const delimiter = text === "tab" || text === "\\t" ? "\t" : text;
  if ([...delimiter].length === 1 && !/["\r\n]/.test(delimiter)) return delimiter;
  throw new InvalidArgumentError("Expected one character that is no quote or line end, or tab.");
}

/** `--output`: a file in place of standard output. */
export function outputFileOption(): Option {
  return new Option(
    "--output <file>",
    "write rows to a file: .jsonl, .csv, .tsv or .parquet, also .gz",
  );
}

/** `--format`: how rows look on standard output. */
export function formatOption(): Option {
  return new Option("--format <format>", "rows on standard output: JSON Lines or a table")
    .choices(["jsonl", "table"]).default("jsonl");
}

/** `--webgpu`: another implementation than the runtime's own. */
export function webGpuOption(): Option {
  return new Option(
    "--webgpu <implementation>",
    "compute on the GPU by Dawn, from npm, in place of the runtime's own WebGPU; needs --allow-ffi",
  ).choices(["dawn"]);
}

/** `--format` of commands that report to people: a table at a terminal, JSON Lines in a pipe. */
export function reportFormatOption(): Option {
  return new Option(
    "--format <format>",
    "JSON Lines or text for people (default: text at a terminal)",
  )
    .choices(["jsonl", "table"]);
}

/** `--chat-template`: the file's text. */
export function templateOption(): Option {
  return new Option("--chat-template <file>", "a chat template in place of the model's own")
    .argParser(templateArgument);
}

function templateArgument(path: string): string {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (error) {
    throw new InvalidArgumentError(`Cannot read it: ${(error as Error).message}`);
  }
  if (source === "") throw new InvalidArgumentError("Expected a template, found an empty file.");
  return source;
}
