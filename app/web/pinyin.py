"""Pinyin initials (拼音首字母): 应收代偿款 is found by ysdck.

The first level of GB 2312 is ordered by pinyin, so where a character lies in it tells its initial; what it can't tell,
characters with two readings, stands in a list; those of the second level have no initial.
"""

from bisect import bisect_right
from collections.abc import Mapping

_STARTS = (
    (0xB0A1, "a"), (0xB0C5, "b"), (0xB2C1, "c"), (0xB4EE, "d"), (0xB6EA, "e"), (0xB7A2, "f"), (0xB8C1, "g"), (0xB9FE, "h"),
    (0xBBF7, "j"), (0xBFA6, "k"), (0xC0AC, "l"), (0xC2E8, "m"), (0xC4C3, "n"), (0xC5B6, "o"), (0xC5BE, "p"), (0xC6DA, "q"),
    (0xC8BB, "r"), (0xC8F6, "s"), (0xCBFA, "t"), (0xCDDA, "w"), (0xCEF4, "x"), (0xD1B9, "y"), (0xD4D1, "z"),
)  # fmt: skip
_AFTER = 0xD7FA
_CODES = [code for code, _ in _STARTS]
_PHRASES: Mapping[str, str] = {
    "银行": "yh",
    "央行": "yh",
    "同行": "th",
    "追还": "zh",
    "还贷": "hd",
    "会计": "kj",
    "重付": "cf",
    "结余": "jy",
}


def initials(text: str) -> str:
    """Return the initials of a text; letters and digits stand for themselves, and signs for nothing."""
    found = []
    at = 0
    while at < len(text):
        phrase = text[at : at + 2]
        if phrase in _PHRASES:
            found.append(_PHRASES[phrase])
            at += 2
            continue
        found.append(_initial(text[at]))
        at += 1
    return "".join(found)


def _initial(letter: str) -> str:
    if letter.isascii():
        return letter.lower() if letter.isalnum() else ""
    try:
        code = int.from_bytes(letter.encode("gb2312"))
    except UnicodeEncodeError:
        return ""
    return _STARTS[bisect_right(_CODES, code) - 1][1] if _CODES[0] <= code < _AFTER else ""
