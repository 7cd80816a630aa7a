"""The tokenizers of the parity checkpoints: BPE trained here, on the text below.

Two kinds are byte-level and share the vocabulary of bytes and merges:

- `llama3`: the split pattern, special tokens, post-processor (adds BOS) and chat template of
  Llama 3. As in ArmoRM, the pad token is the last id, and "assistant" and "\\n\\n" are one token
  each, so that the assistant header is five tokens with the end-of-turn token before it.
- `chatml`: the split pattern and normalizer of Qwen2, no BOS, the ChatML template.

The third is SentencePiece's kind:

- `gemma`: characters with byte fallback, spaces as "▁", text never cut into words, as in Gemma 2. The
  template is Gemma 3's, since Gemma 2's own refuses a system message.
"""

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

MERGES = 88  # 256 bytes + 88 merges + 7 special tokens = 351 entries, an odd number on purpose

LLAMA3_SPECIAL = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "[PAD]",
]
GEMMA_SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
CHATML_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHATML_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")

LLAMA3_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}"
    "{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{% set first_user_prefix = messages[0]['content'] + '\n\n' %}{% set loop_messages = messages[1:] %}"
    "{% else %}{% set first_user_prefix = '' %}{% set loop_messages = messages %}{% endif %}"
    "{% for message in loop_messages %}"
    "{% if message['role'] == 'assistant' %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '') }}"
    "{{ message['content'] | trim }}{{ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)

TRAINING_TEXT = """
A reward model reads a conversation and gives its last answer a number. The higher the number,
the better the answer, or so the people who wrote the comparisons thought.
The model sees the question, the answer and nothing else. It can not ask back.
What is the capital of France? The capital of France is Paris.
Write a function that returns the sum of a list of numbers. Explain how the function works.
I would like to know how the tides work, and why there are two of them in a day.
There are many ways to think about that. First, the moon pulls on the water of the sea.
Then, as the earth turns, the places where the water stands high move around it.
You should not trust an answer because it is long. You should trust it because it is right.
In the morning the bread is warm, the street is quiet and the light comes in from the east.
Thank you for the help. That is what I was looking for. Could you also tell me where to start?
Here is one more thing that people often forget: the order of the steps is part of the recipe.
for index in range(10):
    print(index, "the square is", index * index)
"""


def train_vocabulary() -> dict:
    """Trains the merges and returns the model's JSON: {"vocab": {...}, "merges": [...]}."""
    import json

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = BpeTrainer(
        vocab_size=256 + MERGES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    roles = ["assistant\n\n", "user\n\n", "system\n\n"] * 100
    tokenizer.train_from_iterator([TRAINING_TEXT] + roles, trainer)
    return json.loads(tokenizer.to_str())["model"]


def build_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """Builds the `llama3`, `chatml` or `gemma` tokenizer, with its special tokens and chat template."""
    if kind == "gemma":
        return build_gemma_tokenizer()
    trained = train_vocabulary()
    merges = [tuple(merge) for merge in trained["merges"]]
    chatml = kind == "chatml"
    tokenizer = Tokenizer(BPE(vocab=trained["vocab"], merges=merges, ignore_merges=not chatml))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CHATML_SPLIT if chatml else LLAMA3_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = CHATML_SPECIAL if chatml else LLAMA3_SPECIAL
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if chatml:
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            eos_token="<|im_end|>",
            pad_token="<|endoftext|>",
            chat_template=CHATML_TEMPLATE,
            clean_up_tokenization_spaces=False,
        )
    bos = "<|begin_of_text|>"
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(
                single=f"{bos} $A",
                pair=f"{bos} $A {bos}:1 $B:1",
                special_tokens=[(bos, tokenizer.token_to_id(bos))],
            ),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token="<|eot_id|>",
        pad_token="[PAD]",
        chat_template=LLAMA3_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def build_gemma_tokenizer() -> PreTrainedTokenizerFast:
    """Builds the `gemma` tokenizer; the vocabulary is special tokens, bytes, characters, merges."""
    import json

    trainee = Tokenizer(BPE())
    trainee.normalizer = normalizers.Replace(" ", "▁")
    trainee.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # merges stay within words
    trainee.train_from_iterator([TRAINING_TEXT], BpeTrainer(vocab_size=160, show_progress=False))
    trained = json.loads(trainee.to_str())["model"]
    entries = GEMMA_SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)]
    entries += sorted(trained["vocab"], key=trained["vocab"].get)
    tokenizer = Tokenizer(
        BPE(
            vocab={entry: i for i, entry in enumerate(entries)},
            merges=[tuple(merge) for merge in trained["merges"]],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in GEMMA_SPECIAL])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos>:0 $A:0",
        pair="<bos>:0 $A:0 <bos>:1 $B:1",
        special_tokens=[("<bos>", tokenizer.token_to_id("<bos>"))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        chat_template=GEMMA_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def gating_pattern(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The ids of end-of-turn and assistant header, which ArmoRM's gate looks for."""
    text = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    pattern = tokenizer.encode(text, add_special_tokens=False)
    assert len(pattern) == 5, f"expected five tokens, found {tokenizer.convert_ids_to_tokens(pattern)}"
    return pattern


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Saves as transformers does: tokenizer.json, tokenizer_config.json, chat_template.jinja."""
    tokenizer.save_pretrained(folder)
