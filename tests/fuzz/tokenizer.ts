import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { PairTokenizer } from "../../src/text/pair_tokenizer.ts";
import { mutateText, mutateValue } from "./mutations.ts";
import { conversationOf, pairTexts, texts } from "./texts.ts";
import type { FuzzTarget } from "./target.ts";

/** `tokenizer.json` and `tokenizer_config.json`, altered, and the tokens of a conversation. */
export const tokenizer: FuzzTarget = {
  name: "tokenizer",
  gateCases: 800,
  draw(random) {
    const isPair = random.chance(0.3);
    const base = random.pick(isPair ? pairTexts : texts);
    let json: unknown = base.tokenizer;
    let config: unknown = base.config;
    for (const _ of random.some(3, () => 0)) {
      if (random.chance(0.75)) json = mutateValue(random, json);
      else config = mutateValue(random, config);
    }
    const whole = JSON.stringify(json);
    const files: Record<string, string | undefined> = {
      // Seldom as text, which JSON refuses most of the time.
      "tokenizer.json": random.chance(0.05) ? mutateText(random, whole) : whole,
      "tokenizer_config.json": JSON.stringify(config),
      "chat_template.jinja": base.template,
    };
    const conversation = conversationOf(random);
    const truncate = random.pick([undefined, "left", "right"] as const);
    return {
      what: base.name,
      input: { files, conversation },
      async run() {
        const source = {
          name: base.name,
          readText: (file: string) => Promise.resolve(files[file]),
        };
        const opened = isPair
          ? await PairTokenizer.open(source, { maxTokens: 64, tokenTypes: 2, truncate })
          : await ChatTokenizer.open(source, { maxTokens: 4096 });
        opened.tokenize(isPair ? asPair(conversation) : conversation);
        return "tokenized";
      },
    };
  },
};

/** Its first text and its last, as a prompt and a response. */
function asPair(conversation: Conversation): Conversation {
  const [first, last] = [conversation.at(0), conversation.at(-1)];
  return [
    { role: "user", content: first?.content ?? "" },
    { role: "assistant", content: last?.content ?? "" },
  ];
}
