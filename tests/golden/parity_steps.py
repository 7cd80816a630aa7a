"""Conversations with steps, tokenizers and templates of the checkpoints that make_parity_tokens.py makes."""

import json

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

from parity_tokenizer import build_gemma_tokenizer, build_tokenizer

SUM = "A shop sells 12 loaves in the morning and 7 in the afternoon. How many are that?"
STEPPED: dict[str, tuple[list[dict[str, str]], list[str]]] = {
    "short": ([{"role": "user", "content": "2+2?"}], ["It is 4."]),
    "system": ([{"role": "user", "content": SUM}], ["In the morning it sells 12.", "12 + 7 = 19. The answer is 19."]),
    "wrong_step": ([{"role": "user", "content": SUM}], ["In the morning it sells 12.", "12 + 7 = 20.", "So: 20."]),
    "many_steps": (
        [{"role": "user", "content": "Count from 1 to 6."}],
        [f"Then comes {number}: the number after {number - 1}." for number in range(1, 7)],
    ),
    "unicode": ([{"role": "user", "content": "Wie viel ist ½ + ¼?"}], ["½ ist 2/4 …", "2/4 + 1/4 = ¾ 🎉"]),
}
SYSTEM = [{"role": "system", "content": "Reason step by step."}]

# What the published code of Skywork-o1-Open-PRM makes of a problem and a response, as a template.
PLAIN_TEMPLATE = "{{ messages[-2].content }}\n{{ messages[-1].content }}"
# Qwen3-Reranker's published prompt: a system message is the instruction, the response the document.
RERANKER_TEMPLATE = (
    "{% set instruction = messages[0].content if messages[0].role == 'system' else "
    "'Given a web search query, retrieve relevant passages that answer the query' %}"
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n<Instruct>: '
    "{{ instruction }}\n<Query>: {{ messages[-2].content }}\n<Document>: {{ messages[-1].content }}<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n{{ '\\n' }}"  # Jinja drops a template's last line break
)
# One line as math-shepherd's card has it: the problem, a space, the steps.
LINE_TEMPLATE = "{{ bos_token }}{{ messages[-2].content }} {{ messages[-1].content }}"
STEP_TAG = "ки"


def with_template(tokenizer: PreTrainedTokenizerFast, template: str) -> PreTrainedTokenizerFast:
    tokenizer.chat_template = template
    return tokenizer


def extra_token_tokenizer() -> PreTrainedTokenizerFast:
    """ChatML with `<extra_0>`, the special token that ends a step in Qwen2.5-Math-PRM."""
    tokenizer = build_tokenizer("chatml")
    tokenizer.add_tokens(AddedToken("<extra_0>", special=True, normalized=False), special_tokens=True)
    return tokenizer


def line_tokenizer() -> PreTrainedTokenizerFast:
    """As SentencePiece's in Llama 2 and Mistral: a text begins with a space; it has "▁ки", "▁+" and "▁-"."""
    built = build_gemma_tokenizer()
    parts = json.loads(built.backend_tokenizer.to_str())
    vocabulary, merges = parts["model"]["vocab"], parts["model"]["merges"]
    for entry in ["к", "и", "▁к", "▁ки", "+", "-", "▁+", "▁-"]:
        vocabulary.setdefault(entry, len(vocabulary))
    # First of all merges, so that no other takes a part.
    parts["model"]["merges"] = [["▁", "к"], ["▁к", "и"], ["▁", "+"], ["▁", "-"], *merges]
    parts["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    parts["pre_tokenizer"] = None
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(parts)),
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        chat_template=LINE_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
