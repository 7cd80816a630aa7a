"""Writes markdown.json: markdown elements of made-up texts, counted by the published patterns.

    python tests/golden/calibration/make_markdown.py
"""

import json
import pathlib
import random
import re

HEADER = re.compile(r"^\s{0,3}#{1,6}\s+", re.MULTILINE)
LIST = re.compile(r"^\s*[-+*] |\d+\.\s", re.MULTILINE)
BOLD = re.compile(r"\*\*(.*?)\*\*|__(.*?)__")


def count(text):
    return len(HEADER.findall(text)) + len(LIST.findall(text)) + len(BOLD.findall(text))


random.seed(3)
PIECES = [
    "#", "##", "#######", " ", "  ", "\t", "\n", "\r\n", "\r", "\v", "\x1c", "\x85", "\u2028", "\ufeff",
    "- ", "+ ", "* ", "-", "1. ", "12.", "\u0663. ", "3.14 ", "**", "__", "*", "_", "word", "é", "👍",
    "a b", "**bold**", "__bold__", "\n\n", "\n   # t", "\n    # t", "\n- item", "\n  10. item", ".",
]
texts = [
    "", "# Title", "plain", "- a\n- b\n* c\n+ d", "1. one\n2. two", "It is 3. Then 4. more", "**a** __b__",
    "**a\nb**", "****", "\n\n\n# x", "#no", "# \n# b", "#\n  # b", "1.\n- a", "a - b", "12345678901234567890.",
]
for _ in range(150):
    texts.append("".join(random.choice(PIECES) for _ in range(random.randint(1, 12))))

path = pathlib.Path(__file__).with_name("markdown.json")
lines = ",\n".join(
    json.dumps({"text": text, "length": len(text), "elements": count(text)}) for text in texts
)
path.write_text(f"[\n{lines}\n]\n")
print(path.stat().st_size, sum(count(text) for text in texts))
