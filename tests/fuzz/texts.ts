import type { Conversation } from "../../src/text/conversation.ts";
import { mutateText } from "./mutations.ts";
import type { Random } from "./random.ts";

/** A tokenizer's files, as a model has them. */
export interface ModelTexts {
  readonly name: string;
  readonly tokenizer: unknown;
  readonly config: Readonly<Record<string, unknown>>;
  /** The chat template. */
  readonly template: string;
}

const folder = new URL("../golden/", import.meta.url);
const plainTemplate =
  "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}{{ eos_token }}{% endfor %}";
const names = ["text/bert", "text/llama2", "text/llama3", "text/mistral", "text/qwen2"]
  .concat(["parity/armo", "parity/llama", "parity/qwen3"]);

async function textsOf(name: string): Promise<ModelTexts> {
  const read = (file: string) => Deno.readTextFile(new URL(`${name}/${file}`, folder));
  const { chat_template: written, ...config } = JSON.parse(await read("tokenizer_config.json"));
  const template = typeof written === "string"
    ? written
    // BERT's has none.
    : await read("chat_template.jinja").catch(() => plainTemplate);
  return { name, tokenizer: JSON.parse(await read("tokenizer.json")), config, template };
}

/** Real models' layouts, with vocabularies of some hundred tokens. */
export const texts: readonly ModelTexts[] = await Promise.all(names.map(textsOf));

/** Tokenizers of encoders, which read pairs. */
export const pairTexts: readonly ModelTexts[] = await Promise.all(
  ["bert", "roberta", "xlmr", "deberta"].map((kind) => textsOf(`text/pairs/${kind}`)),
);

const conversations: readonly Conversation[] = JSON.parse(
  await Deno.readTextFile(new URL("text/conversations.json", folder)),
);

/** A conversation, altered more often than not. */
export function conversationOf(random: Random): Conversation {
  const conversation = random.pick(conversations);
  if (random.chance(0.4)) return conversation;
  return conversation.map((message) => {
    if (random.chance(0.5)) return message;
    return { ...message, content: mutateText(random, message.content) };
  });
}
