"""Makes stages.json: what single stages of the Rust `tokenizers` do to small texts.

Run from this folder: python make_stages.py
The texts avoid characters younger than Unicode 9, where Rust's tables and a JavaScript engine's differ.
"""

import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, models, trainers
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P

HERE = pathlib.Path(__file__).parent
PARTS = (
    list("aAbZ09,. \t\n")
    + ["É", "e\u0301", "Σ", "ς", "ß", "İ", "ﬁ", "½", "٣", "Ⅷ", "\u0323", "'s", "'LL", "_", "-", "!?", "(", "+"]
    + ["\u0085", "\ufeff", "\u200b", "\u00a0", "\u3000", "\x1c", "\0", "\r\n", "  ", "\u2028", "\ufffd"]
    + ["你好", "𠀀", "𝔘", "😀", "م", "한", "\u1112\u1161\u11ab", "▁", "Ġ", "～"]
)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

NORMALIZERS = [
    N.NFC(),
    N.NFD(),
    N.NFKC(),
    N.NFKD(),
    N.Lowercase(),
    N.StripAccents(),
    N.Strip(),
    N.Strip(left=True, right=False),
    N.Strip(left=False, right=True),
    N.Prepend("▁"),
    N.Replace(Regex(r"\s+"), " $1 "),
    N.BertNormalizer(lowercase=True),
    N.BertNormalizer(lowercase=False),
    N.BertNormalizer(lowercase=False, strip_accents=True, clean_text=False, handle_chinese_chars=False),
    N.BertNormalizer(lowercase=True, strip_accents=False),
    N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase(), N.Replace(" ", "▁")]),
]
BEHAVIORS = ["removed", "isolated", "contiguous", "merged_with_previous", "merged_with_next"]
PRE_TOKENIZERS = [
    P.ByteLevel(add_prefix_space=False),
    P.ByteLevel(add_prefix_space=True),
    P.Whitespace(),
    P.WhitespaceSplit(),
    P.BertPreTokenizer(),
    P.Digits(individual_digits=True),
    P.Digits(individual_digits=False),
    P.CharDelimiterSplit(","),
    P.Split(Regex(LLAMA3), "isolated"),
    P.Split(Regex(r"\w+"), "removed", invert=True),
    *[P.Split(" ", behavior) for behavior in BEHAVIORS],
    *[P.Punctuation(behavior) for behavior in BEHAVIORS],
    *[P.Metaspace(prepend_scheme=scheme, split=cut) for scheme in ["always", "first", "never"] for cut in [True, False]],
    P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="first")]),
    P.Sequence([P.Split(" ", "merged_with_previous"), P.Metaspace(prepend_scheme="first", split=False)]),
]
ADDED = [
    AddedToken("<l>", special=True, lstrip=True),
    AddedToken("<r>", special=True, rstrip=True),
    AddedToken("<lr>", special=True, lstrip=True, rstrip=True),
    AddedToken("<n>", special=False, normalized=True, lstrip=True),
    AddedToken("<p>", special=False, normalized=False),
    AddedToken("<p><p>", special=False, normalized=False),
    AddedToken("word", special=False, single_word=True),
    AddedToken("É", special=False, normalized=True),
]
ADDED_PARTS = ["<l>", "<r>", "<lr>", "<n>", "<p>", "<p><p>", "word", "sword", "É", "e\u0301", " ", "  ", "\n", "a", "_", "你"]


def description(stage, entry):
    holder = Tokenizer(models.BPE())
    setattr(holder, entry, stage)
    return json.loads(holder.to_str())[entry]


def texts(parts, count):
    return ["".join(random.choice(parts) for _ in range(random.randint(1, 14))) for _ in range(count)]


def added_tokens():
    """A character-level tokenizer for each kind of normalizer, with added tokens of every flag."""
    samples = texts(ADDED_PARTS, 40)
    results = []
    for normalizer, pre_tokenizer in [
        (None, None),
        (N.NFD(), None),
        (N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None),
        (N.Lowercase(), P.Metaspace(prepend_scheme="first")),
    ]:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        tokenizer.train_from_iterator(
            ["".join(ADDED_PARTS) + "▁"], trainers.BpeTrainer(special_tokens=["<unk>"], vocab_size=1, show_progress=False)
        )
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        if pre_tokenizer is not None:
            tokenizer.pre_tokenizer = pre_tokenizer
        for token in ADDED:
            (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
        results.append(
            {
                "tokenizer": json.loads(tokenizer.to_str()),
                "ids": [tokenizer.encode(text, add_special_tokens=False).ids for text in samples],
            }
        )
    return {"texts": samples, "tokenizers": results}


def main():
    random.seed(7)
    samples = texts(PARTS, 28)
    result = {
        "texts": samples,
        "normalizers": [
            {"config": description(stage, "normalizer"), "outputs": [stage.normalize_str(text) for text in samples]}
            for stage in NORMALIZERS
        ],
        "preTokenizers": [
            {
                "config": description(stage, "pre_tokenizer"),
                "outputs": [[word for word, _ in stage.pre_tokenize_str(text)] for text in samples],
            }
            for stage in PRE_TOKENIZERS
        ],
        "addedTokens": added_tokens(),
    }
    text = json.dumps(result, ensure_ascii=True, separators=(",", ":"))
    (HERE / "stages.json").write_text(text + "\n", encoding="utf-8")
    print(len(text))


if __name__ == "__main__":
    main()
