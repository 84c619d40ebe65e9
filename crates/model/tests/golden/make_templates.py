"""Makes templates.tsv: what Python's Jinja makes of chat templates, set up as in transformers.

    pip install jinja2 && python3 make_templates.py

Lines: template in hex, messages as hex of role, tab, content, line feed each (content's own are doubled away),
1 if a generation prompt is wanted, the text in hex, or "error".
"""
import json, pathlib
from jinja2.exceptions import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful AI assistant<|im_end|>\\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
BRACKETS = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set system_message = messages[0]['content'] | trim + '\\n\\n' -%}
    {%- set messages = messages[1:] -%}
{%- else -%}
    {%- set system_message = '' -%}
{%- endif -%}
{%- for message in messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('Roles must alternate user/assistant/user/assistant/...') }}
    {%- endif -%}
    {%- if message['role'] == 'user' -%}
        {{ '[INST] ' + (system_message if loop.first else '') + message['content'] | trim + ' [/INST]' }}
    {%- elif message['role'] == 'assistant' -%}
        {{ ' ' + message['content'] | trim + ' ' + eos_token }}
    {%- else -%}
        {{ raise_exception('Only user and assistant roles are supported!') }}
    {%- endif -%}
{%- endfor -%}
"""
HEADERS = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is undefined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- The system message is taken out. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Tools: " + (tools | tojson(indent=4)) }}
{%- endif %}
{{- "Today: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
THINKING = """{%- if tools %}
    {{- '<tools>' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""
TURNS = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}{{ item['text'] | trim }}{%- endfor -%}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""
MACROS = """{% macro header(role, end='\\n') %}[{{ role|upper }}]{{ end }}{% endmacro %}
{% macro block(text) %}{% set inner %}<{{ text }}>{% endset %}{{ inner }}{{ inner|length }}{% endmacro %}
{% for m in messages if m.role != 'system' %}
{{ header(m.role) }}{{ block(m.content) }}{{ ', ' if not loop.last }}{% else %}nobody{% endfor %}
"""
WORDS = """{% for m in messages %}{{ loop.index }}/{{ loop.length }} {{ loop.cycle('a', 'b') }} {{ loop.revindex }}
{% set parts = m.content.split() %}{{ parts|length }} {{ parts|first|default('none', true) }} {{ parts|join('-') }}
{{ m.content|title }} {{ m.content.upper() }} {{ m.content|capitalize }} {{ m.content|replace('a', 'AA') }} {{ m.content.replace('e', '', 1) }}
{{ m|tojson }} {{ m.content|tojson }} {{ [1, 2.5, none, true, {'k': 'v'}, []]|tojson(indent=2) }} {{ {}|tojson }}
{{ m.items()|list }} {{ m.get('name', 'anon') }} {{ m.get('role') }} {{ 'x' ~ 1 ~ none ~ true }} {{ m.content[1:3] }} {{ m.content[-1:] }} {{ m.content|indent(2) }}
{{ messages|map(attribute='role')|unique|list }} {{ messages|selectattr('role', 'equalto', 'user')|list|length }} {{ messages|rejectattr('role', 'in', ['user'])|map(attribute='content')|join('|') }}
{% if m.content.find('e') >= 0 and 1 < 2 <= 2 %}e{% endif %}{% if loop.index > 2 %}{% break %}{% endif %}{% if 'zz' in m.content %}{% continue %}{% endif %}{{ 7 // 2 }}{{ 7 % 4 }}{{ 7 / 2 }}{{ -3 // 2 }}{{ '%s' }}
{{ (1, 2) }} {{ [1, 'a'] }} {{ {'a': [1]} }} {{ true }} {{ none }} {{ 1.0 }} {{ nothing }}{{ range(3)|list }} {{ 'abc'|list }} {{ 'abc'|reverse }} {{ [3, 1, 2]|sort|join(',') }} {{ m is defined }} {{ m.nope is defined }} {{ messages[1:][0].role }}
{% for b in [(none, none, -1), (3, 0, -1), (-3, none, 1), (none, -2, 2), (10, 1, -3), (-99, 99, 1), (4, 2, 1), (0, 0, -1)] %}{{ 'abcdefg'[b[0]:b[1]:b[2]] }},{{ [1, 2, 3, 4, 5][b[0]:b[1]:b[2]] }};{% endfor %}
{% endfor %}"""
TEMPLATES = [CHATML, BRACKETS, HEADERS, THINKING, TURNS, MACROS, WORDS]
SYSTEM, USER = ("system", " Be  brief.\n"), ("user", "Hi there, \u00e9\u4e16\U0001f600 \"quoted\" <b> & 'x' \\ / \t\x07 line\n  two\n\nthree ")
CHATS = [
    [USER], [SYSTEM, USER], [USER, ("assistant", "Hello!"), ("user", "")], [("user", "a zz e"), ("user", "b")],
    [SYSTEM, USER, ("assistant", "<think>\nhmm\n</think>\n\nYes."), ("user", "<tool_response>1</tool_response>"), ("assistant", "<think>x</think>done")],
    [("tool", "42"), ("user", "ok")], [SYSTEM],
]


def environment():
    def tojson(value, ensure_ascii=False, indent=None):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    def raise_exception(message):
        raise TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: raise_exception("clock")
    return env


def main():
    env, lines = environment(), []
    for source in TEMPLATES:
        for chat in CHATS:
            for prompt in (True, False):
                messages = [{"role": r, "content": c} for r, c in chat]
                try:
                    text = env.from_string(source).render(
                        messages=messages, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>"
                    ).encode().hex()
                except TemplateError as error:
                    text = "error"
                said = ",".join(part.encode().hex() for message in chat for part in message)
                lines.append("\t".join([str(TEMPLATES.index(source)), said, str(int(prompt)), text]))
    here = pathlib.Path(__file__).parent
    (here / "templates.tsv").write_text("\n".join(lines) + "\n")
    for index, source in enumerate(TEMPLATES):
        (here / f"template{index}.jinja").write_text(source)


main()
