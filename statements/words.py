"""Words: an amount, a rate or a date as a Chinese paper writes it.

Amounts follow 正确填写票据和结算凭证的基本规定: 整 after 元 or 角, never after 分; zeros inside become one 零. Where
the rule lets 零 be left out (元 or 万 is zero but the next lower figure is not) it is left out, so 107,000.53 is
壹拾万柒仟元伍角叁分; 零 is written where it must be, so 100.05 is 壹佰元零伍分.
"""

from datetime import date

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ((1000, "仟"), (100, "佰"), (10, "拾"), (1, ""))
_WAN, _YI = 10_000, 100_000_000


def in_words(fen: int) -> str:
    """Return an amount in 大写: 140,950 fen is 人民币壹仟肆佰零玖元伍角整; a red amount has 负 after 人民币."""
    yuan, (jiao, odd_fen) = abs(fen) // 100, divmod(abs(fen) % 100, 10)
    words = "人民币负" if fen < 0 else "人民币"
    if yuan or not fen:
        words += (_whole(yuan) or "零") + "元"
    if jiao:
        words += _DIGITS[jiao] + "角"
    elif yuan and odd_fen:
        words += "零"
    return words + (_DIGITS[odd_fen] + "分" if odd_fen else "整")


def long_date(day: date) -> str:
    """Return a date as prose writes it: 2017年3月20日."""
    return f"{day.year}年{day.month}月{day.day}日"


def _whole(number: int) -> str:
    """Return a whole number; above 亿 the words repeat (万亿), and nothing is written for zero."""
    for unit, word in ((_YI, "亿"), (_WAN, "万")):
        if number >= unit:
            high, low = divmod(number, unit)
            zero = "零" if 0 < low < unit // 10 else ""
            return _whole(high) + word + zero + _whole(low)
    words, gap = "", False
    for place, word in _PLACES:
        digit = number // place % 10
        if digit:
            words += ("零" if gap and words else "") + _DIGITS[digit] + word
        gap = not digit
    return words
