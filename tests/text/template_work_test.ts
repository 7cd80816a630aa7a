import assert from "node:assert/strict";
import { ChatTemplate } from "../../src/text/chat_template.ts";
import { AssayError } from "../../src/error.ts";

/** Doubles `n.s` so many times. */
function doubled(start: string, times: number): string {
  return `{% set n = namespace(s=${start}) %}{% for i in range(${times}) %}` +
    "{% set n.s = n.s + n.s %}{% endfor %}";
}

const nested = "{% set n = namespace(s=[1]) %}{% for i in range(40) %}" +
  "{% set n.s = [n.s, n.s] %}{% endfor %}";
const often = (body: string) => `{% for i in range(100000) %}${body}{% endfor %}`;

/** Each would take minutes, gigabytes or for ever without a budget. */
const runaways: Record<string, string> = {
  "shared lists, printed": `${nested}{{ n.s }}`,
  "shared lists as JSON": `${nested}{{ n.s | tojson }}`,
  "shared lists, compared": `${nested}{% set m = namespace(s=[1]) %}` +
    "{% for i in range(40) %}{% set m.s = [m.s, m.s] %}{% endfor %}{{ n.s == m.s }}",
  "shared tuples as a key": "{% set n = namespace(s=(1,)) %}{% for i in range(40) %}" +
    "{% set n.s = (n.s, n.s) %}{% endfor %}{{ {n.s: 1} }}",
  "shared lists, formatted": `${nested}{{ '%s' % n.s }}`,
  "deep lists": "{% set n = namespace(s=[1]) %}{% for i in range(5000) %}" +
    "{% set n.s = [n.s] %}{% endfor %}{{ n.s }}",
  "a namespace in itself": "{% set n = namespace() %}{% set n.s = n %}{{ n }}",
  "a long strip over and over": doubled("'yy'", 22) + often("{% set t = n.s.strip('y') %}"),
  "a long search over and over": doubled("'xx'", 22) + often("{{ 'y' in n.s }}"),
  "a long needle in a long text": `${doubled("'ab'", 22)}{% set m = n.s[4000000:] ~ 'c' %}` +
    often("{% if m in n.s %}{% endif %}"),
  "a list for each pass": often("{% set t = range(100000) | list %}"),
  "a search in a range": often("{% set t = 'x' in (range(100000) | list) %}"),
  "a repeated string": "{{ 'x' * 10**9 }}",
  "a repeated list": "{{ [1] * 10**9 }}",
  "a repeated empty list": "{{ ([] * 10**12) | length }}{{ ('' * 10**12) }}{{ [1] * 10**10 }}",
  "a huge range": "{{ range(10**12) | list }}",
  "a huge power": "{{ 10 ** (10 ** 10) }}",
  "powers of powers": "{% set n = namespace(s=3) %}{% for i in range(60) %}" +
    "{% set n.s = n.s * n.s %}{% endfor %}{{ n.s }}",
  "sorts over and over": often("{% set t = range(100000) | sort %}"),
  "a recursive macro": "{% macro m(x) %}{{ m(x + 1) }}{% endmacro %}{{ m(1) }}",
  "a macro that calls itself twice": "{% macro m(x) %}{% if x %}{{ m(x - 1) }}{{ m(x - 1) }}" +
    "{% endif %}{% endmacro %}{{ m(60) }}",
  "two macros that call each other": "{% macro a() %}{{ b() }}{% endmacro %}" +
    "{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
  "a recursive loop without an end": "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
  "a wide format": "{{ '%1000000000d' % 1 }}",
  "a wide field": "{{ '{:>1000000000}'.format('x') }}",
  "a wide center": "{{ 'x'.center(10**10) }}{{ 'x' | center(10**10) }}",
  "a wide indent": "{{ 'x\ny' | indent(10**10) }}",
  "an indented tree": `${nested}{{ n.s | tojson(indent=1000) }}`,
  "many joins": doubled("'xx'", 20) + often("{% set t = n.s.split('x') | join('y') %}"),
  "a growing join": doubled("'xx'", 12) + "{{ (n.s | list) | join(n.s) | list | join(n.s) }}",
  "replacing nothing": doubled("'xx'", 14) + "{{ n.s.replace('', n.s) }}",
  "batches": "{{ [1] | batch(10**10, 0) | list }}",
  "slices": "{{ [1] | slice(10**10) | list }}",
  "thousands of names that are set here and there": Array.from(
    { length: 5000 },
    (_, index) => `{% if c${index} %}{% set v${index} = 1 %}{% endif %}`,
  ).join(""),
  "unrolled arguments": "{% macro m() %}{{ varargs | length }}{% endmacro %}" +
    often("{% set t = m(*range(100000)) %}"),
};

for (const [name, source] of Object.entries(runaways)) {
  Deno.test(`render() stops within a second or two: ${name}`, () => {
    const start = performance.now();
    assert.throws(
      () => ChatTemplate.parse(source).render([{ role: "user", content: "Hi" }]),
      (error) => {
        assert.ok(error instanceof AssayError, String(error));
        return error.code === "text/template-runaway" || error.code === "text/template-failed";
      },
    );
    assert.ok(performance.now() - start < 10_000);
  });
}

Deno.test("render() takes long contents that a template goes over many times", () => {
  const content = "<think>thought</think>\n\nword ".repeat(50_000);
  const source = "{% for m in messages %}{% set c = m.content %}{% for i in range(4) %}" +
    "{% set c = c | trim | replace('thought', 'x') %}{% if '</think>' in c %}" +
    "{% set d = c.split('</think>')[-1] %}{% endif %}{% endfor %}{{ c }}{% endfor %}";
  const text = ChatTemplate.parse(source).render([{ role: "user", content }]);
  assert.equal(text, content);
});
