import type { TensorInfo } from "./tensor.ts";

/**
 * Prefixes that classes of published models give a backbone of transformers, which there is `model.`: the
 * rest of each name is the same. Starling-RM's class calls it `transformer.`; a backbone that was saved by
 * itself, as LDL-Reward's, has none.
 */
const otherPrefixes: readonly string[] = ["transformer.", ""];
const usualPrefix = "model.";

/** What such a backbone's names begin with, after the prefix. */
const own = /^(embed_tokens|layers|norm)\./;

/** Tensors of such a backbone that show, all of them together, that nothing but the prefix is different. */
const telling: readonly RegExp[] = [
  /^embed_tokens\.weight$/,
  /^norm\.weight$/,
  /^layers\.0\.self_attn\.[a-z_]+\.weight$/,
  /^layers\.0\.input_layernorm\.weight$/,
];

/** Tensors by the names that transformers gives them, and the name that each has in its file. */
export interface NamedTensors {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly stored: ReadonlyMap<string, string>;
}

/**
 * Gives a backbone's tensors the names of transformers' own class, where they have another prefix and are
 * certain to be the same. Others stay as they are: their family knows them, or refuses them by name.
 */
export function ownNames(tensors: ReadonlyMap<string, TensorInfo>): NamedTensors {
  const names = [...tensors.keys()];
  const prefix = names.some((name) => name.startsWith(usualPrefix))
    ? undefined
    : otherPrefixes.find((prefix) => {
      const bare = names.filter((name) => name.startsWith(prefix)).map((name) =>
        name.slice(prefix.length)
      );
      return telling.every((pattern) => bare.some((name) => pattern.test(name)));
    });
  if (prefix === undefined) return { tensors, stored: new Map() };
  const stored = new Map<string, string>();
  const renamed = [...tensors].map(([name, info]): [string, TensorInfo] => {
    const bare = name.slice(prefix.length);
    if (!name.startsWith(prefix) || !own.test(bare)) return [name, info];
    const usual = `${usualPrefix}${bare}`;
    stored.set(usual, name);
    return [usual, { ...info, name: usual }];
  });
  return { tensors: new Map(renamed), stored };
}
