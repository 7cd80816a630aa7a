"""Makes pairs/: small tokenizers of encoders, and what they make of pairs of texts.

Made with Python 3.11.7, tokenizers 0.23.3, transformers 5.24.0, sentencepiece 0.2.0. Run from this folder:

    python make_pairs.py

- `bert`: WordPiece with BERT's normalizer, `[CLS] A [SEP] B [SEP]` with token types.
- `roberta`: byte-level BPE, `<s> A </s></s> B </s>` by RobertaProcessing.
- `xlmr`: Unigram with SentencePiece's precompiled normalization, words split before "▁" is put to them.
- `deberta`: the same normalization among others, "▁" without splitting first, BERT's separators.

texts.json holds the texts; a row of golden.json is [first text, second text, ids, types], types null
where transformers' class gives the model none. `truncated` has the same with the most tokens before.
The texts avoid characters younger than Unicode 9, where Rust's tables and a JavaScript engine's differ.
"""

import base64
import json
import pathlib
import random
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, trainers
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P
from tokenizers import processors as Q
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
PAIRS = HERE / "pairs"
# What NFKC and SentencePiece's own rules do to some characters, as rules of a small map.
RULES = {
    "Ａ": "A", "ａ": "a", "１": "1", "！": "!", "（": "(", "ﬁ": "fi", "ﬀ": "ff", "½": "1⁄2", "²": "2",
    "…": "...", "Ⅷ": "VIII", "ｶ\uff9e": "ガ", "ｶ": "カ", "e\u0301": "é", "a\u0308": "ä", "A\u030a": "Å",
    "\u1112\u1161\u11ab": "한", "㌔": "キロ", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ",
    "\u200b": " ", "\ufeff": "", "\u00ad": "", "\x01": "", "™": "TM", "℃": "°C", "ſ": "s", "ƛ\u0323": "x",
}  # fmt: skip
PARTS = (
    list("aAbZ09,. \t\n!?(-_'\"")
    + ["É", "e\u0301", "Σ", "ς", "ß", "İ", "ﬁ", "½", "٣", "Ⅷ", "\u0323", "'s", "+", "…", "™", "℃", "²"]
    + ["\u0085", "\ufeff", "\u200b", "\u00a0", "\u3000", "\x1c", "\r\n", "  ", "\u2028", "\ufffd", "\u00ad"]
    + ["你好", "𠀀", "𝔘", "😀", "한", "\u1112\u1161\u11ab", "▁", "Ġ", "ｶ\uff9e", "ｶ", "Ａ", "ａ\u0308", "A\u030a"]
    + ["[CLS]", "[SEP]", "<s>", "</s>", "<mask>", " [MASK] ", "<unk>", "[UNK]"]
    + ["the", "answer", "model", "reward", " question", "unbelievable", "Capital"]
)
CORPUS = [
    "A reward model reads a question and an answer, and gives the answer a number.",
    "What is the capital of France? The capital of France is Paris, a city on the Seine.",
    "the model sees the question and the answer and nothing else; it can not ask back",
    "for index in range(10): print(index, 'the square is', index * index)",
    "Explain why the tides come twice a day, and don't skip the step that school books skip.",
    "It's 12,345. Unbelievable! Café, über, naïve, Ångström, Ελληνικά, Привет, 日本語, 한국어.",
    "You should not trust an answer because it is long. You should trust it because it is right.",
] * 4


def texts() -> list[str]:
    rng = random.Random(15)
    made = [line for line in CORPUS[:7]] + ["", " ", "a", "  two  spaces ", "x" * 130, "ab" * 60 + " end", "\n\n"]
    made += ["e\u0301", "cafe\u0301 ﬁne", "Ａ１！ ½…", "hello [SEP] world", "a <mask> b", "</s></s>", "word" * 40]
    made += ["".join(rng.choice(PARTS) for _ in range(rng.randint(1, 24))) for _ in range(90)]
    return made


def train_unigram() -> tuple[list[tuple[str, float]], str]:
    """Pieces with scores, and the precompiled map in base64, as SentencePiece writes them."""
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        points = lambda text: " ".join(f"{ord(character):X}" for character in text)
        rules.write_text("".join(f"{points(a)}\t{points(b)}\n" for a, b in RULES.items()))
        corpus = pathlib.Path(folder) / "corpus.txt"
        corpus.write_text("\n".join(CORPUS))
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus),
            model_prefix=f"{folder}/m",
            vocab_size=190,
            model_type="unigram",
            normalization_rule_tsv=str(rules),
            hard_vocab_limit=False,
            character_coverage=1.0,
        )
        model = proto.ModelProto()
        model.ParseFromString((pathlib.Path(folder) / "m.model").read_bytes())
    pieces = [(piece.piece, piece.score) for piece in model.pieces if piece.type == 1]
    return pieces, base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()


def precompiled(charsmap: str) -> N.Normalizer:
    return N.Precompiled(base64.b64decode(charsmap))


def add_special(tokenizer: Tokenizer, contents: list[str], mask: str) -> None:
    tokenizer.add_special_tokens([AddedToken(content, normalized=False) for content in contents])
    tokenizer.add_special_tokens([AddedToken(mask, lstrip=True, normalized=False)])


def bert() -> tuple[Tokenizer, dict]:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = N.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = P.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=240, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    cls, sep = [(name, tokenizer.token_to_id(name)) for name in ["[CLS]", "[SEP]"]]
    tokenizer.post_processor = Q.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [cls, sep])
    tokenizer.decoder = decoders.WordPiece()
    named = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], special))
    return tokenizer, named | {"tokenizer_class": "BertTokenizer", "do_lower_case": True}


def roberta() -> tuple[Tokenizer, dict]:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = P.ByteLevel(add_prefix_space=False)
    alphabet = P.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=360, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    sep, cls = [(name, tokenizer.token_to_id(name)) for name in ["</s>", "<s>"]]
    tokenizer.post_processor = Q.RobertaProcessing(sep, cls, trim_offsets=True, add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, names_of_roberta() | {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": False}


def names_of_roberta() -> dict:
    names = {"bos": "<s>", "eos": "</s>", "sep": "</s>", "cls": "<s>", "unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}
    return {f"{name}_token": content for name, content in names.items()}


def xlmr(pieces: list, charsmap: str) -> tuple[Tokenizer, dict]:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocab = [(content, 0.0) for content in special] + pieces + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = precompiled(charsmap)
    tokenizer.pre_tokenizer = P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="always")])
    tokenizer.decoder = decoders.Metaspace()
    add_special(tokenizer, special, "<mask>")
    ends = [(name, tokenizer.token_to_id(name)) for name in ["<s>", "</s>"]]
    tokenizer.post_processor = Q.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", ends)
    return tokenizer, names_of_roberta() | {"tokenizer_class": "XLMRobertaTokenizer"}


def deberta(pieces: list, charsmap: str) -> tuple[Tokenizer, dict]:
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    tokenizer = Tokenizer(models.Unigram([(content, 0.0) for content in special] + pieces, unk_id=3))
    tokenizer.normalizer = N.Sequence([N.Strip(), precompiled(charsmap), N.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = P.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    add_special(tokenizer, special, "[MASK]")
    cls, sep = [(name, tokenizer.token_to_id(name)) for name in ["[CLS]", "[SEP]"]]
    tokenizer.post_processor = Q.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [cls, sep])
    names = {"pad": "[PAD]", "cls": "[CLS]", "bos": "[CLS]", "sep": "[SEP]", "eos": "[SEP]", "unk": "[UNK]"}
    named = {f"{name}_token": content for name, content in names.items()} | {"mask_token": "[MASK]"}
    return tokenizer, named | {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": False}


def golden(folder: pathlib.Path, made: list[str]) -> dict:
    """What the Rust tokenizer makes of pairs; transformers' class must make the same of those it can."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    full = AutoTokenizer.from_pretrained(folder)
    rng = random.Random(16)
    pairs = [(rng.randrange(len(made)), index) for index in range(len(made))]
    rows, truncated, apart = [], [], 0
    for first, second in pairs:
        both = full(made[first], made[second])
        encoded = tokenizer.encode(made[first], made[second])
        apart += both["input_ids"] != encoded.ids
        types = encoded.type_ids if "token_type_ids" in both else None
        assert types is None or both["input_ids"] != encoded.ids or both["token_type_ids"] == types
        rows.append([first, second, encoded.ids, types])
    for first, second in rng.sample(pairs, 40):
        most = rng.randint(8, 24)
        tokenizer.enable_truncation(most)
        encoded = tokenizer.encode(made[first], made[second])
        truncated.append([most, first, second, encoded.ids])
    print(f"{folder.name}: {len(rows)} pairs, {apart} of them cut otherwise by {type(full).__name__}")
    return {"rows": rows, "truncated": truncated}


def main() -> None:
    made = texts()
    PAIRS.mkdir(exist_ok=True)
    (PAIRS / "texts.json").write_text(json.dumps(made, ensure_ascii=True, indent=0) + "\n")
    pieces, charsmap = train_unigram()
    kinds = {"bert": bert(), "roberta": roberta(), "xlmr": xlmr(pieces, charsmap), "deberta": deberta(pieces, charsmap)}
    for name, (tokenizer, config) in kinds.items():
        folder = PAIRS / name
        folder.mkdir(exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")
        written = golden(folder, made)
        lines = {key: "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]" for key, rows in written.items()}
        text = ",\n".join(f'"{key}": {rows}' for key, rows in lines.items())
        (folder / "golden.json").write_text("{\n" + text + "\n}\n")


if __name__ == "__main__":
    main()
