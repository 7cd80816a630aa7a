import { AssayError } from "../error.ts";
import type { AddedToken } from "./added_tokens.ts";
import { byteCharacters } from "./pre_tokenizer.ts";
import type { Conversation } from "./conversation.ts";
import type { Fields } from "./tokenizer_fields.ts";

/** What is known of a checkpoint's tokens, to be held against itself. */
export interface TokenFacts {
  readonly tokenizer: Fields;
  readonly config: Fields;
  /** Ids of the model's own vocabulary. */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly added: readonly AddedToken[];
  /** Text of each special token that the checkpoint names, by its name: `bos_token`, … */
  readonly named: Readonly<Record<string, string>>;
  /** The chat template's source. */
  readonly template: string;
  /** Whether there is no `tokenizer_config.json`. */
  readonly lacksConfig?: boolean | undefined;
}

/** Bytes that UTF-8 never has. */
const impossibleBytes = [
  0xc0,
  0xc1,
  0xf5,
  0xf6,
  0xf7,
  0xf8,
  0xf9,
  0xfa,
  0xfb,
  0xfc,
  0xfd,
  0xfe,
  0xff,
];
/** What control tokens look like in a rendered text. */
const marker = /<\|[^|<>\s]{1,60}\|>|<\/?s>|<(?:bos|eos|pad)>|<(?:start|end)_of_turn>/g;
const tokenVariable = /\b(bos|eos|unk|sep|pad|cls|mask)_token\b/g;

/**
 * Holds the files of a tokenizer against each other.
 *
 * @returns What is odd, though the tokens are those of transformers; for people.
 * @throws {AssayError} `text/bad-tokenizer` where two tokens have one id, or one token two;
 *   `text/missing-special-token` where the template or the tokenizer writes a token that there is not.
 */
export function checkTokens(facts: TokenFacts): readonly string[] {
  checkIds(facts);
  checkNamed(facts);
  return [
    ...(facts.lacksConfig ? [noTokenizerConfig] : []),
    ...undefinedVariables(facts),
    ...absentTokens(facts),
    ...otherIds(facts),
    ...droppedCharacters(facts),
  ];
}

const noTokenizerConfig =
  "there is no tokenizer_config.json, which names the special tokens and says " +
  "whether a sequence begins with one: the tokens may be others than those of training";

/**
 * Control tokens that a template writes and the vocabulary lacks, so that they are cut like any text.
 *
 * @param render Renders a conversation; may throw what the template throws.
 * @returns What to tell people of them.
 */
export function oddMarkers(
  render: (conversation: Conversation) => string,
  { vocabulary, added }: Pick<TokenFacts, "vocabulary" | "added">,
): readonly string[] {
  let rendered: string;
  try {
    rendered = render([{ role: "user", content: "Hello" }, { role: "assistant", content: "Yes" }]);
  } catch {
    return []; // It does not take such a conversation.
  }
  const known = new Set(added.map(({ content }) => content));
  const found = new Set(rendered.match(marker) ?? []);
  const unknown = [...found].filter((text) => !known.has(text) && !vocabulary.has(text));
  if (unknown.length === 0) return [];
  return [
    `the chat template writes ${
      unknown.join(", ")
    }, which the vocabulary does not have as tokens: ` +
    "they are cut like any text",
  ];
}

/** Every id is one token's, and every token has one id. */
function checkIds({ tokenizer, config, vocabulary, added }: TokenFacts): void {
  const ids = new Map(added.map(({ content, id }) => [content, id]));
  const listed = [
    ...(tokenizer["added_tokens"] as readonly Fields[] | undefined ?? []).map((entry) =>
      [entry["content"], entry["id"]] as const
    ),
    ...Object.entries(config["added_tokens_decoder"] as Fields | undefined ?? {}).map(
      ([id, entry]) => [(entry as Fields)["content"], Number(id)] as const,
    ),
  ];
  for (const [content, id] of listed) {
    const other = [ids.get(content as string), vocabulary.get(content as string)]
      .find((other) => other !== undefined && other !== id);
    if (other === undefined) continue;
    throw contradiction(`one id for ${JSON.stringify(content)}`, `${id} and ${other}`);
  }
  const owners = new Map<number, string>();
  for (const [content, id] of [...vocabulary, ...ids]) {
    const owner = owners.get(id);
    // Two strings of the vocabulary may share an id: transformers encodes both. An added token may not.
    if (owner !== undefined && owner !== content && ids.has(content)) {
      const both = `${JSON.stringify(owner)} and ${JSON.stringify(content)}`;
      throw contradiction(`one token with the id ${id}`, both);
    }
    owners.set(id, content);
  }
}

function contradiction(expected: string, found: string): AssayError {
  return new AssayError(
    "text/bad-tokenizer",
    `Cannot use the tokenizer: expected ${expected} in tokenizer.json and tokenizer_config.json, ` +
      `found ${found}; take the files of the model that was trained`,
  );
}

/** A token that is written must be there: spelt out, it would be other tokens in silence. */
function checkNamed({ config, vocabulary, added, named, template }: TokenFacts): void {
  const known = new Set(added.map(({ content }) => content));
  for (const [name, content] of Object.entries(named)) {
    if (known.has(content) || vocabulary.has(content)) continue;
    const isWritten = new RegExp(`\\b${name}\\b`).test(template) || template.includes(content) ||
      (name === "bos_token" && config["add_bos_token"] === true);
    if (!isWritten) continue;
    throw new AssayError(
      "text/missing-special-token",
      `Cannot use the tokenizer: expected the ${name} ${JSON.stringify(content)} that ` +
        "tokenizer_config.json names and the chat template writes in the vocabulary of " +
        "tokenizer.json, found no such token; take the files of the model that was trained",
    );
  }
}

/** Tokens that are named and not there, though nothing writes them. */
function absentTokens({ vocabulary, added, named }: TokenFacts): readonly string[] {
  const known = new Set(added.map(({ content }) => content));
  return Object.entries(named)
    .filter(([, content]) => !known.has(content) && !vocabulary.has(content))
    .map(([name, content]) =>
      `tokenizer_config.json names the ${name} ${
        JSON.stringify(content)
      }, which the vocabulary lacks`
    );
}

function undefinedVariables({ named, template }: TokenFacts): readonly string[] {
  const used = new Set(Array.from(template.matchAll(tokenVariable), ([name]) => name));
  const missing = [...used].filter((name) => named[name] === undefined);
  if (missing.length === 0) return [];
  return [
    `the chat template writes ${missing.join(", ")}, which neither tokenizer_config.json nor ` +
    "special_tokens_map.json names: nothing is put there",
  ];
}

/**
 * Ids that transformers would not take from the file: it counts added tokens on from the vocabulary's
 * size, in their order. Two entries of the vocabulary with one id make that size another.
 */
function otherIds({ tokenizer, vocabulary }: TokenFacts): readonly string[] {
  let next = vocabulary.size;
  for (const entry of tokenizer["added_tokens"] as readonly Fields[] | undefined ?? []) {
    const content = entry["content"] as string;
    if (vocabulary.has(content)) continue;
    if (entry["id"] !== next) {
      return [
        `tokenizer.json gives ${JSON.stringify(content)} the id ${
          entry["id"]
        }, where transformers ` +
        `would count on to ${next}: its ids do not follow the vocabulary's ${vocabulary.size} entries`,
      ];
    }
    next++;
  }
  return [];
}

function droppedCharacters({ tokenizer, vocabulary }: TokenFacts): readonly string[] {
  const model = tokenizer["model"] as Fields;
  const isBpe = model["type"] === "BPE" || (model["type"] === undefined && "merges" in model);
  if (!isBpe || typeof model["unk_token"] === "string") return [];
  const fallsBack = model["byte_fallback"] === true;
  const lacking = byteCharacters.flatMap((character, byte) => {
    const token = fallsBack ? `<0x${hexadecimal(byte).toUpperCase()}>` : character;
    return vocabulary.has(token) || impossibleBytes.includes(byte) ? [] : [byte];
  });
  if (lacking.length === 0) return [];
  const isByteLevel = JSON.stringify(tokenizer["pre_tokenizer"] ?? null).includes('"ByteLevel"');
  if (!isByteLevel && !fallsBack) {
    return [
      "the tokenizer has no unknown token: characters that its vocabulary lacks are dropped in silence",
    ];
  }
  const shown = lacking.slice(0, 8).map((byte) => `0x${hexadecimal(byte)}`);
  return [
    `the vocabulary lacks ${lacking.length} of the bytes that text is made of ` +
    `(${shown.join(", ")}${lacking.length > 8 ? ", …" : ""}): they are dropped in silence`,
  ];
}

function hexadecimal(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
