import { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import type { HeadFacts, Labels } from "./head.ts";

/** More labels than any classifier has; names are made up for all of them. */
const mostLabels = 2 ** 16;
/** How many of them a message lists. */
const shownLabels = 20;

/**
 * Names the numbers of a head by `id2label` of `config.json`, or as transformers does where it has none,
 * and finds the score among them: the only one there is, or the one that was asked for.
 *
 * How many there are, the tensors tell: published reward models with one row leave `num_labels` out,
 * which in transformers means two. What the config says must not contradict them.
 *
 * @param rows Rows of the head's last weight.
 * @param tensor Its name, for messages.
 * @throws {AssayError} `heads/contradicted-labels`, `heads/several-labels`, `heads/unknown-label`,
 *   `checkpoint/bad-config`, `checkpoint/wrong-shape`.
 */
export function readLabels(facts: HeadFacts, rows: number, tensor: string): Labels {
  if (rows > mostLabels) {
    throw new AssayError(
      "checkpoint/wrong-shape",
      `Cannot load ${facts.name}: expected the tensor "${tensor}" to have a row for each label, ` +
        `${mostLabels} at most, found ${rows} rows`,
    );
  }
  const names = labelNames(facts, rows, tensor);
  const { label } = facts;
  const listed = names.slice(0, shownLabels).map((name) => JSON.stringify(name)).join(", ") +
    (rows > shownLabels ? ", …" : "");
  if (label !== undefined) {
    if (names.includes(label)) return { names, score: label };
    throw new AssayError(
      "heads/unknown-label",
      `Cannot load ${facts.name}: expected the label to be one of ${listed}, which its head gives, ` +
        `found ${JSON.stringify(label)}`,
    );
  }
  if (rows === 1) return { names, score: names[0]! };
  throw new AssayError(
    "heads/several-labels",
    `Cannot load ${facts.name}: its head "${tensor}" gives ${rows} numbers, ${listed}, and nothing ` +
      "says which of them is the score; name one: --label NAME (`label` in a program)",
  );
}

/**
 * Names of the numbers of a head, held against its tensors.
 *
 * @throws {AssayError} `heads/contradicted-labels`, `checkpoint/bad-config`.
 */
export function labelNames(
  { name, config }: HeadFacts,
  rows: number,
  tensor: string,
): readonly string[] {
  const reader = new ConfigReader(config, `${name}/config.json`);
  const written = reader.section("id2label");
  const section = written !== undefined && isIdleDefault(written.config, config, rows)
    ? undefined
    : written;
  // transformers counts the names of the labels where there are some.
  const count = section !== undefined
    ? Object.keys(section.config).length
    : reader.value("num_labels") === undefined
    ? rows
    : reader.count("num_labels");
  if (count !== rows) {
    throw new AssayError(
      "heads/contradicted-labels",
      `Cannot load ${name}: config.json has ${count} ${count === 1 ? "label" : "labels"} ` +
        `(${section === undefined ? "num_labels" : "id2label"}) and "${tensor}" has ${rows} ` +
        `${
          rows === 1 ? "row" : "rows"
        }; transformers refuses such a pair too: correct the config, or ` +
        "the weights",
    );
  }
  const numbers = Array.from({ length: rows }, (_, label) => String(label));
  if (section === undefined) return numbers.map((label) => `LABEL_${label}`);
  const names = numbers.map((label) => section.value(label));
  const isNamed = names.every((name): name is string => typeof name === "string" && name !== "");
  if (isNamed && new Set(names).size === rows) return names;
  const expected = `different names for the numbers 0 to ${rows - 1}`;
  throw reader.unexpected("id2label", expected, section.config);
}

/**
 * Whether the names are transformers' default of two, which some versions write into every config, in that of
 * a class of its own with one number, as InternLM2-reward's: no such class reads them.
 */
function isIdleDefault(
  names: object,
  { architectures }: HeadFacts["config"],
  rows: number,
): boolean {
  const isDefault = JSON.stringify(names) === '{"0":"LABEL_0","1":"LABEL_1"}';
  const isOwnClass = Array.isArray(architectures) && architectures.length > 0 &&
    !JSON.stringify(architectures).includes("ForSequenceClassification");
  return isDefault && isOwnClass && rows === 1;
}
