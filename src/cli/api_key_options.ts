import { AssayError } from "../error.ts";
import { readTextFile } from "../tasks/text_file.ts";

/** The flags that name the key of a server. */
export interface ApiKeyFlags {
  readonly apiKey?: string | undefined;
  readonly apiKeyFile?: string | undefined;
}

/** The key, from the flag or from the file; blanks around it do not count. */
export async function apiKeyOf(
  { apiKey, apiKeyFile }: ApiKeyFlags,
): Promise<string | undefined> {
  if (apiKey !== undefined && apiKeyFile !== undefined) {
    throw new AssayError("cli/usage", "Cannot take two keys: give --api-key or --api-key-file");
  }
  const key = (apiKeyFile === undefined ? apiKey : await readTextFile(apiKeyFile))?.trim();
  if (key === "") {
    throw new AssayError("cli/usage", "Cannot take an empty key: expected some text, found none");
  }
  return key;
}
