import { ChatTokenizer, type ChatTokenizerOptions, type Conversation } from "../../src/text/mod.ts";
import type { TextFiles } from "../../src/text/tokenizer_files.ts";

const folder = new URL("../golden/text/", import.meta.url);

/** The small tokenizers under tests/golden/text; make_golden.py there says what each is like. */
export const families = ["llama3", "qwen2", "llama2", "mistral", "bert"] as const;
export type Family = typeof families[number];

/** What `transformers` made of one conversation, see make_golden.py. */
export interface GoldenCase {
  readonly ids?: readonly number[];
  readonly rendered?: readonly [byteLength: number, crc32: number];
  readonly plain?: readonly number[];
  readonly error?: string;
}

export interface Golden {
  readonly special: readonly string[];
  readonly cases: readonly GoldenCase[];
}

export function readGolden(family: Family): Golden {
  return JSON.parse(Deno.readTextFileSync(new URL(`${family}/golden.json`, folder)));
}

/** The conversations of conversations.json with the tokenizer's special tokens filled in. */
export function goldenConversations(special: readonly string[]): Conversation[] {
  const text = Deno.readTextFileSync(new URL("conversations.json", folder));
  const conversations = JSON.parse(text) as Conversation[];
  const fill = (content: string) =>
    content.replace(/«(\d)»/g, (_, digit) => special[Number(digit) % special.length]!);
  return conversations.map((messages) =>
    messages.map(({ role, content }) => ({ role, content: fill(content) }))
  );
}

/** A golden tokenizer's files, some of them replaced, or removed by `undefined`. */
export function goldenFiles(
  family: Family,
  replaced: Readonly<Record<string, string | undefined>> = {},
): TextFiles {
  return {
    name: family,
    readText: (file) => Promise.resolve(file in replaced ? replaced[file] : readText(family, file)),
  };
}

function readText(family: Family, file: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(`${family}/${file}`, folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The tokenizer of a family's files, some of them replaced. */
export function openGolden(
  family: Family,
  options: Partial<ChatTokenizerOptions> = {},
  replaced: Readonly<Record<string, string | undefined>> = {},
): Promise<ChatTokenizer> {
  return ChatTokenizer.open(goldenFiles(family, replaced), { maxTokens: 4096, ...options });
}
