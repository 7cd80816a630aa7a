import { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import type { Read, Reads } from "../heads/reads.ts";
import { familyOf } from "../models/families.ts";
import type { ModelFacts } from "../models/family.ts";

/**
 * What a head that reads the last token reads: the true last one, or, as transformers' classes do, the
 * last that is not the config's pad token. The two differ where a sequence ends with the pad token, as
 * where pad and end of turn are one.
 */
export type Pooling = "last" | "last-not-pad";

/**
 * The reads of a head under a choice of pooling.
 *
 * @throws {AssayError} `checkpoint/bad-config`, `scoring/bad-option` where no last token is read.
 */
export function pooledReads(reads: Reads, facts: ModelFacts, pooling: Pooling = "last"): Reads {
  if (pooling === "last") return reads;
  if (!Object.values(reads).some(({ at }) => at === "last")) {
    throw new AssayError(
      "scoring/bad-option",
      `Cannot load ${facts.name}: expected a head that reads the last token, since the pooling ` +
        `"${pooling}" was asked for, found one that reads other tokens; leave --pooling out`,
    );
  }
  const id = padToken(facts);
  if (id === undefined) return reads;
  const pooled = Object.entries(reads).map(([name, read]): [string, Read] => [
    name,
    read.at === "last" ? { at: "last-not", id } : read,
  ]);
  return Object.fromEntries(pooled);
}

/**
 * The pad token of `config.json`, or of the family's class where the config has no such key; `null` there
 * means none. transformers pools by it, not by the tokenizer's.
 */
export function padToken(facts: Pick<ModelFacts, "name" | "config">): number | undefined {
  const { name, config } = facts;
  const whole = new ConfigReader(config, `${name}/config.json`);
  const reader = whole.section("text_config") ?? whole;
  if (!Object.hasOwn(reader.config, "pad_token_id")) return familyOf(facts).padToken;
  const id = reader.value("pad_token_id");
  if (id === undefined) return undefined;
  if (Number.isSafeInteger(id)) return id as number; // some have -1, which is no token
  throw reader.unexpected("pad_token_id", "a token id", id);
}

/**
 * Tells, once, of a last token that is the pad token: transformers would have pooled the one before.
 *
 * @param reads What is read of a conversation.
 * @returns Looks at a conversation's tokens.
 */
export function watchPad(
  reads: Reads,
  facts: Pick<ModelFacts, "name" | "config">,
  warn: (message: string) => void,
): (ids: Uint32Array) => void {
  const pad = padToken(facts);
  let isTold = pad === undefined || !Object.values(reads).some(({ at }) => at === "last");
  return (ids) => {
    if (isTold || ids.at(-1) !== pad) return;
    isTold = true;
    warn(
      `the last token of a conversation is ${pad}, the pad_token_id of ${facts.name}/config.json: Assay ` +
        "reads the state of that last token, while transformers reads the last one that is no pad " +
        "token; --pooling last-not-pad does so too, for models that were trained that way",
    );
  };
}
