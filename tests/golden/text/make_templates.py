"""Makes templates.json: chat templates with the features of published ones, and what transformers renders.

Run from this folder: python make_templates.py
Every template is written for this file, after what published templates do: how they tell turns apart, take
thoughts out, write tools, refuse. Each is rendered for every conversation, with and without a header for a
new turn; null stands for a refusal.
"""

import json
import pathlib
from datetime import datetime
from unittest import mock

import transformers
from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template

HERE = pathlib.Path(__file__).parent
NAMES = {"bos_token": "<s>", "eos_token": "</s>"}
NOW = datetime(2024, 12, 30, 7, 5, 9, 250000)

TOOL_CALLS = [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich", "days": 3, "detail": [1.5, True, None]}}}]
CONVERSATIONS = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}],
    [{"role": "system", "content": "  Be brief.\n"}, {"role": "user", "content": " What's \"up\"?\n\n"}, {"role": "assistant", "content": "\n\nNot <much>.  "}],
    [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "<think>\nfirst thought\n</think>\n\nTwo"},
        {"role": "user", "content": "Three 😀é"},
        {"role": "assistant", "content": "<think>\n\n</think>\n\nFour\ud83d\ude00"},
    ],
    [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    [{"role": "assistant", "content": "I begin"}, {"role": "user", "content": "No"}, {"role": "user", "content": "Really"}],
    [
        {"role": "system", "content": "S1"},
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": "", "tool_calls": TOOL_CALLS},
        {"role": "tool", "content": "{\"t\": 3.5}", "name": "weather"},
        {"role": "tool", "content": "again"},
        {"role": "assistant", "content": "Cold. & <wet>", "reasoning_content": "It's 3.5"},
    ],
    [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image"}, {"type": "text", "text": " here"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "A cat"}]},
    ],
    [{"role": "user", "content": "/no_think line one\r\nline two\n\n  indented\tend"}, {"role": "assistant", "content": "a|b||c "}],
]

CORPUS = {
    "chatml": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    "headers with a trim": "{{ bos_token }}{%- for m in messages -%}\n  {{- '[' ~ m.role ~ ']' }}{{ m['content'] | trim }}\n{%- endfor -%}\n{% if add_generation_prompt %}\n[assistant]\n{%- endif %}",
    "alternation": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] | trim + '\n\n' %}{% else %}{% set loop_messages = messages %}{% set system_message = '' %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 %}{% set content = system_message + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    "a note of an earlier turn": "{% for m in messages %}{% if m.role == 'system' %}{% set note = m.content %}{% endif %}{% if note is defined %}<{{ note }}>{% endif %}{{ m.role }};{% endfor %}{{ note is defined }}",
    "a set before the loop": "{% set last = 'none' %}{% for m in messages %}{{ last }}>{% set last = m.role %}{{ last }};{% endfor %}{{ last }}",
    "a namespace": "{% set ns = namespace(system='', n=0, seen=[]) %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.system = m.content %}{% else %}{% set ns.n = ns.n + 1 %}{% set ns.seen = ns.seen + [m.role[0]] %}{% endif %}{% endfor %}{{ ns.system | trim }}/{{ ns.n }}/{{ ns.seen }}/{{ ns.seen | join }}",
    "last user turn from behind": "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}\n{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n    {%- if ns.multi_step_tool and message.role == \"user\" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}\n        {%- set ns.multi_step_tool = false %}\n        {%- set ns.last_query_index = index %}\n    {%- endif %}\n{%- endfor %}\n{{- ns.last_query_index }}{% for m in messages %}\n{% if loop.index0 > ns.last_query_index %}{{ m.role }}!{% else %}{{ m.role }}{% endif %}\n{% endfor %}",
    "thoughts taken out": "{%- for message in messages %}{%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}{%- if message.role == 'assistant' %}{%- set reasoning_content = '' %}{%- if message.reasoning_content is string %}{%- set reasoning_content = message.reasoning_content %}{%- else %}{%- if '</think>' in content %}{%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}{%- endif %}{%- if loop.last or (not loop.last and reasoning_content) %}{{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}{%- else %}{{- '<|im_start|>' + message.role + '\\n' + content }}{%- endif %}{{- '<|im_end|>\\n' }}{%- else %}{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}",
    "strip_thinking macro": "{%- macro strip_thinking(text) -%}{%- set ns = namespace(result='') -%}{%- for part in text.split('</think>') -%}{%- if '<think>' in part -%}{%- set ns.result = ns.result + part.split('<think>')[0] -%}{%- else -%}{%- set ns.result = ns.result + part -%}{%- endif -%}{%- endfor -%}{{- ns.result | trim -}}{%- endmacro -%}{% for m in messages %}{{ strip_thinking(m.content) if m.role == 'assistant' else m.content }}|{% endfor %}",
    "tool calls": "{%- for m in messages %}{%- if m.role == 'assistant' and m.tool_calls %}{%- for tool_call in m.tool_calls %}{%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}{{- '\\n<tool_call>\\n{\"name\": \"' }}{{- tool_call.name }}{{- '\", \"arguments\": ' }}{{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}{%- endfor %}{%- elif m.role == 'tool' %}{%- if loop.first or (messages[loop.index0 - 1].role != 'tool') %}{{- '<|im_start|>user' }}{%- endif %}{{- '\\n<tool_response>\\n' }}{{- m.content }}{{- '\\n</tool_response>' }}{%- if loop.last or (messages[loop.index0 + 1].role != 'tool') %}{{- '<|im_end|>\\n' }}{%- endif %}{%- else %}{{- m.role ~ ': ' ~ m.content }}{%- endif %}{%- endfor %}",
    "tool arguments one by one": "{% for m in messages %}{% if 'tool_calls' in m %}{% for c in m['tool_calls'] %}{{ c['function']['name'] }}({% for k, v in c['function']['arguments'].items() %}{{ k }}={{ v if v is string else v | tojson(ensure_ascii=False) }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}",
    "arguments as Python writes them": "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments }}{{ c.function.arguments | string | length }}{{ c }}{% endfor %}{% endfor %}",
    "json with an indent": "{% for m in messages %}{{ m | tojson(indent=4) }}\n{% endfor %}{{ messages | map(attribute='role') | list | tojson }}",
    "json sorted and ASCII": "{% for m in messages %}{{ m | tojson(ensure_ascii=true, sort_keys=true) }}{{ m | tojson(separators=(',', ':')) }}{% endfor %}",
    "content parts": "{% for message in messages %}{{ message.role | upper }}: {% if message.content is string %}{{ message.content }}{% elif message.content is iterable and message.content is not mapping %}{% for item in message['content'] %}{% if item.type == 'image' %}<image>{% elif item['type'] == 'text' %}{{ item.text | trim }}{% else %}?{% endif %}{% endfor %}{% endif %}\n{% endfor %}",
    "images first": "{% for message in messages %}{% if message['content'] is not string %}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}<image>{% endfor %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}{% else %}{{ message.content }}{% endif %}{% endfor %}",
    "system split off by selectattr": "{% set system = messages | selectattr('role', 'equalto', 'system') | map(attribute='content') | list %}{% set others = messages | rejectattr('role', 'equalto', 'system') | list %}{{ system | join('\n') | trim }}#{{ others | length }}{% for m in others %}{{ loop.index }}/{{ loop.length }}{{ m.role[:1] }}{% endfor %}",
    "selectattr undefined": "{{ messages | selectattr('tool_calls', 'undefined') | list | length }}{{ messages | selectattr('tool_calls', 'defined') | map(attribute='role') | join(',') }}{{ messages | selectattr('tool_calls') | list | length }}{{ messages | rejectattr('name') | map(attribute='role') | unique | list }}",
    "a generator is true": "{% if messages | selectattr('role', 'equalto', 'nobody') %}yes{% else %}no{% endif %}{% if messages | selectattr('role', 'equalto', 'nobody') | list %}yes{% else %}no{% endif %}",
    "outside of the list": "{% if messages[5].role == 'assistant' %}six{% endif %}",
    "outside of the list, printed": "[{{ messages[9] }}][{{ messages[-1].nothing }}][{{ nothing }}]{{ messages[9] is defined }}",
    "loops over undefined": "{% for x in nothing %}{{ x }}{% else %}none{% endfor %}{{ nothing | length }}{{ 'a' not in nothing }}{{ nothing | default('d') }}{{ nothing is undefined }}{{ (nothing or 'o') ~ '' }}",
    "neighbours": "{% for m in messages %}{% if loop.previtem is defined and loop.previtem.role == m.role %}twice{% endif %}{{ loop.nextitem.role if not loop.last else '.' }}{{ loop.revindex }}{{ loop.cycle('a', 'b') }}{{ loop.changed(m.role) }};{% endfor %}",
    "break and continue": "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{{ m.role }}{% if loop.index > 2 %}{% break %}{% endif %},{% else %}never{% endfor %}",
    "a filtered loop": "{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ m.role }}{% if not loop.last %},{% endif %}{% else %}nobody{% endfor %}",
    "macro with keywords": "{% macro turn(role, text='-', end=eos_token) %}<{{ role }}>{{ text }}{{ end }}{{ varargs }}{{ kwargs }}{% endmacro %}{% for m in messages %}{{ turn(m.role, text=m.content) }}{{ turn('x', 'y', 'z', 1, q=2) }}{% endfor %}",
    "call blocks": "{% macro box(title) %}[{{ title }}:{{ caller('!') }}]{% endmacro %}{% for m in messages %}{% call(mark) box(m.role) %}{{ m.content }}{{ mark }}{% endcall %}{% endfor %}",
    "with and filter blocks": "{% for m in messages %}{% with r = m.role, c = m.content | string %}{% filter replace('e', 'E') %}{{ r }}={{ c }}{% endfilter %}{% endwith %}{{ r is defined }}{% endfor %}",
    "set block": "{% set head %}\n  <{{ messages[0].role }}>\n{% endset %}{{ head }}{{ head | trim | length }}{% for m in messages %}{% set body | upper | trim %} {{ m.role }} {% endset %}{{ body }}{% endfor %}",
    "generation": "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{% set inner = m.content %}{{ inner }}{{ eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ inner is defined }}\n{% endfor %}",
    "dates": "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%Y-%m-%d %H:%M:%S.%f %j %U %W %V %G %u %w %y %C') }}|{{ strftime_now('%e %k %l %I %p %P %A %B %-d %_m %D %F %T %R %r %c %x %X %h %n%t%%') }}|{{ strftime_now('%Q') is string }}",
    "a date that may be given": "{%- if not date_string is defined %}{%- set date_string = '26 Jul 2024' %}{%- endif %}{{ date_string }}{% if strftime_now is defined %}{% set now = strftime_now('%Y') %}{{ now }}{% endif %}",
    "whitespace marks": "  {%- if true -%}  a  {%- endif %}  \n\n  {%+ if true %}b{% endif +%}\n c {{- ' d ' -}} e\n  {# comment #}\n  {#- tight -#}  f {% raw %}{{ raw }} {% x %}{% endraw %}\n{%- raw -%}  {% y %} {%- endraw -%}  g\n\n",
    "trim and lstrip blocks": "{% for m in messages %}\n    {% if m.role == 'user' %}\n    U: {{ m.content }}\n    {% else %}\n\tA: {{ m.content }}\n    {% endif %}\n{% endfor %}\n\n",
    "lines": "{% for m in messages %}{% for line in (m.content | string).splitlines() %}{{ loop.index }}:{{ line | indent(2, first=true) }}\n{% endfor %}{{ m.content | string | indent(width=4) }}{% endfor %}",
    "words": "{% for m in messages %}{{ (m.content | string).split() }}{{ (m.content | string).split(' ', 1) | last }}{{ (m.content | string).rsplit('\n', 1)[0] }}{{ m.content | string | wordcount }}{% endfor %}",
    "titles": "{% for m in messages %}{{ m.role | capitalize }} {{ m.role.title() }} {{ m.role | title }} {{ m.role.upper() }} {{ (m.content | string).capitalize() }} {{ (m.content | string).title() }}{% endfor %}",
    "code points": "{% for m in messages %}{% set c = m.content | string %}{{ c | length }}{{ c[:7] }}{{ c[::-1] }}{{ c[-3:-1] }}{{ c.find('é') }}{{ c | list | last }}{{ c | reverse }}{{ c.center(30, '*') }}{% endfor %}",
    "slices": "{% set c = messages | map(attribute='role') | list %}{{ c[1:] }}{{ c[:-1] }}{{ c[::2] }}{{ c[::-1] }}{{ c[-2:] }}{{ c[5:1:-1] }}{{ c[10:] }}{{ messages[-1]['role'] }}",
    "numbers": "{{ messages | length / 2 }} {{ messages | length // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 1.0 }} {{ 10 / 5 }} {{ 1e3 }} {{ 0.1 + 0.2 }} {{ 3 | float }} {{ '12' | int + 1 }} {{ 2.5 | round }} {{ 3.5 | round | int }} {{ 7 / 3 }} {{ 1 == 1.0 }} {{ true + 1 }} {{ 10000000000000000.0 }}",
    "literals": "{{ none }} {{ true }} {{ [none, True, 'a', \"it's\", 1.0, (1,), {'k': 'v', 2: []}] }} {{ 'a' 'b' }} {{ {'a': 1}.a }} {{ [1, 2] == [1, 2.0] }} {{ (1, 2) + (3,) }} {{ 'tab\\tnew\\nline \\x41 \\u00e9' }} {{ ['\\n', '\\\\'] }} {{ {1: 'one'}[1] }} {{ 'x' * 3 }} {{ '%s is %d' % ('a', 3) }}",
    "conditions": "{% for m in messages %}{{ 'S' if m.role == 'system' else 'U' if m.role == 'user' else 'A' }}{{ 'only' if loop.first }}{{ m.name or 'unnamed' }}{{ (m.content and m.content is string) | string }}{{ not m.tool_calls }}{{ 0 < loop.index <= 2 }}{{ m.role in ['user', 'tool'] }}{{ m.role not in ('user',) }}{% endfor %}",
    "defaults": "{{ system_prompt | default('sp') }}{{ messages[0].name | default('nn', true) }}{{ '' | default('x') }}{{ '' | default('x', true) }}{{ none | default('y') }}{{ none | d('z', boolean=true) }}{{ add_generation_prompt | default(true) }}{{ tools is none }}{{ tools is defined }}{{ custom_tools is defined }}",
    "dictionaries": "{% set d = {'b': 1, 'a': messages[0].role, 'C': [1]} %}{{ d }}{{ d.items() | list }}{{ d | dictsort }}{% for k, v in d | items %}{{ k }}{{ v }}{% endfor %}{{ d.keys() | list }}{{ d.get('z', 'zz') }}{{ d.get('z') }}{{ 'b' in d }}{{ d | length }}{{ dict(d, e=5) }}{{ d.values() | map('string') | join }}",
    "grouping and sorting": "{% for g in messages | groupby('role') %}{{ g.grouper }}{{ g.list | length }}{{ g[0] }};{% endfor %}{% for role, ms in messages | groupby('role') %}{{ role }}{{ ms | map(attribute='content') | map('string') | map('length') | list }}{% endfor %}{{ messages | map(attribute='role') | sort(reverse=true) | join(',') }}{{ messages | sort(attribute='role') | map(attribute='role') | first }}{{ [3, 1, 2] | sort }}{{ ['b', 'A'] | sort }}{{ [1, 2, 3] | sum }}{{ [1, 5] | max }}{{ messages | map(attribute='role') | unique | list }}",
    "recursion": "{% macro show(value, depth=0) %}{% if value is mapping %}{{ '{' }}{% for k, v in value.items() %}{{ k }}:{{ show(v, depth + 1) }}{{ ',' if not loop.last }}{% endfor %}{{ '}' }}{% elif value is iterable and value is not string %}[{% for v in value %}{{ show(v, depth + 1) }}{% endfor %}]{% else %}{{ value }}@{{ depth }}{% endif %}{% endmacro %}{% for m in messages %}{{ show(m) }}{% endfor %}",
    "recursive loops": "{% for item in [[1, [2, 3]], 4] recursive %}{% if item is iterable %}({{ loop(item) }}){{ loop.depth }}{% else %}{{ item }}{{ loop.depth0 }}{% endif %}{% endfor %}",
    "unpacking": "{% for a, (b, c) in [(1, (2, 3)), (4, (5, 6))] %}{{ a }}{{ b }}{{ c }};{% endfor %}{% set x, y = messages[0].role, 'y' %}{{ x }}{{ y }}{% set kw = {'b': 2} %}{% macro f(a, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ f(1, **kw) }}{{ f(*[7, 8]) }}",
    "string methods": "{% for m in messages %}{% set c = m.content | string %}{{ c.startswith(('<', ' ')) }}{{ c.removeprefix('<think>') }}{{ c.removesuffix('.') }}{{ c.replace('\n', '|', 1) }}{{ c.partition(' ') }}{{ c.count('e') }}{{ c.strip().isalpha() }}{{ ','.join(c.split('|')) }}{{ c.zfill(3) }}{{ c.lower().swapcase() }}{{ '{:>4}|{:<4}|{:^5}|{:05.1f}|{!r}'.format(loop.index, m.role[:2], 'x', 2.345, c[:3]) }}{% endfor %}",
    "an unsafe method": "{% set x = [] %}{{ x.append(1) }}",
    "a private attribute": "{{ messages.__class__ }}{{ ''.__class__.__mro__ }}",
    "an unknown filter": "{{ messages | shuffle }}",
    "an unknown test": "{{ messages is odd_one }}",
    "adding text and number": "{{ 'a' + 1 }}",
    "adding none": "{% for m in messages %}{{ m.role + m.name }}{% endfor %}",
    "refusal of a role": "{% for m in messages %}{% if m.role not in ['user', 'assistant'] %}{{ raise_exception('Only user and assistant roles are supported, got ' + m.role) }}{% endif %}{{ m.content }}{% endfor %}",
    "comparison of mixed types": "{{ 1 < 'a' }}",
    "equality of mixed types": "{{ 1 == '1' }}{{ none == false }}{{ [] == () }}{{ '' == none }}{{ nothing == none }}{{ nothing == nothing2 }}{{ true == 1 }}{{ 'a' in ['a'] }}{{ 1 in [true] }}",
    "scopes": "{% set a = 1 %}{% if true %}{% set a = 2 %}{% endif %}{{ a }}{% for i in [1] %}{% set a = 3 %}{% if true %}{% set b = 4 %}{% endif %}{{ a }}{{ b }}{% endfor %}{{ a }}{{ b }}{% macro m() %}{{ a }}{% set a = 9 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}{% with a = 5 %}{% set c = a %}{{ a }}{% endwith %}{{ a }}{{ c }}",
    "a macro sees later values": "{% macro m() %}{{ v }}{% endmacro %}{{ m() }}{% set v = 1 %}{{ m() }}{% for i in [1, 2] %}{% set v = i * 10 %}{{ m() }}{% endfor %}",
    "cycler and joiner": "{% set c = cycler('a', 'b') %}{% set j = joiner('; ') %}{% for m in messages %}{{ j() }}{{ c.next() }}{{ c.current }}{{ m.role }}{% endfor %}",
    "a syntax error": "{% if messages %}{{ x }",
    "an unclosed loop": "{% for m in messages %}{{ m.role }}",
    "an unknown tag": "{% do messages.append(1) %}",
}


class FixedDate(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*NOW.timetuple()[:6], NOW.microsecond)


def render(template, messages, add_generation_prompt):
    try:
        return _compile_jinja_template(template).render(
            messages=messages, tools=None, documents=None, add_generation_prompt=add_generation_prompt, **NAMES
        )
    except Exception:
        return None


def main():
    conversations = json.loads(json.dumps(CONVERSATIONS).encode("utf-16", "surrogatepass").decode("utf-16"))
    results = []
    with mock.patch.object(chat_template_utils, "datetime", FixedDate):
        for name, template in CORPUS.items():
            texts = [[render(template, messages, adds) for adds in (False, True)] for messages in conversations]
            results.append({"name": name, "template": template, "texts": texts})
    value = {"transformers": transformers.__version__, "names": NAMES, "now": NOW.isoformat(), "conversations": conversations, "templates": results}
    (HERE / "templates.json").write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    texts = [text for result in results for pair in result["texts"] for text in pair]
    print(len(results), "templates,", len(texts), "renderings,", texts.count(None), "refused")


if __name__ == "__main__":
    main()
