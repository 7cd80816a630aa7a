import { AssayError } from "../error.ts";
import type { Fields } from "./tokenizer_fields.ts";

/** One piece of a pair: tokens that the tokenizer puts there, or one of the two texts. */
export type PairPiece =
  | { readonly ids: readonly number[]; readonly type: number }
  | { readonly text: "prompt" | "response"; readonly type: number };

/** How a tokenizer joins two texts, in order: `[CLS] prompt [SEP] response [SEP]`. */
export type PairForm = readonly PairPiece[];

/** Classes of transformers' tokenizers that give their models the type of each token. */
const typedClasses = /^(Bert|Electra|DebertaV2|Deberta|Funnel|Albert|MobileBert)Tokenizer(Fast)?$/;
/** Those that don't, whatever `tokenizer.json` says. */
const untypedClasses =
  /^(Roberta|XLMRoberta|DistilBert|Camembert|MPNet|XLMRobertaXL|Longformer)Tokenizer(Fast)?$/;

/**
 * Reads how a tokenizer joins two texts from the post-processor of `tokenizer.json`, which transformers
 * runs for `tokenizer(prompt, response)`.
 *
 * @param tokenizer `tokenizer.json`.
 * @param name Where it lies, for messages.
 * @throws {AssayError} `text/no-pair-form` where it does not say, `text/bad-tokenizer`.
 */
export function readPairForm(tokenizer: Fields, name: string): PairForm {
  const forms = pairForms(tokenizer["post_processor"] as Fields | null | undefined);
  const [form] = forms;
  if (form !== undefined && forms.length === 1) {
    checkForm(form);
    return form;
  }
  throw new AssayError(
    "text/no-pair-form",
    `Cannot join prompts and responses for ${name}: expected a post_processor in tokenizer.json that ` +
      "says how two texts stand together, as [CLS] and [SEP] between them, found " +
      `${
        forms.length === 0 ? "none" : `${forms.length} of them`
      }; take the tokenizer.json of the ` +
      "model that was trained",
  );
}

/** The forms of all stages of a post-processor. */
function pairForms(processor: Fields | null | undefined): PairForm[] {
  switch (processor?.["type"]) {
    case undefined:
    case "ByteLevel": // offsets only
      return [];
    case "Sequence":
      return (processor!["processors"] as readonly Fields[]).flatMap(pairForms);
    case "BertProcessing":
      return [cutForm(processor!, 1, 1)];
    case "RobertaProcessing":
      return [cutForm(processor!, 2, 0)];
    case "TemplateProcessing":
      return [templateForm(processor!)];
    default:
      throw unknownPart("type", processor!["type"]);
  }
}

/** `cls prompt sep response sep`, with one separator between the texts or two. */
function cutForm(processor: Fields, separators: number, second: number): PairForm {
  const id = (key: string): number => {
    const found = (processor[key] as readonly unknown[] | undefined)?.[1];
    if (isId(found)) return found;
    throw unknownPart(key, processor[key]);
  };
  const [cls, sep] = [id("cls"), id("sep")];
  return [
    { ids: [cls], type: 0 },
    { text: "prompt", type: 0 },
    { ids: new Array<number>(separators).fill(sep), type: 0 },
    { text: "response", type: second },
    { ids: [sep], type: second },
  ];
}

function templateForm(processor: Fields): PairForm {
  const known = (processor["special_tokens"] ?? {}) as Record<
    string,
    { ids?: unknown } | undefined
  >;
  const pieces = processor["pair"];
  if (!Array.isArray(pieces)) throw unknownPart("pair", pieces);
  return (pieces as readonly Fields[]).map((piece): PairPiece => {
    const [[kind, entry] = []] = Object.entries(piece ?? {});
    const { id, type_id: type = 0 } = (entry ?? {}) as Fields;
    if (!isId(type) || typeof id !== "string") throw unknownPart("pair", piece);
    if (kind === "Sequence" && id === "A") return { text: "prompt", type };
    if (kind === "Sequence" && id === "B") return { text: "response", type };
    const ids = Object.hasOwn(known, id) ? known[id]?.ids : undefined;
    if (kind === "SpecialToken" && Array.isArray(ids) && ids.every(isId)) return { ids, type };
    throw unknownPart("pair", piece);
  });
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A pair has each text once, in their order. */
function checkForm(form: PairForm): void {
  const texts = form.flatMap((piece) => "text" in piece ? [piece.text] : []);
  if (texts.join() !== "prompt,response") throw unknownPart("pair", texts);
}

function unknownPart(key: string, found: unknown): AssayError {
  return new AssayError(
    "text/bad-tokenizer",
    `Cannot use tokenizer.json: expected a post_processor that Assay knows, with both texts of a ` +
      `pair once, found ${key} ${JSON.stringify(found)?.slice(0, 100)}`,
  );
}

/**
 * The form with the token types that the model is given: transformers' tokenizers have types, and give
 * them to the model where their class, or `model_input_names`, says so.
 *
 * @param form What `tokenizer.json` says.
 * @param config `tokenizer_config.json`.
 * @param tokenTypes Types that the model has embeddings for.
 * @throws {AssayError} `text/unknown-token-types` where the files don't tell whether it is given them,
 *   `text/bad-tokenizer` for a type that the model does not have.
 */
export function withModelTypes(form: PairForm, config: Fields, tokenTypes: number): PairForm {
  const highest = Math.max(...form.map(({ type }) => type));
  if (tokenTypes <= 1 || highest === 0 || !givesTypes(config, highest)) {
    return form.map((piece) => ({ ...piece, type: 0 }));
  }
  if (highest < tokenTypes) return form;
  throw new AssayError(
    "text/bad-tokenizer",
    `Cannot use tokenizer.json: expected token types below ${tokenTypes}, as the model's ` +
      `type_vocab_size tells, found ${highest} in its post_processor`,
  );
}

function givesTypes(config: Fields, highest: number): boolean {
  const inputs = config["model_input_names"];
  if (Array.isArray(inputs)) return inputs.includes("token_type_ids");
  const name = config["tokenizer_class"];
  // Without a class transformers takes the model's own, and models with several types read them.
  if (name === undefined || typedClasses.test(String(name))) return true;
  if (untypedClasses.test(String(name))) return false;
  throw new AssayError(
    "text/unknown-token-types",
    `Cannot tell whether the model is given token types: tokenizer.json has types 0 to ${highest}, and ` +
      `the tokenizer_class ${
        JSON.stringify(name).slice(0, 80)
      } of tokenizer_config.json gives them in ` +
      'some versions of transformers only; say so there: "model_input_names": ["input_ids", ' +
      '"token_type_ids", "attention_mask"], or without "token_type_ids"',
  );
}
