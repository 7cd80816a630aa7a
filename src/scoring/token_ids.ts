/** The tokens that config.json and the tokenizer both name. */
const names = ["bos", "eos", "pad"];

/**
 * Holds the special tokens of `config.json` against those of the tokenizer.
 *
 * @param config `config.json`, unchecked.
 * @param namedIds The tokenizer's: `bos_token`, `eos_token`, …
 * @returns What to tell people; nothing where they agree, or only one side names a token.
 */
export function tokenIdWarnings(
  config: Readonly<Record<string, unknown>>,
  namedIds: ReadonlyMap<string, number>,
): readonly string[] {
  const apart = names.flatMap((name) => {
    const own = config[`${name}_token_id`] ?? undefined;
    const id = namedIds.get(`${name}_token`);
    const all = Array.isArray(own) ? own : [own];
    if (own === undefined || id === undefined || all.includes(id)) return [];
    return [`${name}_token_id is ${JSON.stringify(own)}, the tokenizer's ${name}_token is ${id}`];
  });
  if (apart.length === 0) return [];
  return [
    `config.json and the tokenizer name different tokens: ${apart.join("; ")}. The chat template ` +
    "writes the tokenizer's",
  ];
}
