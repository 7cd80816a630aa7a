/** What a chat template's source reads, by name. */
export interface TemplateNames {
  /** Fields of messages; `"all"` where the template prints messages whole. */
  readonly fields: ReadonlySet<string> | "all";
  /** Variables that it reads before it sets them itself. */
  readonly variables: ReadonlySet<string>;
}

interface Token {
  readonly kind: "name" | "text" | "mark";
  readonly value: string;
}

const tagPattern = /\{#[\s\S]*?#\}|\{[{%][-+]?([\s\S]*?)[-+]?[%}]\}/g;
const tokenPattern = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([A-Za-z_]\w*)|(\S)/g;

/** What templates call a message, also as a macro's parameter. */
const messageNames = ["messages", "message", "msg", "m", "turn"];

const keywords: ReadonlySet<string> = new Set(
  ("if elif else endif for endfor in not and or is set endset macro endmacro call endcall filter " +
    "endfilter generation endgeneration break continue do recursive true True false False none None " +
    "loop namespace range raise_exception strftime_now dict caller varargs kwargs").split(" "),
);

/** A bound on memory: a process knows a few checkpoints. */
const mostKnown = 16;
const known = new Map<string, TemplateNames>();

/**
 * The names that a template reads, found in its source: fields of messages (`message.name`,
 * `message['name']`, `'name' in message`, `message.get('name')`, of a message by whatever name the
 * template gives it), and variables. A name that is read where a rendering never comes counts too.
 *
 * @param source Jinja source.
 */
export function templateNames(source: string): TemplateNames {
  let names = known.get(source);
  if (names === undefined) {
    if (known.size >= mostKnown) known.clear();
    known.set(source, names = readNames(source));
  }
  return names;
}

function readNames(source: string): TemplateNames {
  const statements = [...source.matchAll(tagPattern)].flatMap(([, inside]) =>
    inside === undefined ? [] : [tokensOf(inside)]
  );
  const messages = messageAliases(statements);
  const fields = new Set<string>();
  let isWhole = false;
  for (const tokens of statements) {
    tokens.forEach((token, at) => {
      if (token.kind !== "name" || !messages.has(token.value) || tokens[at - 1]?.value === ".") {
        return;
      }
      for (const field of fieldsAt(tokens, at)) {
        if (field === "*") isWhole = true;
        else fields.add(field);
      }
    });
  }
  return { fields: isWhole ? "all" : fields, variables: variablesOf(statements) };
}

function tokensOf(text: string): Token[] {
  return [...text.matchAll(tokenPattern)].map(([, single, double, name, mark]): Token => {
    if (name !== undefined) return { kind: "name", value: name };
    if (mark !== undefined) return { kind: "mark", value: mark };
    return { kind: "text", value: single ?? double ?? "" };
  });
}

/** The names under which a template has messages or lists of them: `for turn in messages[1:]`. */
function messageAliases(statements: readonly (readonly Token[])[]): Set<string> {
  const aliases = new Set(messageNames);
  for (let known = 0; known < aliases.size;) {
    known = aliases.size;
    for (const tokens of statements) {
      const { targets, expression } = assignment(tokens);
      const start = expression.findIndex(({ value }) => value !== "(");
      const first = expression[start];
      if (first?.kind !== "name" || !aliases.has(first.value)) continue;
      const next = expression[afterIndices(expression, start)]?.value;
      if (next === undefined || ["|", "+", "if", ")"].includes(next)) {
        for (const target of targets) aliases.add(target);
      }
    }
  }
  return aliases;
}

/** What `for … in` or `set … =` assigns to, and the expression; of another statement, all of it. */
function assignment(
  tokens: readonly Token[],
): { readonly targets: readonly string[]; readonly expression: readonly Token[] } {
  const keyword = tokens[0]?.value;
  const sign = keyword === "for" ? "in" : keyword === "set" ? "=" : undefined;
  const end = sign === undefined ? -1 : tokens.findIndex(({ value }) => value === sign);
  if (end === -1) return { targets: [], expression: tokens };
  const left = tokens.slice(1, end);
  const isProperty = left.some(({ value }) => value === ".");
  const targets = isProperty
    ? []
    : left.filter(({ kind }) => kind === "name").map(({ value }) => value);
  return { targets, expression: tokens.slice(end + 1) };
}

/** The place after a name and its subscripts that are no field: `messages[0]`, `messages[1:]`. */
function afterIndices(tokens: readonly Token[], at: number): number {
  let place = at + 1;
  while (tokens[place]?.value === "[" && tokens[place]?.kind === "mark") {
    if (tokens[place + 1]?.kind === "text") return place;
    let depth = 0;
    do {
      if (tokens[place]?.value === "[") depth++;
      if (tokens[place]?.value === "]") depth--;
      place++;
    } while (depth > 0 && place < tokens.length);
  }
  return place;
}

/** The fields that are read of the message at a place; `*` for all. */
function fieldsAt(tokens: readonly Token[], at: number): string[] {
  const fields: string[] = [];
  const isIn = tokens[at - 1]?.value === "in" && tokens[at - 1]?.kind === "name";
  const subject = tokens[at - (isIn && tokens[at - 2]?.value === "not" ? 3 : 2)];
  if (isIn && subject?.kind === "text") fields.push(subject.value);
  const place = afterIndices(tokens, at);
  const [first, second, third, fourth] = tokens.slice(place, place + 4);
  if (first?.value === "[") fields.push(second!.value);
  else if (first?.value === "." && second?.kind === "name") {
    if (["items", "values", "keys"].includes(second.value)) fields.push("*");
    else if (second.value === "get" && third?.value === "(") fields.push(fourth?.value ?? "");
    else fields.push(second.value);
  } else if (first?.value === "|") {
    if (second?.value === "tojson" || second?.value === "string") fields.push("*");
    const isSelected = /^(select|reject)attr$|^map$/.test(second?.value ?? "");
    for (const { kind, value } of isSelected ? tokens.slice(place) : []) {
      if (kind === "text") fields.push(value);
    }
  } else if (tokens.length === 1) fields.push("*");
  return fields;
}

/** Names that are read before the template gives them a value itself. */
function variablesOf(statements: readonly (readonly Token[])[]): Set<string> {
  const variables = new Set<string>();
  const own = new Set<string>(keywords);
  let parameters = new Set<string>(); // those of the macro that is being read
  for (const tokens of statements) {
    if (tokens[0]?.value === "macro") {
      own.add(tokens[1]?.value ?? "");
      const names = tokens.slice(2).filter(({ kind }) => kind === "name");
      parameters = new Set(names.map(({ value }) => value));
      continue;
    }
    if (tokens[0]?.value === "endmacro") parameters = new Set();
    const { targets, expression } = assignment(tokens);
    expression.forEach(({ kind, value }, at) => {
      const [before, after] = [expression[at - 1]?.value, expression[at + 1]?.value];
      const isNamed = after === "=" && expression[at + 2]?.value !== "=";
      const isFilter = before === "." || before === "|" || before === "is" ||
        (before === "not" && expression[at - 2]?.value === "is");
      const isOwn = own.has(value) || parameters.has(value);
      if (kind === "name" && !isNamed && !isFilter && !isOwn) variables.add(value);
    });
    for (const target of targets) own.add(target);
  }
  return variables;
}
