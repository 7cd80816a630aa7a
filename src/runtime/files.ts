/**
 * The runtime's files: Deno's own functions, or the same by `node:fs`, which Node and Bun have. No file
 * is touched, and nothing is looked for, before a function is called: a browser loads this too.
 *
 * @module
 */
import type { Files } from "./file_types.ts";
import { nodeFiles } from "./node_files.ts";

/** The files of the runtime that this is. */
export const files: Files = (globalThis as { Deno?: Files }).Deno ?? nodeFiles;
