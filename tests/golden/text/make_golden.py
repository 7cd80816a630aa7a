"""Makes the tokenizers and golden token ids of tests/text with `tokenizers` and `transformers`.

Run from this folder: python make_golden.py
Every tokenizer is small (at most 600 entries) but has the stages, special tokens and chat template of
a published family. For each conversation of conversations.json it records
  ids       tokenizer.apply_chat_template(messages, tokenize=True)
  rendered  a checksum of the text (length and CRC-32 of its UTF-8), to tell template from tokenizer
  plain     the ids with special tokens inside content read as text, where they differ (see plain_ids)
  error     the template's own message, where it refuses the conversation
"""

import json
import pathlib
import re
import zlib

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers import __version__ as transformers_version
from tokenizers import __version__ as tokenizers_version

HERE = pathlib.Path(__file__).parent
MARK = "\ufdd5"

CORPUS = [
    "The output of 2+2 is 4. The answer is that a good response explains why it is so.\n\n",
    "How much is 2+2? What are some synonyms for the word beautiful? Nicely, handsome, stunning.\n\n",
    "def add(a, b):\n    return a + b\n\n\nprint(add(1, 2))\n\n",
    "I'm sure we're going to see what they've done; it's the user's choice, isn't it?\r\n",
    "assistant user system assistant user system Hello Hello, world! world\n\n",
    "The quick brown fox jumps over the lazy dog, and the other one sleeps in the sun.\n",
    "Überraschung, café, naïve, élève, España, señor, ça va où?\n",
    "Привет, как дела? Спасибо, хорошо.\n",
    "你好，世界。今天天气很好。我们去公园吧。\n日本語のテキストです。ありがとう。\n",
    "مرحبا بالعالم كيف حالك\nשלום עולם\n",
    "\n\n\n\n" * 4 + "a\n\n\n\nb\n\n\n",
    "one two three four five six seven eight nine ten 10 20 300 4000 2024\n        indented\n",
] * 40

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")

LLAMA3_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
    "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + "
    "'<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
QWEN2_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA2_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}"
)
MISTRAL_TEMPLATE = """\
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {#- The response, without the reasoning before it. #}
        {{- " " + message["content"].split("</think>")[-1].lstrip("\\n") + eos_token }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}
    {%- endif %}
{%- endfor %}
"""
BERT_TEMPLATE = (
    "{{ cls_token }}{% for message in messages %}{{ message.role + ': ' + message.content + sep_token }}"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def byte_level(split, normalizer, special, plain, ignore_merges):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=570, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(plain)
    return json.loads(tokenizer.to_str())


def sentencepiece_like(normalizer, pre_tokenizer, special, plain=()):
    """A BPE with byte fallback as converters make it from a SentencePiece model."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    learner.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=320, show_progress=False, limit_alphabet=120)
    )
    learned = json.loads(learner.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    runs = ["▁▁", "▁▁▁▁"]
    pieces = names + sorted(learned["vocab"], key=learned["vocab"].get) + runs
    merges = learned["merges"] + [["▁", "▁"], ["▁▁", "▁▁"]]
    vocab = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocab,
            merges=[tuple(merge) for merge in merges],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(list(plain))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return json.loads(tokenizer.to_str())


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=600, special_tokens=special, show_progress=False, limit_alphabet=260
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return json.loads(tokenizer.to_str())


def families():
    """Name → (tokenizer.json, tokenizer_config.json, chat_template.jinja or None)."""
    llama3 = byte_level(
        LLAMA3_SPLIT,
        None,
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        [],
        True,
    )
    begin = next(token["id"] for token in llama3["added_tokens"] if token["content"] == "<|begin_of_text|>")
    llama3["post_processor"] = json.loads(
        Tokenizer.from_str(json.dumps(llama3)).to_str()
    )["post_processor"]
    holder = Tokenizer.from_str(json.dumps(llama3))
    holder.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|> $B",
                special_tokens=[("<|begin_of_text|>", begin)],
            ),
        ]
    )
    llama3 = json.loads(holder.to_str())
    yield "llama3", llama3, {
        "bos_token": "<|begin_of_text|>",
        "eos_token": "<|eot_id|>",
        "chat_template": LLAMA3_TEMPLATE,
    }, None

    qwen2 = byte_level(
        QWEN2_SPLIT,
        normalizers.NFC(),
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        ["<tool_call>", "</tool_call>", "<think>", "</think>"],
        False,
    )
    yield "qwen2", qwen2, {
        "add_bos_token": False,
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "chat_template": QWEN2_TEMPLATE,
    }, None

    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    llama2 = sentencepiece_like(
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        None,
        ["<unk>", "<s>", "</s>"],
    )
    yield "llama2", llama2, {**named, "chat_template": LLAMA2_TEMPLATE}, None

    mistral = sentencepiece_like(
        None,
        pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False),
        ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"],
    )
    yield "mistral", mistral, named, MISTRAL_TEMPLATE

    yield "bert", wordpiece(), {
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
        "chat_template": [
            {"name": "tool_use", "template": "{{ raise_exception('not this one') }}"},
            {"name": "default", "template": BERT_TEMPLATE},
        ],
    }, None


def plain_ids(tokenizer, special, messages):
    """Ids with the special tokens inside content read as text.

    Specials in content are broken by a mark, so that after rendering only the template's own are whole;
    the text between those is encoded, without the marks, by the same tokenizer with no special token
    among its added tokens.
    """
    breaker = re.compile("|".join(re.escape(token) for token in special))
    messages = [
        {**message, "content": breaker.sub(lambda match: match[0][0] + MARK + match[0][1:], message["content"])}
        for message in messages
    ]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    for token in description["added_tokens"]:
        if token["content"] in special:  # Its id must stay taken, or the others' ids would move.
            token["content"] = f"\ufdd6{token['id']}"
    first = Tokenizer.from_str(json.dumps(description))
    if (description["pre_tokenizer"] or {}).get("prepend_scheme") == "first":
        description["pre_tokenizer"]["prepend_scheme"] = "never"
    later = Tokenizer.from_str(json.dumps(description))
    ids = []
    position = 0
    for piece in re.split(f"({breaker.pattern})", rendered):
        if breaker.fullmatch(piece):
            ids.append(tokenizer.convert_tokens_to_ids(piece))
        elif piece:
            encoder = first if position == 0 else later
            ids += encoder.encode(piece.replace(MARK, ""), add_special_tokens=False).ids
        position += len(piece)
    return ids


def record(tokenizer, special, messages):
    try:
        rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception as error:  # The template's own refusal is part of the golden data.
        return {"error": str(error)}
    ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    encoded = rendered.encode()
    result = {"ids": ids, "rendered": [len(encoded), zlib.crc32(encoded)]}
    plain = plain_ids(tokenizer, special, messages)
    if plain != ids:
        result["plain"] = plain
    return result


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main():
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    for name, tokenizer_json, config, template in families():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        write(folder / "tokenizer.json", tokenizer_json)
        write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **config})
        if template is not None:
            (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        special = [
            token["content"]
            for token in json.loads(tokenizer.backend_tokenizer.to_str())["added_tokens"]
            if token["special"]
        ]
        cases = []
        for messages in conversations:
            filled = [
                {**message, "content": fill(message["content"], special)} for message in messages
            ]
            cases.append(record(tokenizer, special, filled))
        write(
            folder / "golden.json",
            {
                "transformers": transformers_version,
                "tokenizers": tokenizers_version,
                "special": special,
                "cases": cases,
            },
        )
        print(name, tokenizer.backend_tokenizer.get_vocab_size(), sum("plain" in case for case in cases),
              sum("error" in case for case in cases), "of", len(cases))


def fill(content, special):
    """Replaces «n» by the n-th special token of the tokenizer, counted round."""
    return re.sub("«(\\d)»", lambda match: special[int(match[1]) % len(special)], content)


if __name__ == "__main__":
    main()
