import assert from "node:assert/strict";
import fc from "fast-check";
import { conversationsOfRow } from "../../src/data/row_conversations.ts";
import { parsePythonLiteral } from "../../src/data/python_literal.ts";
import { messageListOfText, valueOfText } from "../../src/data/serialized_text.ts";
import { messagesOfColumn } from "../../src/data/message_columns.ts";

const conversation = [
  { role: "user", content: 'It\'s "2+2"?\n\\ é 😀' },
  { role: "assistant", content: "4" },
];

Deno.test("parsePythonLiteral() reads what Python and NumPy write", () => {
  const values: [string, unknown][] = [
    ["[1, -2.5, 1e-05, True, None, nan, -inf]", [1, -2.5, 1e-5, true, null, NaN, -Infinity]],
    ["('a', \"it's\", 'tab\\t\\xe9\\u20ac\\U0001f600\\\\')", ["a", "it's", "tab\té€😀\\"]],
    ["{'a': {}, 'b': [], 1: (2,)}", { a: {}, b: [], 1: [2] }],
    ["[0.5 1.  nan]", [0.5, 1, NaN]],
    ["['a' 'b'\n 'c']", ["a", "b", "c"]],
    ["[{'a': 1}\n {'a': 2}]", [{ a: 1 }, { a: 2 }]],
    ["array([{'a': array([1, 2])}], dtype=object)", [{ a: [1, 2] }]],
    ["array([list([1]), list([2, 3])], dtype=object)", [[1], [2, 3]]],
    ["[np.float64(1.5), np.str_('x'), np.True_]", [1.5, "x", true]],
    ["12345678901234567890", 12345678901234567890n],
  ];
  for (const [text, value] of values) assert.deepEqual(parsePythonLiteral(text), value, text);
});

Deno.test("parsePythonLiteral() refuses everything else", () => {
  const texts = [
    "",
    "[",
    "[1",
    "['a",
    "[1, 2 3]",
    "[1,, 2]",
    "('a' 'b')",
    "[1] 2",
    "{'a'}",
    "{1, 2}",
  ];
  const more = ["[...]", "[1 ... 2]", "__import__('os')", "['a\nb']", "['\\q']", "[1 2", "hello"];
  for (const text of [...texts, ...more, "[".repeat(300)]) {
    assert.throws(() => parsePythonLiteral(text), SyntaxError, text);
  }
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      parsePythonLiteral(text);
    } catch (error) {
      assert(error instanceof SyntaxError);
    }
  }));
});

/** What Python's repr makes of a value. */
function repr(value: unknown, comma = ", "): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    const body = value.replace(/[\\\n\r\t]/g, (c) => {
      return { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[c]!;
    }).replaceAll(quote, `\\${quote}`);
    return quote + body + quote;
  }
  if (Array.isArray(value)) return `[${value.map((item) => repr(item)).join(comma)}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).map(([key, inner]) => `${repr(key)}: ${repr(inner)}`);
  return `{${entries.join(", ")}}`;
}

const spellings: Readonly<Record<string, (list: readonly object[]) => string>> = {
  "JSON": (list) => JSON.stringify(list),
  "pretty-printed JSON": (list) => `\n${JSON.stringify(list, null, 2)}\n`,
  "Python's repr": (list) => repr(list),
  "NumPy's text": (list) => repr(list, "\n "),
  "NumPy's repr": (list) => `array(${repr(list, ",\n       ")}, dtype=object)`,
  "a tuple": (list) => `(${repr(list).slice(1, -1)})`,
};

for (const [name, spell] of Object.entries(spellings)) {
  Deno.test(`messageListOfText() reads messages as ${name}`, () => {
    const text = spell(conversation);
    assert.deepEqual(messagesOfColumn("chosen", messageListOfText("chosen", text)), conversation);
    const [asked, answered] = conversation;
    const expected = { kind: "single", conversation };
    const rows = [
      { messages: text },
      { response: text },
      { prompt: spell([asked!]), response: "4" },
      { prompt: spell([asked!]), response: spell([answered!]) },
      { prompt: asked!.content, response: text },
      { prompt: asked!.content, response: spell([{ ...answered!, name: null }]) },
    ];
    for (const row of rows) assert.deepEqual(conversationsOfRow(row), expected);
    const responses = { prompt: asked!.content, responses: [text, spell([answered!]), "4"] };
    const candidates = [conversation, conversation, conversation];
    assert.deepEqual(conversationsOfRow(responses), { kind: "best_of_n", candidates });
    const cell = { ...responses, responses: spell(responses.responses as unknown as object[]) };
    assert.deepEqual(conversationsOfRow(cell), { kind: "best_of_n", candidates });
    const pair = { prompt: "", chosen: text, rejected: text };
    assert.deepEqual(conversationsOfRow(pair), {
      kind: "pair",
      chosen: conversation,
      rejected: conversation,
    });
  });
}

Deno.test("any messages survive any spelling", () => {
  const content = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed());
  const list = fc.array(
    fc.record({ role: fc.constantFrom("user", "assistant"), content }, { noNullPrototype: true }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(fc.property(list, fc.constantFrom(...Object.values(spellings)), (messages, spell) => {
    assert.deepEqual(messageListOfText("prompt", spell(messages)), messages);
  }));
});

Deno.test("messageListOfText() refuses what only looks like messages, and says how to say it", () => {
  const json = JSON.stringify(conversation);
  const texts = [
    json.slice(0, -10),
    repr(conversation).slice(0, 60),
    JSON.stringify(json),
    json.replaceAll('"', '""'),
    json.replaceAll('"', '\\"'),
    JSON.stringify(conversation[0]),
    JSON.stringify({ messages: conversation }),
    JSON.stringify([...conversation, { text: "x" }]),
    JSON.stringify([{ from: "human", value: "2+2?" }, { from: "gpt", value: "4" }]),
    JSON.stringify([conversation, conversation]),
    "[Message(role='user', content='Hi')]",
    "[{'role': 'user', 'content': 'a'} ... {'role': 'user', 'content': 'b'}]",
    "[object Object],[object Object]",
  ];
  for (const text of texts) {
    for (const row of [{ prompt: text, response: "4" }, { prompt: "2+2?", response: text }]) {
      assert.throws(() => conversationsOfRow(row), {
        code: "data/unclear-text",
        message: /write the list as JSON, or text that is meant as it stands as/,
      }, text);
    }
  }
});

Deno.test("messageListOfText() leaves text alone that is text", () => {
  const texts = [
    "",
    "[1, 2, 3]",
    '["a", "b"]',
    "[link](https://example.org)",
    '{"role": "admin"}',
    '{"answer": 4}',
    "[x] done",
    "(a) first",
    '"quoted"',
    "array([1, 2])",
    '[{"name": "x"}]',
    'Use [{"role": "user", "content": "Hi"}] as messages.',
    "[{",
  ];
  for (const text of texts) {
    assert.equal(messageListOfText("response", text), undefined, text);
    const row = { prompt: text, response: text };
    assert.deepEqual(conversationsOfRow(row), {
      kind: "single",
      conversation: [{ role: "user", content: text }, { role: "assistant", content: text }],
    });
  }
  assert.equal(valueOfText("plain"), undefined);
});
