import assert from "node:assert/strict";
import { ChatTemplate, selectChatTemplate } from "../../src/text/chat_template.ts";
import { AssayError } from "../../src/error.ts";

const defaultMessages = [
  { role: "user", content: "  Hi " },
  { role: "assistant", content: "\n\n Yes\n" },
];

function render(source: string, messages = defaultMessages): string {
  return ChatTemplate.parse(source).render(messages);
}

function hasCode(code: string, ...parts: string[]): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code &&
    parts.every((part) => error.message.includes(part));
}

Deno.test("render() passes messages, special tokens and add_generation_prompt", () => {
  const template = ChatTemplate.parse(
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m['content'] }}{{ eos_token }}{% endfor %}" +
      "{% if add_generation_prompt %}[assistant]{% endif %}{{ pad_token }}{{ tools is none }}",
    { specialTokens: { bos_token: "<s>", eos_token: "</s>" } },
  );
  assert.equal(template.render([defaultMessages[0]!]), "<s>[user]  Hi </s>True");
  assert.equal(
    template.render([defaultMessages[0]!], { addGenerationPrompt: true }),
    "<s>[user]  Hi </s>[assistant]True",
  );
});

Deno.test("render() trims blocks and keeps text as transformers does", () => {
  const source = "{% for m in messages %}\n    {% if true %}\n{{ m.role }}\n    {% endif %}\n" +
    "{% generation %}!{% endgeneration %}{% endfor %}\n";
  assert.equal(render(source), "user\n!assistant\n!");
});

Deno.test("render() strips as Python does: its whitespace, and the characters it is given", () => {
  const messages = [{ role: "user", content: "\ufeff \x1c\x85x\ty\u3000\x1f\ufeff " }];
  const content = "messages[0].content";
  assert.equal(render(`{{ ${content} | trim }}`, messages), "\ufeff \x1c\x85x\ty\u3000\x1f\ufeff");
  assert.equal(
    render(`{{ ${content}.strip("\\ufeff ") }}`, messages),
    "\x1c\x85x\ty\u3000\x1f",
  );
  const answer = "messages[1].content";
  assert.equal(render(`{{ ${answer}.lstrip('\\n') }}`), " Yes\n");
  assert.equal(render(`{{ ${answer}.rstrip('\\n') }}`), "\n\n Yes");
  assert.equal(render(`{{ ${answer}.strip() ~ (${answer} | trim('s\\n')) }}`), "Yes Ye");
  assert.equal(render("{{ '😀a😀'.strip('😀') }}"), "a");
});

Deno.test("render() compares as Python does", () => {
  assert.equal(
    render("{{ '' == false }} {{ 0 == false }} {{ '1' == 1 }} {{ none == false }}"),
    [
      "False True False False",
    ][0],
  );
  assert.equal(
    render("{{ [1, 'a'] == [1, 'a'] }} {{ [1] != [2] }} {{ missing == none }}"),
    [
      "True True False",
    ][0],
  );
});

Deno.test("render() refuses what a text marked as safe would escape, and prints it as it is", () => {
  assert.equal(render("{{ '<a>' | safe }}{{ ('<' | e) ~ '<' }}{{ '<' | e | e }}"), "<a>&lt;<&lt;");
  assert.equal(render("{{ ['<' | safe] }}{{ 'a' is escaped }}"), "[Markup('<')]False");
  assert.equal(render("{{ ('<a>' | safe | trim)[1:].strip('>') + '<' }}"), "a&lt;");
  for (const joined of ["('%s' | safe) % '<'", "('a' | safe).join(['<'])"]) {
    assert.throws(() => render(`{{ ${joined} }}`), hasCode("text/template-failed", "safe"), joined);
  }
});

Deno.test("render() keeps what a loop has written before break and continue", () => {
  // A loop whose first pass breaks has finished none, so its `else` is rendered, as Jinja does.
  const source = "{% for i in [1, 2, 3, 4] %}{{ i }}{% if i == 1 %}a{% continue %}b{% endif %}" +
    "{% for j in [7, 8] %}{{ j }}{% if j == 7 %}c{% break %}{% endif %}d{% else %}e{% endfor %}" +
    "{% if i == 3 %}f{% break %}{% endif %}g{% endfor %}h";
  assert.equal(render(source), "1a27ceg37cefh");
});

Deno.test("render() reads any line end of the source as a newline", () => {
  assert.equal(render("a\r\nb\rc{{ 'd\r\ne' }}{{ '\\r' }}"), "a\nb\ncd\ne\r");
});

Deno.test("render() prints the date it is given, with English names", () => {
  const now = () => new Date(2024, 6, 6, 15, 4, 5);
  const template = ChatTemplate.parse("{{ strftime_now('%d %b %Y|%B|%A|%I:%M:%S %p|%%|%Q') }}", {
    now,
  });
  assert.equal(template.render(defaultMessages), "06 Jul 2024|July|Saturday|03:04:05 PM|%|%Q");
});

Deno.test("render() reports a template's raise_exception with the template's own message", () => {
  const source = "{{ raise_exception('Roles must alternate') }}";
  assert.throws(() => render(source), hasCode("text/template-refused", '"Roles must alternate"'));
});

Deno.test("render() reports what fails inside a template", () => {
  assert.throws(
    () => render("{{ messages | nonesuch }}"),
    hasCode("text/template-failed", "nonesuch"),
  );
  assert.throws(() => render("{{ none.strip() }}"), hasCode("text/template-failed", "'strip'"));
});

Deno.test("parse() wraps syntax errors, and refuses sources that are too large", () => {
  for (const source of ["{% if %}", "{{ 'open", "{% for x in %}{% endfor %}", "{# open", "{{ }}"]) {
    assert.throws(() => ChatTemplate.parse(source), hasCode("text/bad-chat-template"), source);
  }
  const isTooLarge = hasCode("text/bad-chat-template", "524288");
  assert.throws(() => ChatTemplate.parse("x".repeat(524289)), isTooLarge);
  assert.throws(
    () => ChatTemplate.parse(`{%${" ".repeat(500_000)}`),
    hasCode("text/bad-chat-template"),
  );
  assert.throws(
    () => ChatTemplate.parse(`{{ ${"(".repeat(100000)}`),
    hasCode("text/bad-chat-template"),
  );
});

Deno.test("render() stops templates that run away", () => {
  const deep = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";
  const runaways = {
    "nested loops": deep,
    "nested loops over a variable":
      `{% set r = range(100000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}`,
    "a filtered loop":
      "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",
    "a huge range": "{{ range(1000000000) | length }}",
    "doubling strings":
      "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "doubling lists":
      "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "long strings over and over": "{% set s = 'x' | replace('x', 'y') %}" +
      "{% set n = namespace(s='ab') %}{% for i in range(20) %}{% set n.s = n.s + n.s %}{% endfor %}" +
      "{% for i in range(100000) %}{% set t = n.s | upper %}{% endfor %}",
  };
  for (const [name, source] of Object.entries(runaways)) {
    assert.throws(() => render(source), hasCode("text/template-runaway"), name);
  }
});

Deno.test("render() survives a template that calls itself for ever", () => {
  const source = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
  assert.throws(() => render(source), hasCode("text/template-runaway"));
});

Deno.test("render() lets long conversations through", () => {
  const messages = Array.from({ length: 3000 }, (_, index) => ({
    role: index % 2 === 0 ? "user" : "assistant",
    content: `message ${index}`,
  }));
  const source =
    "{% for m in messages %}{% if loop.index0 > 0 and messages[loop.index0 - 1].role " +
    "== m.role %}{{ raise_exception('twice') }}{% endif %}{{ m.content | trim }}{% endfor %}";
  assert.equal(render(source, messages), messages.map(({ content }) => content).join(""));
});

Deno.test("a template sees nothing but its variables", () => {
  const source = "{{ messages[0].constructor is defined }}{{ messages.__proto__ is defined }}" +
    "{{ Deno is defined }}{{ globalThis is defined }}{{ ''.constructor is defined }}" +
    "{{ raise_exception.constructor is defined }}";
  assert.equal(render(source), "False".repeat(6));
});

Deno.test("selectChatTemplate() takes a string, the default of a list, or the only one", () => {
  const two = [{ name: "tool_use", template: "T" }, { name: "default", template: "D" }];
  assert.equal(selectChatTemplate("S", "here"), "S");
  assert.equal(selectChatTemplate(two, "here"), "D");
  assert.equal(selectChatTemplate([two[0]], "here"), "T");
  assert.equal(selectChatTemplate([], "here"), undefined);
  assert.equal(selectChatTemplate(undefined, "here"), undefined);
});

Deno.test("selectChatTemplate() refuses several without a default, and other forms", () => {
  const named = [{ name: "a", template: "A" }, { name: "b", template: "B" }];
  assert.throws(
    () => selectChatTemplate(named, "here"),
    hasCode("text/bad-chat-template", '"a", "b"', "chat_template.jinja"),
  );
  for (const form of [7, {}, [1], [{ name: "a" }], [null]]) {
    assert.throws(
      () => selectChatTemplate(form, "here"),
      hasCode("text/bad-chat-template", "here"),
    );
  }
});
