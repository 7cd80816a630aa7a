import { ChatTemplate } from "../../src/text/chat_template.ts";
import { mutateText } from "./mutations.ts";
import { conversationOf, texts } from "./texts.ts";
import type { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

const lexeme = /\{[{%#]-?|-?[}%#]\}|'[^']*'|"[^"]*"|\w+|\s+|./gsu;
const constructs = ["{% for m in messages %}", "{% endfor %}", "{% if true %}", "{% endif %}"]
  .concat(["{{ messages }}", "{{ messages | tojson }}", "range(99999)", "range(10**9)", " * 9999"])
  .concat([" | join", " | length", "[::-1]", "[-1]", "{% set x = x ~ x %}", "{% macro f() %}"])
  .concat([
    "{{ f() }}",
    "{% endmacro %}",
    "namespace()",
    ".__proto__",
    ".constructor",
    "| map('f')",
  ])
  .concat(["raise_exception('no')", "strftime_now('%Y')", "**", "//", "%", "1/0", "loop.index"])
  .concat([
    "{% for i in range(99999) %}",
    "{% for j in range(99999) %}",
    "| sort",
    "| replace('a', x)",
  ]);

/** Statements that stand anywhere between others. */
const wholes = [
  "{{ x }}",
  "{{ messages | tojson }}",
  "{% set x = range(99999) %}",
  "{{ messages[0] }}",
]
  .concat(["{% set x = 'ab' %}", "{% set x = x ~ x %}", "{{ x * 99999 }}", "{{ x | length }}"])
  .concat([
    "{{ messages | map(attribute='role') | join(x) }}",
    "{{ x[::-1] }}",
    "{{ x[:2 ** 40] }}",
  ])
  .concat(["{{ 1 // 0 }}", "{{ 10 ** 400 }}", "{{ -7 % 0 }}", "{{ x.__proto__.constructor }}"])
  .concat([
    "{{ x | sort | unique | list }}",
    "{{ messages | groupby('role') }}",
    "{{ x is string }}",
  ])
  .concat([
    "{{ 'a' | replace('', x) }}",
    "{{ x | indent(99999) }}",
    "{{ x.split('') }}",
    "{{ range(x) }}",
  ])
  .concat(["{% macro f(a) %}{{ f(a) }}{% endmacro %}{{ f(1) }}", "{{ raise_exception(x) }}"])
  .concat([
    "{{ strftime_now('%Y %Q %%') }}",
    "{% set ns = namespace(x=1) %}{% set ns.x = messages %}",
  ]);
const around = [["{% for x in range(99999) %}", "{% endfor %}"], [
  "{% for x in messages %}",
  "{% endfor %}",
]]
  .concat([["{% if x %}", "{% else %}b{% endif %}"], ["{% filter upper %}", "{% endfilter %}"]])
  .concat([["{% generation %}", "{% endgeneration %}"], ["{% call f() %}", "{% endcall %}"]])
  .concat([["{% set x %}", "{% endset %}"], ["{% macro f() %}", "{% endmacro %}{{ f() }}"]]);

function withPieces(random: Random, source: string): string {
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(source.length + 1);
    source = source.slice(0, at) + random.pick(constructs) + source.slice(at);
  }
  return source;
}

/** A template that still parses more often than not: statements come in between, or around. */
function withStatements(random: Random, source: string): string {
  const parts = random.chance(0.5) ? [source] : source.split(/(?<=[%}]\})/);
  for (const _ of random.some(5, () => 0)) {
    const at = random.below(parts.length + 1);
    if (random.chance(0.6)) parts.splice(at, 0, random.pick(wholes));
    else {
      const [before = "", after = ""] = random.pick(around);
      if (random.chance(0.5)) parts.splice(at, 0, before, random.pick(wholes), after);
      else parts.splice(0, parts.length, before, ...parts, after);
    }
  }
  return parts.join("");
}

/** Chat templates, altered, and the text of a conversation. */
export const template: FuzzTarget = {
  name: "template",
  gateCases: 250,
  draw(random) {
    const base = random.pick(texts);
    const source = random.chance(0.3)
      ? withPieces(random, mutateText(random, base.template, lexeme))
      : withStatements(random, base.template);
    const conversation = conversationOf(random);
    return {
      what: base.name,
      input: { source, conversation },
      run() {
        const parsed = ChatTemplate.parse(source, {
          specialTokens: { bos_token: "<s>", eos_token: "</s>" },
          now: () => new Date(0),
        });
        const text = parsed.render(conversation, { addGenerationPrompt: random.chance(0.5) });
        return text === "" ? "nothing" : "rendered";
      },
    };
  },
};
