import assert from "node:assert/strict";
import fc from "fast-check";
import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";
import { checkConversation, withoutResponse, withVariables } from "../../src/text/conversation.ts";
import { templateNames } from "../../src/text/template_names.ts";

/** A template of the kind of Qwen 3's: tools in the first turn, thoughts and calls in later ones. */
const template = `{%- if tools %}
{{- '<|start|>system\\n' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{{- '<|end|>\\n' }}
{%- endif %}
{%- for turn in messages %}
{{- '<|start|>' + turn.role + '\\n' }}
{%- if turn.reasoning_content is defined and turn.reasoning_content is not none %}
{{- '<think>' + turn.reasoning_content + '</think>' }}
{%- endif %}
{%- if turn.content %}{{- turn.content }}{%- endif %}
{%- if turn['tool_calls'] %}
{%- for call in turn['tool_calls'] %}{{- '<call>' + call.function.name + (call.function.arguments | tojson) }}{%- endfor %}
{%- endif %}
{{- '<|end|>\\n' }}
{%- endfor %}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<|quiet|>' }}{%- endif %}`;

async function open(options: { chat_template?: string; trust?: boolean } = {}) {
  const vocabulary = [...new Set([..."<|>/_ {}[]:\\\",.?+'()-=!\n", ...letters()])];
  const special = ["<|start|>", "<|end|>", "<|quiet|>"];
  const files: Record<string, unknown> = {
    "tokenizer.json": {
      added_tokens: special.map((content, index) => ({ id: index, content, special: true })),
      model: {
        type: "BPE",
        vocab: Object.fromEntries(
          vocabulary.map((character, index) => [character, special.length + index]),
        ),
        merges: [],
      },
    },
    "tokenizer_config.json": { chat_template: options.chat_template ?? template },
  };
  const readText = (file: string) =>
    Promise.resolve(file in files ? JSON.stringify(files[file]) : undefined);
  return await ChatTokenizer.open({ name: "tiny", readText }, {
    maxTokens: 4096,
    trustSpecialTokens: options.trust,
  });
}

function* letters() {
  for (let code = 48; code < 123; code++) yield String.fromCharCode(code);
}

const question = { role: "user", content: "2+2?" };
const tool = {
  type: "function",
  function: { name: "add", parameters: { properties: { a: { type: "number" } } } },
};
const call = {
  role: "assistant",
  content: "",
  nullContent: true as const,
  tool_calls: [{ type: "function", function: { name: "add", arguments: { a: 2 } } }],
};

Deno.test("tokenize() gives the template the fields and variables that it reads", async () => {
  const tokenizer = await open();
  const plain = [question, { role: "assistant", content: "4" }];
  const thought = [question, { role: "assistant", content: "4", reasoning_content: "Hm." }];
  assert.match(tokenizer.render(thought), /assistant\n<think>Hm\.<\/think>4<\|end\|>/);
  const untyped: unknown = [question, { ...call, nullContent: undefined, content: null }];
  assert.equal(tokenizer.render(untyped as typeof plain), tokenizer.render([question, call]));
  const nullness = "{% for m in messages %}{{ m.content is none }}{{ m.tool_calls is defined }} " +
    "{% endfor %}";
  const shown = await open({ chat_template: nullness });
  assert.equal(shown.render([question, call]).toLowerCase(), "falsefalse truetrue ");
  const saying = [question, { ...call, nullContent: undefined }];
  assert.equal(shown.render(saying).toLowerCase(), "falsefalse falsetrue ");
  assert.match(tokenizer.render([question, call]), /<call>add\{"a": 2\}<\|end\|>/);
  const withTools = withVariables(plain, { tools: [tool], enable_thinking: false });
  const rendered = tokenizer.render(withTools);
  assert.ok(
    rendered.startsWith('<|start|>system\n{"type": "function", "function": {"name": "add"'),
  );
  assert.ok(rendered.endsWith("<|quiet|>"));
  assert.equal(tokenizer.render(plain), tokenizer.render(withVariables(plain, {})));
  assert.equal(
    tokenizer.tokenize(withTools).ids.length,
    [...rendered.replace(/<\|\w+\|>/g, "!")].length,
  );
});

Deno.test("tokenize() refuses fields and variables that the template would drop, by name", async () => {
  const bare = await open({
    chat_template:
      "{% for m in messages %}<|start|>{{ m.role }} {{ m.content }}<|end|>{% endfor %}",
  });
  const fields: Record<string, unknown>[] = [
    { reasoning_content: "Hm." },
    { reasoning: "Hm." },
    { thinking: "Hm." },
    { thoughts: ["Hm."] },
    { function_call: { name: "f", arguments: "{}" } },
    { tool_calls: call.tool_calls },
    { tool_call_id: "1" },
    { name: "Ada" },
    { images: ["x.png"] },
    { toolCalls: [1] },
  ];
  for (const field of fields) {
    const [name] = Object.keys(field);
    assert.throws(() => bare.tokenize([question, { role: "assistant", content: "4", ...field }]), {
      code: "text/unknown-field",
      message: new RegExp(`message 2: .*"${name}"`),
    });
  }
  for (const name of ["tools", "documents", "enable_thinking", "bos_token", "messages", "m"]) {
    assert.throws(() => bare.tokenize(withVariables([question], { [name]: [tool] })), {
      code: "text/unknown-variable",
      message: new RegExp(`"${name}"`),
    });
  }
});

Deno.test("tokenize() leaves out what says nothing, and what is about a message, not in it", async () => {
  const tokenizer = await open();
  const answer = { role: "assistant", content: "4" };
  const more = {
    ...answer,
    timestamp: "now",
    id: 7,
    tool_call_id: "",
    reasoning: null,
    images: [],
  };
  assert.deepEqual(
    tokenizer.tokenize([question, more]),
    tokenizer.tokenize([question, answer]),
  );
  const refused = checkConversation([question, more], "{{ m.content }}");
  assert.deepEqual(refused, [question, answer]);
  assert.deepEqual(withoutResponse([question, call]), [question, { ...answer, content: "" }]);
});

Deno.test("special tokens in fields and variables stay text, wherever they stand", async () => {
  const tokenizer = await open();
  const special = ["<|end|>", "<|start|>", "<|quiet|>"];
  const text = fc.array(fc.constantFrom(...special, "<|", "end|>", "|>", "<", "a", " "))
    .map((parts) => parts.join(""));
  const conversation = fc.record({ thought: text, name: text, key: text, value: text, tool: text });
  fc.assert(fc.property(conversation, ({ thought, name, key, value, tool }) => {
    const calls = [{ function: { name, arguments: { [`k${key}`]: [value] } } }];
    const messages = [question, {
      role: "assistant",
      content: "4",
      reasoning_content: thought,
      tool_calls: calls,
    }];
    const written = withVariables(messages, { tools: [{ [`t${tool}`]: tool }] });
    const { ids } = tokenizer.tokenize(written);
    // The template itself writes three turns: that of the tools and those of the messages.
    assert.equal([...ids].filter((id) => id === 0).length, 3);
    assert.equal([...ids].filter((id) => id === 1).length, 3);
    assert.equal([...ids].filter((id) => id === 2).length, 0);
    const rendered = tokenizer.render(written);
    assert.ok(rendered.includes(`<think>${thought}</think>`) && rendered.includes(`<call>${name}`));
    assert.ok(!/[\ufdd0-\ufdef]/.test(rendered));
  }));
  const trusting = await open({ trust: true });
  const thought = [question, { role: "assistant", content: "4", reasoning_content: "<|end|>" }];
  const count = (ids: Uint32Array) => [...ids].filter((id) => id === 1).length;
  assert.deepEqual(
    [tokenizer, trusting].map((one) => count(one.tokenize(thought).ids)),
    [2, 3],
  );
});

Deno.test("tokenize() refuses values that JSON does not have", async () => {
  const tokenizer = await open();
  let deep: unknown = "x";
  for (let level = 0; level < 100; level++) deep = [deep];
  for (const value of [() => 1, 2n ** 60n, Symbol("x"), deep]) {
    assert.throws(() => tokenizer.tokenize(withVariables([question], { tools: [value] })), {
      code: "text/bad-field",
    });
  }
});

Deno.test("templateNames() finds fields of messages by whatever name they go, and variables", () => {
  const { fields, variables } = templateNames(`
    {%- if messages[0]['role'] == 'system' %}{% set system = messages[0].content %}{% set loop_messages = messages[1:] %}
    {%- else %}{% set loop_messages = messages %}{% endif %}
    {%- set ns = namespace(found=false) %}
    {%- for item in loop_messages | reverse %}{{ item.get('alpha') }}{% if 'beta' in item or 'gamma' not in item %}{% endif %}
    {%- for call in item['tool_calls'] %}{{ call.name }}{{ call['id'] }}{% endfor %}{% endfor %}
    {%- for x in messages | selectattr('delta', 'equalto', 'y') %}{{ x.epsilon }}{% endfor %}
    {# messages[0].comment #}{{ 'messages[0].text' }}
    {% if style is defined and not quiet %}{{ date_string | default('today') }}{% endif %}
    {% macro show(turn) %}{{ turn.zeta }}{% endmacro %}`);
  assert.ok(fields !== "all");
  assert.deepEqual(
    [...fields].filter((name) => name !== "equalto" && name !== "y").sort(),
    ["alpha", "beta", "content", "delta", "epsilon", "gamma", "role", "tool_calls", "zeta"],
  );
  assert.deepEqual([...variables].sort(), ["date_string", "messages", "quiet", "style"]);
  assert.equal(templateNames("{{ messages | tojson }}").fields, "all");
  assert.equal(
    templateNames("{% for m in messages %}{% for k, v in m.items() %}{% endfor %}{% endfor %}")
      .fields,
    "all",
  );
  assert.deepEqual([...templateNames("{% set tools = none %}{{ tools }}").variables], []);
  const macro = "{% macro show(tools, x=none) %}{{ tools }}{{ style }}{% endmacro %}";
  assert.deepEqual(
    [...templateNames(`${macro}{% if tools %}{{ show(tools) }}{% endif %}`).variables],
    ["style", "tools"],
  );
});
