import { bind } from "./arguments.ts";
import { integerOf } from "./numbers.ts";
import { jsonText } from "./json_text.ts";
import { numberFilters } from "./number_filters.ts";
import { toText } from "./python_text.ts";
import type { Filter } from "./runtime.ts";
import { selectionFilters } from "./selection_filters.ts";
import { sequenceFilters } from "./sequence_filters.ts";
import { ownAttribute } from "./subscripts.ts";
import { textFilters } from "./text_filters.ts";
import { TextValue } from "./text_value.ts";
import { given, isTrue, ListValue, TupleValue, UndefinedValue, type Value } from "./values.ts";
import { TemplateRuntimeError, TemplateUnsupportedError } from "./work.ts";

const defaultFilter: Filter = (value, call) => {
  const [standard, isBoolean] = bind("default", "default_value? boolean?", call);
  const isMissing = value instanceof UndefinedValue ||
    (isBoolean !== undefined && isTrue(isBoolean) && !isTrue(value));
  return isMissing ? given(standard, new TextValue("")) : value;
};

/** `json.dumps`, as `transformers` has it in place of Jinja's own, which escapes for HTML. */
const toJson: Filter = (value, call, { work }) => {
  const [ascii, indent, separators, sortKeys] = bind(
    "tojson",
    "ensure_ascii? indent? separators? sort_keys?",
    call,
  );
  const isSet = (flag: Value | undefined) => flag !== undefined && isTrue(flag);
  let space: string | undefined;
  if (indent instanceof TextValue) space = indent.text;
  else if (indent !== undefined && indent !== null) {
    const width = Math.min(10_000, Math.max(0, Number(integerOf(indent))));
    space = " ".repeat(width);
  }
  const isPair = separators instanceof TupleValue || separators instanceof ListValue;
  if (separators !== undefined && separators !== null && !isPair) {
    throw new TemplateRuntimeError("separators must be a pair");
  }
  const [item, key] = isPair
    ? separators.items.map((part) => toText(part, work).text)
    : [space === undefined ? ", " : ",", ": "];
  return jsonText(value, {
    ensureAscii: isSet(ascii),
    indent: space,
    itemSeparator: item!,
    keySeparator: key!,
    sortKeys: isSet(sortKeys),
  }, work);
};

const attr: Filter = (value, call, { work }) => {
  const [name] = bind("attr", "name", call);
  const { text } = toText(name!, work);
  if (value instanceof UndefinedValue) value.fail();
  return given(ownAttribute(value, text), new UndefinedValue(`no attribute '${text}'`));
};

/** Filters that Jinja has and no chat template uses, or whose result is another each time. */
const unsupported = [
  "random",
  "pprint",
  "urlize",
  "wordwrap",
  "xmlattr",
  "striptags",
  "forceescape",
];

function refused(name: string): Filter {
  return () => {
    throw new TemplateUnsupportedError(`it uses the filter ${name}, which Assay does not follow`);
  };
}

const filters: ReadonlyMap<string, Filter> = new Map(Object.entries({
  ...sequenceFilters,
  ...selectionFilters,
  ...textFilters,
  ...numberFilters,
  ...Object.fromEntries(unsupported.map((name) => [name, refused(name)])),
  attr,
  d: defaultFilter,
  default: defaultFilter,
  tojson: toJson,
}));

/** The filter of a name; undefined where Jinja has none. */
export function filterNamed(name: string): Filter | undefined {
  return filters.get(name);
}
