"""A byte-level BPE of 8,192 tokens with the special tokens and the chat template of Llama 3."""

import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

VOCABULARY = 8192
BEGIN, END, PAD = "<|begin_of_text|>", "<|end_of_text|>", "[PAD]"
HEADER_START, HEADER_END, TURN_END = "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
SPECIAL = [BEGIN, END, HEADER_START, HEADER_END, TURN_END, PAD]
MAX_TOKENS = 2048

# Llama 3's own split, so that a run of newlines after a header is one piece.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


def train_tokenizer(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # The role names stand in every header: they are to be one token each.
    roles = ["user", "assistant", "system"] * 2000
    newlines = ["a\n\nb"] * 2000
    tokenizer.train_from_iterator(texts + roles + newlines, trainer)
    tokenizer.add_special_tokens(SPECIAL)
    begin = tokenizer.token_to_id(BEGIN)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B", special_tokens=[(BEGIN, begin)]
    )
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise ValueError(f"expected {VOCABULARY} tokens, got {tokenizer.get_vocab_size()}")
    return tokenizer


class Chat:
    """Renders conversations straight to ids; equal to tokenising the rendered chat template."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        # Special tokens inside a message's content are text, never control tokens.
        tokenizer.encode_special_tokens = True
        self.begin, self.turn_end = tokenizer.token_to_id(BEGIN), tokenizer.token_to_id(TURN_END)
        self.pad = tokenizer.token_to_id(PAD)
        self._start = tokenizer.token_to_id(HEADER_START)
        self._stop = tokenizer.token_to_id(HEADER_END)
        self._roles = {role: self._one(role) for role in ("user", "assistant", "system")}
        self._gap = self._one("\n\n")

    def _one(self, text: str) -> int:
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) != 1:
            raise ValueError(f"{text!r} must be one token, is {len(ids)}")
        return ids[0]

    def header(self, role: str) -> list[int]:
        return [self._start, self._roles[role], self._stop, self._gap]

    def content(self, texts: list[str]) -> list[list[int]]:
        trimmed = [text.strip() for text in texts]
        return [e.ids for e in self.tokenizer.encode_batch(trimmed, add_special_tokens=False)]

    def prompt(self, messages: list[dict]) -> list[int]:
        """Everything up to and with the assistant's header."""
        ids = [self.begin]
        for message, content in zip(messages, self.content([m["content"] for m in messages])):
            ids += self.header(message["role"]) + content + [self.turn_end]
        return ids + self.header("assistant")

    def gate_position(self, prompt: list[int]) -> int:
        """The first token of `<|eot_id|>` + assistant header, where the gate reads."""
        return len(prompt) - 5


def sample_texts(texts: list[str], count: int, seed: int) -> list[str]:
    return random.Random(seed).sample(texts, min(count, len(texts)))


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    tokenizer.encode_special_tokens = False
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "bos_token": BEGIN,
        "eos_token": TURN_END,
        "pad_token": PAD,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": MAX_TOKENS,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
