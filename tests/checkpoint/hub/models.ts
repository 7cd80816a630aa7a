import assert from "node:assert/strict";
import { AssayError } from "../../../src/error.ts";
import type { HubOptions } from "../../../src/checkpoint/hub/hub_settings.ts";
import { type HubFiles, HubServer } from "./hub_server.ts";

/** A tiny reward model's files, and some that scoring does not read. */
export async function tinyModel(): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const folder = "tests/golden/parity/llama";
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];
  for (const name of [...names, "model.safetensors"]) {
    files[name] = await Deno.readFile(`${folder}/${name}`);
  }
  for (const other of ["README.md", "pytorch_model.bin", "onnx/model.onnx", "golden.safetensors"]) {
    files[other] = new TextEncoder().encode(other);
  }
  return files;
}

/** What of {@linkcode tinyModel} is downloaded. */
export const wantedOfTiny: readonly string[] = [
  "chat_template.jinja",
  "config.json",
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
];

/** What a test gets: the hub, and options that lead to it and to a cache of its own. */
export interface HubTest {
  readonly hub: HubServer;
  readonly cache: string;
  readonly options: HubOptions;
  readonly warnings: string[];
}

/** Runs a test with a hub on this machine and an empty cache. */
export async function withHub(
  test: (given: HubTest) => Promise<void>,
  files?: HubFiles,
): Promise<void> {
  await using hub = new HubServer(files ?? await tinyModel());
  const cache = await Deno.makeTempDir();
  const warnings: string[] = [];
  const onWarning = (message: string): void => void warnings.push(message);
  const options = { endpoint: hub.endpoint, cache, backoff: 1, offline: false, onWarning };
  try {
    await test({ hub, cache, options, warnings });
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

/** Holds that something is refused with a code, in words. */
export async function refused(
  work: Promise<unknown>,
  code: string,
  words: RegExp = /./,
): Promise<AssayError> {
  const error = await work.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof AssayError, `expected ${code}, found ${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  return error;
}

/** Names of the files below a folder. */
export async function filesBelow(folder: string, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) names.push(...await filesBelow(`${folder}/${name}`, `${prefix}${name}/`));
    else names.push(prefix + name);
  }
  return names.sort();
}
