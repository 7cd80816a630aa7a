import { selectChatTemplate } from "../text/chat_template.ts";

/** An object of parsed JSON. */
type Fields = Readonly<Record<string, unknown>>;

/** Keys of `config.json` that change no arithmetic of a forward pass. */
const harmlessKeys: ReadonlySet<string> = new Set([
  "_attn_implementation",
  "_attn_implementation_autoset",
  "_attn_implementation_internal",
  "_commit_hash",
  "_name_or_path",
  "architectures",
  "attention_dropout",
  "attn_implementation",
  "auto_map",
  "bos_token_id",
  "classifier_dropout",
  "dtype",
  "eos_token_id",
  "finetuning_task",
  "hidden_dropout",
  "id2label",
  "initializer_range",
  "label2id",
  "output_attentions",
  "output_hidden_states",
  "pretraining_tp",
  "problem_type",
  "return_dict",
  "tokenizer_class",
  "torch_dtype",
  "transformers_version",
  "unsloth_fixed",
  "unsloth_version",
  "use_cache",
  "use_return_dict",
]);

/** The keys by which rope is told, in the spelling of transformers 4 and of 5. */
const ropeKeys: ReadonlySet<string> = new Set(["rope_parameters", "rope_scaling", "rope_theta"]);

/** Parts of `tokenizer.json` that do not decide which tokens a text becomes here. */
const harmlessTokenizerKeys: ReadonlySet<string> = new Set([
  "version",
  "truncation",
  "padding",
  "decoder",
]);

/**
 * What a `config.json` means for the arithmetic, key by key, so that two spellings of one setting are
 * equal: `rope_parameters` and `rope_theta` with `rope_scaling`, a default that is written out and one
 * that is not, whatever the version that saved it.
 *
 * @param config The parsed file.
 */
export function meantConfig(config: Fields): Map<string, string> {
  const meant = new Map(
    Object.entries(rope(config)).map(([key, value]) => [key, canonical(value ?? null)]),
  );
  for (const [key, value] of Object.entries(config)) {
    if (harmlessKeys.has(key) || ropeKeys.has(key) || isDefault(key, value, config)) continue;
    meant.set(key, canonical(value));
  }
  return meant;
}

/** Whether a value is what its absence means. */
function isDefault(key: string, value: unknown, config: Fields): boolean {
  if (value === null || value === undefined) return true;
  const heads = Number(config.num_attention_heads);
  switch (key) {
    case "attention_bias":
    case "mlp_bias":
    case "use_sliding_window":
      return value === false;
    case "head_dim":
      return value === Number(config.hidden_size) / heads;
    case "num_key_value_heads":
      return value === heads;
    case "sliding_window":
    case "max_window_layers":
      return config.use_sliding_window === false;
    case "layer_types":
      return Array.isArray(value) && value.every((type) => type === "full_attention");
    default:
      return false;
  }
}

function rope(config: Fields): Fields {
  const given = fieldsOf(config.rope_parameters) ?? fieldsOf(config.rope_scaling) ?? {};
  const { rope_type: name, type, rope_theta: own, ...rest } = given;
  const settings: Record<string, unknown> = {
    rope_theta: own ?? config.rope_theta ?? 10000,
    rope_type: name ?? type ?? "default",
  };
  const { partial_rotary_factor: share = 1, original_max_position_embeddings: length, ...scaling } =
    rest;
  if (share !== 1) settings.partial_rotary_factor = share;
  if (settings.rope_type === "default" && Object.values(scaling).every(isNumber)) return settings;
  // transformers records the length for linear scaling, and does not use it.
  if (settings.rope_type === "dynamic") {
    settings.original_max_position_embeddings = length ?? config.max_position_embeddings;
  } else if (settings.rope_type !== "linear") settings.original_max_position_embeddings = length;
  return { ...settings, ...scaling };
}

/**
 * What a `tokenizer.json` means for the tokens of a text: merges as pairs however they are spelled,
 * settings without those that say what their absence says.
 *
 * @param tokenizer The parsed file.
 */
export function meantTokenizer(tokenizer: Fields): string {
  const kept = Object.entries(tokenizer).filter(([key, value]) =>
    value !== null && !harmlessTokenizerKeys.has(key) &&
    // A byte-level post-processor moves offsets; it leaves the tokens alone.
    !(key === "post_processor" && fieldsOf(value)?.type === "ByteLevel")
  );
  return canonical(
    Object.fromEntries(
      kept.map(([key, value]) => [key, key === "model" ? meantModel(value) : value]),
    ),
  );
}

function meantModel(model: unknown): unknown {
  const fields = fieldsOf(model);
  if (fields === undefined) return model;
  const kept = Object.entries(fields).filter(([, value]) =>
    value !== null && value !== false && value !== ""
  );
  return Object.fromEntries(
    kept.map(([key, value]) => [key, key === "merges" ? pairsOf(value) : value]),
  );
}

/** Merges as lists of two; the older spelling has one space between them. */
function pairsOf(merges: unknown): unknown {
  if (!Array.isArray(merges)) return merges;
  return merges.map((merge: unknown) => typeof merge === "string" ? merge.split(" ") : merge);
}

/**
 * What a chat template is, wherever it stands: without the last line's end, which Jinja drops, and
 * with line ends as Jinja reads them.
 *
 * @param file `chat_template.jinja`, where there is one.
 * @param setting `chat_template` of `tokenizer_config.json`.
 */
export function meantTemplate(file: string | undefined, setting: unknown): string {
  const source = file ?? selectChatTemplate(setting, "chat_template");
  return canonical(source?.replace(/\r\n?/g, "\n").replace(/\n$/, "") ?? null);
}

function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? value as Fields : undefined;
}

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

/** JSON with sorted keys, so that equal values have equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    const fields = fieldsOf(inner);
    if (fields === undefined) return inner;
    return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => a < b ? -1 : 1));
  });
}
