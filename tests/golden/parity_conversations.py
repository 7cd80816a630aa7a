"""The conversations that every parity checkpoint scores, written for this project.

Names are stable: `golden.json` and the tests refer to them. `short` and `long` are the
ones whose hidden states are recorded.
"""

HIDDEN_STATES_OF = ("short", "long")


def _turns(*contents: str, system: str | None = None) -> list[dict[str, str]]:
    """User and assistant in turn, after an optional system message."""
    messages = [] if system is None else [{"role": "system", "content": system}]
    for index, content in enumerate(contents):
        messages.append({"role": "assistant" if index % 2 else "user", "content": content})
    return messages


TIDES = (
    "I would like to know how the tides work, and why there are two of them in a day. "
    "Please don't skip the step that the school books skip."
)

CONVERSATIONS: dict[str, list[dict[str, str]]] = {
    "short": _turns("Hi", "Hello."),
    "sum_right": _turns("How much is 2+2?", "The output of 2+2 is 4"),
    "sum_bare": _turns("How much is 2+2?", "4"),
    "system": _turns(
        "What is the capital of Australia?",
        "Canberra. Sydney is larger, but it has never been the capital.",
        system="You answer in one or two plain sentences.",
    ),
    "multi_turn": _turns(
        "Name a dish from Georgia.",
        "Khachapuri, a bread filled with cheese.",
        "The country, yes. And one without cheese?",
        "Lobio: beans, walnuts, coriander.",
        "Thank you!",
        "You're welcome.",
    ),
    "unicode": _turns(
        "Übersetze „gute Nacht“ ins 日本語 und ins العربية.",
        "おやすみなさい 🌙 / تصبح على خير. Cafe\u0301 vs. Café; 👩🏽‍🚀 is one picture, न\u094dय one cluster.",
    ),
    "code": _turns(
        "Write a function that returns the sum of the squares of a list.",
        "```python\ndef sum_of_squares(numbers):\n    total = 0\n    for number in numbers:\n"
        "\t\ttotal += number ** 2  # 1, 4, 9, 16 … 12345678\n\n\n    return total\n```\n\nIt runs in O(n).",
    ),
    "white_space": _turns("  \n What's   1,234.5 × 10?  ", "\n\nIt's 12,345.  \r\n\r\n"),
    "long": _turns(
        TIDES,
        "There are many ways to think about that; here is the one that I find the clearest. The moon "
        "pulls on the whole earth, but it pulls harder on the near side and less on the far side. What "
        "counts for the sea is the difference: on the near side the water is drawn ahead of the ground, "
        "on the far side the ground is drawn ahead of the water. So the water stands high in two places, "
        "not in one. The earth turns below them once in a day, and each harbour passes through both. "
        "That the two are not the same height comes from the tilt of the axis, and that they come fifty "
        "minutes later each day comes from the moon, which has moved on in the meantime.",
    ),
    "long_weaker": _turns(
        TIDES,
        "The tides are caused by the moon. The moon has gravity and gravity pulls on water. That's why "
        "there are tides. There are two of them because there are two sides of the earth, and it is also "
        "known that the sun plays a part. In conclusion, the tides are a fascinating topic!",
    ),
}
