"""Money as people read it. In code it is integer fen."""

import re
import unicodedata

from sanyou.protocol.pricing import to_fen, to_yuan

# Below ten thousand million yuan, which no district's statement reaches.
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_UNITS = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")


def yuan(fen: int) -> str:
    """46000 -> "460.00"."""
    return to_yuan(fen)


def fen(text: str) -> int:
    """ "460.00" -> 46000."""
    return to_fen(text)


def fen_of(typed: str) -> int:
    """Fen of an amount as people type it: full-width digits and commas too. ValueError else."""
    text = unicodedata.normalize("NFKC", typed).replace(",", "").strip()
    if not re.fullmatch(r"\d{1,11}(\.\d{1,2})?", text, re.ASCII):
        raise ValueError(typed)
    return to_fen(text)


def capitals(amount: int) -> str:
    """Fen in the capital figures of vouchers: 9292000 -> 玖万贰仟玖佰贰拾元整."""
    if amount < 0:
        return "负" + capitals(-amount)
    whole, rest = divmod(amount, 100)
    jiao, cent = divmod(rest, 10)
    words = _whole(whole) + "元" if whole else "" if rest else "零元"
    if not rest:
        return words + "整"
    if jiao:
        words += _DIGITS[jiao] + "角"
    elif whole:
        words += "零"
    return words + (_DIGITS[cent] + "分" if cent else "整")


def _whole(number: int) -> str:
    """Capital figures of a whole number below 10^12, group by group of four digits."""
    words, gap = "", False
    for power in reversed(range(len(_GROUPS))):
        group = number // 10_000**power % 10_000
        if not group:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += "零"
        words += _group(group) + _GROUPS[power]
        gap = False
    return words


def _group(number: int) -> str:
    words, zero = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if not digit:
            zero = bool(words)
            continue
        words += ("零" if zero else "") + _DIGITS[digit] + _UNITS[place]
        zero = False
    return words
