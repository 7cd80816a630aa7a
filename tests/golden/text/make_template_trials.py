"""Makes template_trials.json: small random templates, and what Jinja2 as transformers runs it makes of them.

Run from this folder: python make_template_trials.py [COUNT] [SEED]
Each trial is [template, text], with null for the text where Jinja2 refuses. All are rendered after the
prelude. Left out are texts that tell a place in memory, and what Assay does not follow on purpose: complex
numbers, objects that hold themselves, and the mark of `safe` and `escape` inside a list.
"""

import json
import pathlib
import random
import re
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

LEFT_OUT = re.compile(r"<[^>]*(object|method|function|built-in|class|Context)|Markup\(|\[\.\.\.\]|\d+j\)", re.IGNORECASE)
HERE = pathlib.Path(__file__).parent
PRELUDE = r"""{%- set s = 'Hello wörld' -%}
{%- set t = '  Tab\tand\nnew line ' -%}
{%- set u = '😀a𝔘é ß' -%}
{%- set w = 'one two  three,four' -%}
{%- set e = '' -%}
{%- set xs = [3, 1, 2, 1] -%}
{%- set ys = ['b', 'A', 'a', 'C'] -%}
{%- set ds = [{'k': 1, 'n': 'x'}, {'k': 3, 'n': 'Y'}, {'k': 1, 'n': 'z', 'o': none}, {'n': 'x'}] -%}
{%- set d = {'b': 2, 'a': [1, 'q'], 1: 'one', 'A': {'z': 1.5}} -%}
{%- set n = 7 -%}
{%- set m = -3 -%}
{%- set f = 2.5 -%}
{%- set big = 12345678901234567890 -%}
{%- set y = true -%}
{%- set z = none -%}
{%- set ns = namespace(a=1, b='x') -%}
{%- macro mac(a, b='B') -%}<{{ a }}|{{ b }}|{{ varargs }}|{{ kwargs }}>{%- endmacro -%}
"""
STRINGS = ["s", "t", "u", "w", "e", "'a'", "'o'", "' '", "','", "'l'", "'\\n'", "'%s-%d'", "\"it's\"", "'1.50'", "'42'",
           "'-7'", "'{}:{}'", "'é'", "'😀'", "'True'", "'wö'", "'a\\\\b\"c'"]
INTS = ["0", "1", "2", "-1", "3", "n", "m", "10", "100", "true", "1_000"]
FLOATS = ["f", "1.0", "0.1", "-2.75", "1e20", "1e-7", "3.14159", "0.5", "100.0"]
LISTS = ["xs", "ys", "ds", "[]", "[1, 'a', none, 2.0]", "[[1, 2], [3]]", "(1, 2)", "('x',)", "range(4)", "['x', 'yy', 'zzz']"]
DICTS = ["d", "{}", "ds[0]", "ds[2]", "{'x': {'y': 'z'}}", "dict(a=1, b=2)"]
OTHERS = ["none", "z", "missing", "missing2", "y", "false", "ns", "ns.a", "ns.q", "d.nope", "s.nope", "xs[9]", "mac"]
STRING_CALLS = [
    "upper()", "lower()", "title()", "capitalize()", "swapcase()", "casefold()", "strip()", "lstrip()", "rstrip()",
    "strip({S})", "lstrip({S})", "rstrip({S})", "split()", "split({S})", "split({S}, {I})", "split(none, {I})",
    "split(maxsplit=1)", "rsplit()", "rsplit({S}, {I})", "rsplit(none, 1)", "splitlines()", "splitlines(true)",
    "startswith({S})", "endswith({S})", "startswith(({S}, {S}))", "startswith({S}, {I})", "find({S})", "rfind({S})",
    "find({S}, {I}, {I})", "index({S})", "count({S})", "count({S}, {I})", "replace({S}, {S})", "replace({S}, {S}, {I})",
    "join({L})", "join(ys)", "center({I})", "ljust(12, '*')", "rjust(15)", "zfill(9)", "partition({S})",
    "rpartition({S})", "removeprefix({S})", "removesuffix({S})", "isdigit()", "isalpha()", "isalnum()", "isspace()",
    "isupper()", "islower()", "istitle()", "isnumeric()", "isidentifier()", "isascii()", "isprintable()", "expandtabs(4)",
    "format({X}, {X})", "format(1, b=2)", "nope()", "append(1)",
]
LIST_CALLS = ["index({X})", "count({X})", "append(1)", "copy()", "pop()", "items()"]
DICT_CALLS = ["items()", "keys()", "values()", "get({X})", "get({S}, {X})", "items() | list", "keys() | list", "pop('a')",
              "values() | list", "update(a=1)", "copy()"]
FILTERS = [
    "upper", "lower", "title", "capitalize", "trim", "trim({S})", "length", "count", "first", "last", "list", "string", "int",
    "float", "abs", "round", "round(1)", "round(2, 'floor')", "round(method='ceil')", "sum", "min", "max", "reverse",
    "reverse | list", "sort", "sort(reverse=true)", "sort(attribute='n')", "sort(case_sensitive=true)", "unique | list",
    "unique(attribute='k') | list", "join", "join({S})", "join(', ', attribute='n')", "map('upper') | list",
    "map(attribute='n') | list", "map(attribute='k', default=0) | list", "map('trim') | list", "map('default', 'q') | list",
    "select | list", "select('string') | list", "select('gt', 1) | list", "select('in', [1, 'a']) | list",
    "reject('none') | list", "reject | list", "selectattr('k') | list", "selectattr('k', 'undefined') | list",
    "selectattr('k', 'defined') | map(attribute='n') | join", "selectattr('k', 'eq', 1) | list",
    "rejectattr('k', 'equalto', 1) | list", "rejectattr('o', 'none') | list", "groupby('k')", "groupby('n') | list",
    "groupby('k', default=9) | map(attribute='grouper') | list", "default({X})", "default({X}, true)", "d('dflt')",
    "default", "replace({S}, {S})", "replace({S}, {S}, 1)", "indent", "indent(2, true)", "indent(3, blank=true)",
    "indent({S})", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(indent=4, sort_keys=true)",
    "tojson(separators=(',', ':'))", "dictsort", "dictsort(by='value')", "dictsort(reverse=true)",
    "dictsort(case_sensitive=true)", "items | list", "batch(2) | list", "batch(3, '-') | list", "slice(2) | list",
    "slice(3, 'f') | list", "center(20)", "truncate(8)", "truncate(9, true)", "truncate(5, false, '..', 0)", "wordcount",
    "format(1, 2)", "format({X})", "attr('upper')", "attr('a')", "e", "safe", "int(5)", "int(base=16)", "float(1.5)",
    "nonesuch", "sum(attribute='k')", "sum(start=10)", "max(attribute='n')", "filesizeformat", "urlencode", "first(1)",
]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping",
         "iterable", "sequence", "callable", "odd", "even", "divisibleby 2", "divisibleby(3)", "eq {X}", "ne({X})", "gt 1",
         "lt({X})", "in {L}", "in({S})", "sameas none", "sameas(true)", "upper", "lower", "equalto 'a'", "ge 2", "le 2",
         "greaterthan 1", "filter", "test", "nonesuch", "== 1", "escaped"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or", "**"]
SLICES = ["[0]", "[-1]", "[1:]", "[:-1]", "[::-1]", "[1:3]", "[::2]", "[-3:]", "[5:1:-1]", "[9]", "['k']", "['a']", "[1]",
          "[:2]", "[none:2]", "[{X}]", "[{I}:{I}]", ".0", ".n", ".k", ".a", ".items", ".nope.nope", "[true]", "[1.0]",
          "[{I}:{I}:{I}]", "[2:][0]"]


def pick(kind, depth):
    roll = random.random()
    if kind == "S" and (depth <= 0 or roll < 0.7):
        return random.choice(STRINGS)
    if kind == "I" and (depth <= 0 or roll < 0.9):
        return random.choice(INTS)
    if kind == "L" and (depth <= 0 or roll < 0.8):
        return random.choice(LISTS)
    if depth <= 0:
        return random.choice(random.choice([STRINGS, INTS, FLOATS, LISTS, DICTS, OTHERS]))
    return expression(depth - 1)


def fill(pattern, depth):
    return re.sub(r"\{([SILX])\}", lambda match: pick(match[1], depth), pattern)


def atom():
    return random.choice(random.choice([STRINGS, STRINGS, INTS, FLOATS, LISTS, LISTS, DICTS, OTHERS]))


def expression(depth):
    if depth <= 0:
        return atom()
    inner = expression(depth - 1) if random.random() < 0.35 else atom()
    if not re.fullmatch(r"\w+|'[^']*'", inner):
        inner = f"({inner})"
    kind = random.randrange(13)
    if kind <= 2:
        return f"{random.choice(STRINGS) if random.random() < 0.8 else inner}.{fill(random.choice(STRING_CALLS), depth - 1)}"
    if kind == 3:
        if random.random() < 0.5:
            return f"({random.choice(LISTS)}).{fill(random.choice(LIST_CALLS), depth - 1)}"
        return f"({random.choice(DICTS)}).{fill(random.choice(DICT_CALLS), depth - 1)}"
    if kind <= 6:
        return f"{inner} | {fill(random.choice(FILTERS), depth - 1)}"
    if kind == 7:
        negation = random.choice(["is", "is", "is not"])
        return f"{inner} {negation} {fill(random.choice(TESTS), depth - 1)}"
    if kind <= 9:
        return f"{inner} {random.choice(BINARY)} {pick('X', depth - 1)}"
    if kind == 10:
        return inner + fill(random.choice(SLICES), depth - 1)
    if kind == 11:
        return random.choice([
            f"{inner} if {atom()} else {atom()}", f"{atom()} if {inner}", f"not {inner}", f"-{inner}",
            f"[{inner}, {atom()}]", f"{{{atom()}: {inner}}}", f"({inner}, {atom()})", f"1 < {inner} < 5", f"+{inner}",
        ])
    return random.choice([
        f"mac({inner})", f"mac({inner}, {atom()}, {atom()})", f"mac(b={inner})", f"mac({inner}, c={atom()})", f"mac(*{inner})",
        f"mac(**{inner})", f"range({inner}) | list", f"dict({inner})", f"namespace({inner}).a", f"'%s|%r' % ({inner}, {atom()})",
        f"'%5.2f|%-6s|%03d' % (f, {inner}, n)", f"'%(b)s' % {inner}", f"'{{:>8}}|{{:<5}}|{{!r}}'.format({inner}, n, {atom()})",
        f"'{{:.2f}} {{:,}} {{:+d}} {{:x}}'.format({inner}, 1234567, n, 255)", f"'%e %g' % ({inner}, f)",
    ])


STATEMENTS = [
    "{{% for i in {a} %}}{{{{ loop.index }}}}{{{{ i }}}};{{% else %}}E{{% endfor %}}",
    "{{% for i in {a} if i %}}{{{{ loop.length }}}}{{{{ loop.last }}}}{{% endfor %}}",
    "{{% for a, b in {a} %}}{{{{ a }}}}={{{{ b }}}} {{% endfor %}}",
    "{{% for i in {a} %}}{{% if loop.first %}}{{% set q = {b} %}}{{% endif %}}{{{{ q is defined }}}}{{{{ loop.nextitem }}}}{{% endfor %}}",
    "{{% for i in {a} %}}{{% if i == {b} %}}{{% continue %}}{{% elif loop.index > 2 %}}{{% break %}}{{% endif %}}{{{{ i }}}}{{% endfor %}}",
    "{{% set q = {a} %}}{{% if q %}}T{{% elif {b} %}}B{{% else %}}F{{% endif %}}{{{{ q }}}}",
    "{{% with q = {a}, r = {b} %}}{{{{ q ~ r }}}}{{% endwith %}}{{{{ q }}}}",
    "{{% set a, b = {a} %}}{{{{ a }}}}{{{{ b }}}}",
    "{{% set q %}}<{{{{ {a} }}}}>{{% endset %}}{{{{ q | length }}}}{{{{ q }}}}",
    "{{% filter upper | replace('A', 'q') %}}a{{{{ {a} }}}}{{% endfilter %}}",
    "{{% call mac({a}) %}}x{{% endcall %}}",
    "{{% set ns.c = {a} %}}{{{{ ns.c }}}}{{{{ ns.a }}}}",
    "{{% for i in {a} recursive %}}({{{{ i if i is not iterable or i is string else loop(i) }}}}){{% endfor %}}",
    "{{% for i in {a} %}}{{{{ loop.cycle('o', 'e') }}}}{{{{ loop.changed(i) }}}}{{{{ loop.revindex0 }}}}{{{{ loop.previtem }}}}{{% endfor %}}",
]


def trial():
    if random.random() < 0.2:
        return random.choice(STATEMENTS).format(a=expression(1), b=atom())
    return "{{ " + expression(random.choice([1, 1, 2, 2, 3])) + " }}"


def render(source):
    try:
        return _compile_jinja_template(PRELUDE + source).render(messages=[], tools=None, documents=None)
    except Exception:
        return None


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 11)
    out = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else HERE / "template_trials.json"
    trials = {}
    while len(trials) < count:
        source = trial()
        text = render(source)
        if text is not None and (LEFT_OUT.search(text) or len(text) > 400):
            continue
        # Refusals are the easier half: two of three are left out.
        if text is None and random.random() < 0.67:
            continue
        trials[source] = text
    lines = ",\n".join(json.dumps(pair, ensure_ascii=False) for pair in trials.items())
    out.write_text('{"prelude":' + json.dumps(PRELUDE, ensure_ascii=False) + ',"trials":[\n' + lines + "\n]}\n", encoding="utf-8")
    print(count, sum(text is None for text in trials.values()), "refused")


if __name__ == "__main__":
    main()
