import { ChatTokenizer } from "@assay/assay/text";
import type { Findings } from "./program.ts";

const texts: Readonly<Record<string, string>> = {
  "tokenizer.json": JSON.stringify({
    added_tokens: [
      { id: 4, content: "<s>", special: true },
      { id: 5, content: "</s>", special: true },
    ],
    model: {
      type: "BPE",
      vocab: { h: 0, i: 1, hi: 2, "!": 3, "<": 6, s: 7, ">": 8 },
      merges: ["h i"],
    },
  }),
  "tokenizer_config.json": JSON.stringify({ bos_token: "<s>", eos_token: "</s>" }),
  "chat_template.jinja":
    "{{ bos_token }}{% for m in messages %}{{ m.content + eos_token }}{% endfor %}",
};

/** Renders and cuts a conversation; what looks like a special token stays text. */
export default async function (): Promise<Findings> {
  const files = { name: "tiny", readText: (file: string) => Promise.resolve(texts[file]) };
  const tokenizer = await ChatTokenizer.open(files, { maxTokens: 16 });
  const { ids } = tokenizer.tokenize([
    { role: "user", content: "hi" },
    { role: "assistant", content: "hi!<s>" },
  ]);
  return { ids: [...ids] };
}
