import { AssayError } from "../error.ts";
import { selectChatTemplate } from "./chat_template.ts";

/** Whatever can read the text files of a checkpoint by name; a `Checkpoint` is one. */
export interface TextFiles {
  /** What to call the checkpoint in messages. */
  readonly name: string;
  /** The file's text, or undefined when there is no such file. */
  readText(file: string): Promise<string | undefined>;
}

/** The parsed files that say how a checkpoint turns conversations into tokens. */
export interface TokenizerFiles {
  /** `tokenizer.json`. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json`, over `special_tokens_map.json` where the first lacks a name. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether there is no `tokenizer_config.json`, which is where special tokens are named. */
  readonly lacksConfig?: boolean | undefined;
}

/** The same with a chat template. */
export interface ChatFiles extends TokenizerFiles {
  /** Source of the chat template, and the file it stands in. */
  readonly template: { readonly source: string; readonly origin: string };
}

/** What a tokenizer was saved as before `tokenizer.json`: words or merges as text, SentencePiece's. */
const olderFiles = ["vocab.txt", "vocab.json", "spm.model", "spiece.model", "tokenizer.model"];

/**
 * Reads `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`.
 *
 * @param files The checkpoint's text files.
 * @returns The parsed files.
 * @throws {AssayError} `text/missing-tokenizer`, `text/bad-tokenizer`.
 */
export async function readTokenizerFiles(files: TextFiles): Promise<TokenizerFiles> {
  const tokenizer = await readJson(files, "tokenizer.json");
  if (tokenizer === undefined) {
    const older = await olderFile(files);
    throw new AssayError(
      "text/missing-tokenizer",
      `Cannot tokenize for ${files.name}: expected a tokenizer.json beside the weights, found ` +
        `${older ?? "none"}; AutoTokenizer.from_pretrained(…).save_pretrained(…) of transformers ` +
        `${older === undefined ? "writes one" : `makes one of the ${older}`}`,
    );
  }
  const own = await readJson(files, "tokenizer_config.json");
  const config = {
    ...await readJson(files, "special_tokens_map.json"),
    ...withoutNulls(own ?? {}),
  };
  return { tokenizer, config, lacksConfig: own === undefined };
}

/** The first file there is of those that an older tokenizer was saved as. */
async function olderFile(files: TextFiles): Promise<string | undefined> {
  for (const file of olderFiles) {
    try {
      if (await files.readText(file) !== undefined) return file;
    } catch {
      return file; // It is there, and no text.
    }
  }
  return undefined;
}

/**
 * Reads the chat template: `chat_template.jinja` if there is one, as in `transformers`, else the
 * `chat_template` entry of `tokenizer_config.json`.
 *
 * @param files The checkpoint's text files.
 * @param read What was read of them before.
 * @returns Its source and the file it stands in.
 * @throws {AssayError} `text/no-chat-template`, `text/bad-chat-template`.
 */
export async function readTemplate(
  files: TextFiles,
  read: TokenizerFiles,
): Promise<ChatFiles["template"]> {
  const template = await findTemplate(files, read);
  if (template !== undefined) return template;
  throw new AssayError(
    "text/no-chat-template",
    `Cannot render conversations for ${files.name}: expected a chat_template.jinja or a ` +
      `chat_template in tokenizer_config.json, found neither${
        read.lacksConfig ? ", and no tokenizer_config.json at all" : ""
      }; add the template the model was trained with`,
  );
}

/** The chat template, or undefined where the checkpoint has none. */
export async function findTemplate(
  files: TextFiles,
  { config }: TokenizerFiles,
): Promise<ChatFiles["template"] | undefined> {
  const file = await files.readText("chat_template.jinja");
  if (file !== undefined) {
    return { source: file, origin: `chat_template.jinja of ${files.name}` };
  }
  const origin = `chat_template in tokenizer_config.json of ${files.name}`;
  const source = selectChatTemplate(config["chat_template"], origin);
  return source === undefined ? undefined : { source, origin };
}

async function readJson(
  files: TextFiles,
  file: string,
): Promise<Record<string, unknown> | undefined> {
  const text = await files.readText(file);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith("\uFEFF") ? text.slice(1) : text);
  } catch (cause) {
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot read ${file} of ${files.name}: expected JSON, found ${(cause as Error).message}`,
      { cause },
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AssayError(
      "text/bad-tokenizer",
      `Cannot read ${file} of ${files.name}: expected a JSON object, found ${
        JSON.stringify(value).slice(0, 60)
      }`,
    );
  }
  return value as Record<string, unknown>;
}

function withoutNulls(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
