/**
 * Text files that a checkpoint may have beside `config.json` and its weights, and that one made of it
 * needs too.
 */
export const textFiles: readonly string[] = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "generation_config.json",
];
