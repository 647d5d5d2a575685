"""Turns what a person typed or a file contains into an element's value, or says why not.

Accepts full-width digits, Chinese labels and aliases of codes, and common ways to write a date.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from sanyou.protocol.facts import Observation, same_unit
from sanyou.protocol.models import Element

FieldCode = Literal[
    "required",
    "not_a_number",
    "not_an_integer",
    "implausible",
    "unknown_code",
    "bad_date",
    "not_boolean",
    "bad_region",
    "bad_text",
    "other_unit",
    "not_entered",
    "unknown_field",
    "wrong_sex",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """A refused value: what is wrong and what to do. `str()` gives the Chinese."""

    code: FieldCode
    zh: str
    en: str

    def __str__(self) -> str:
        return self.zh

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class Parsed:
    """The value (None for blank or refused) and the refusal, if any."""

    value: Any = None
    error: FieldError | None = None


_TRUE = {"true", "1", "是", "有", "y", "yes", "t", "√", "对", "on"}
_FALSE = {"false", "0", "否", "无", "n", "no", "f", "×", "x", "没有", "不是", "未"}
_DATE = re.compile(
    r"(\d{4})\s*(?:[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,2})|年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?)"
    r"(?:[T\s]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_SPLIT = re.compile(r"[、,，;；/|\s]+")
_REGION = re.compile(r"\d{2}(\d{2}(\d{2}(\d{3}(\d{3})?)?)?)?$")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?$")


def clean(raw: Any) -> str:
    """Text with full-width characters narrowed, NUL and outer blanks removed."""
    return unicodedata.normalize("NFKC", str(raw)).replace("\0", "").strip()


def parse_value(element: Element, raw: Any) -> Parsed:
    """One raw value of an element; blank gives None without an error.

    A number may come as {value, low, high, unit}: the laboratory's own range travels along
    in an `Observation`.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return Parsed()
    if isinstance(raw, Observation):
        raw = {"value": raw.value, "low": raw.low, "high": raw.high, "unit": raw.unit}
    if isinstance(raw, Mapping):
        return _with_range(element, raw)
    parser = _PARSERS[element.type]
    return parser(element, raw)


def _with_range(element: Element, raw: Mapping[str, Any]) -> Parsed:
    unit = str(raw.get("unit") or "").strip()
    if unit and element.unit and not same_unit(unit, element.unit):
        return _error(
            element,
            "other_unit",
            f"的单位是“{unit}”，本系统用“{element.unit}”，请换算后填写。",
            f"has unit {unit}; enter it in {element.unit}.",
        )
    parsed = parse_value(element, raw.get("value"))
    if parsed.error is not None or parsed.value is None:
        return parsed
    ends: list[Decimal | None] = []
    for end in ("low", "high"):
        text = clean(raw[end]) if raw.get(end) not in (None, "") else ""
        number = _decimal(text) if text else None
        if text and number is None:
            return _error(
                element,
                "not_a_number",
                f"的参考范围“{raw[end]}”不是数字，请改为数字或留空。",
                f'has a reference limit "{raw[end]}" that is not a number.',
            )
        ends.append(number)
    if ends == [None, None] and not unit:
        return parsed
    return Parsed(Observation(parsed.value, ends[0], ends[1], unit or None))


def _error(element: Element, code: FieldCode, zh: str, en: str) -> Parsed:
    label = element.label
    return Parsed(None, FieldError(code, f"{label.zh}{zh}", f"{label.in_language('en')} {en}"))


def _decimal(text: str) -> Decimal | None:
    text = text.replace(",", "")
    if not _NUMBER.match(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def limits_text(element: Element) -> str:
    """Allowed limits with the unit: "0–5000 U/L"."""
    if element.plausible is None:
        return ""
    unit = f" {element.unit}" if element.unit not in ("", "1") else ""
    return f"{element.plausible.min:f}–{element.plausible.max:f}{unit}"


def _parse_number(element: Element, raw: Any) -> Parsed:
    text = clean(raw)
    if element.unit not in ("", "1") and len(text) > len(element.unit):
        tail = clean(element.unit)
        if text.lower().endswith(tail.lower()):
            text = text[: -len(tail)].strip()
    number = None if isinstance(raw, bool) else _decimal(text)
    limits = limits_text(element)
    hint = f"允许范围 {limits}" if limits else "只填数字"
    if number is None:
        return _error(
            element,
            "not_a_number",
            f"“{raw}”不是数字，请填写数字（{hint}）。",
            f'"{raw}" is not a number; enter a number{f" ({limits})" if limits else ""}.',
        )
    if element.type == "integer" and number != number.to_integral_value():
        return _error(
            element,
            "not_an_integer",
            f"“{raw}”不是整数，请填写整数（{hint}）。",
            f'"{raw}" is not a whole number{f" ({limits})" if limits else ""}.',
        )
    plausible = element.plausible
    if plausible is not None and not plausible.min <= number <= plausible.max:
        return _error(
            element,
            "implausible",
            f"“{raw}”超出可能的范围 {limits}，请核对原始记录、单位和小数点后重填。",
            f'"{raw}" is outside what is possible ({limits}); check the record, unit and point.',
        )
    return Parsed(int(number) if element.type == "integer" else number)


def _parse_boolean(element: Element, raw: Any) -> Parsed:
    if isinstance(raw, bool):
        return Parsed(raw)
    text = clean(raw).lower()
    if text in _TRUE:
        return Parsed(True)
    if text in _FALSE:
        return Parsed(False)
    return _error(
        element, "not_boolean", f"“{raw}”看不懂，请填“是”或“否”。", f'"{raw}": answer yes or no.'
    )


def find_code(element: Element, raw: Any) -> str | None:
    """The code for a code, label or alias as people write it; None if there is none."""
    value_set = element.value_set
    if value_set is None:
        return None
    text = clean(raw)
    if value_set.find(text):
        return text
    folded = text.casefold()
    for code in value_set.codes:
        names = (code.code, code.label.zh, code.label.en, *code.alias)
        if any(folded == clean(name).casefold() for name in names if name):
            return code.code
    return None


def _unknown_code(element: Element, raw: Any) -> Parsed:
    codes = element.value_set.current if element.value_set else []
    shown = "、".join(c.label.zh for c in codes)
    english = ", ".join(c.label.in_language("en") for c in codes)
    return _error(
        element,
        "unknown_code",
        f"“{raw}”不在可选项内，请选择：{shown}。",
        f'"{raw}" is not one of the choices: {english}.',
    )


def _parse_code(element: Element, raw: Any) -> Parsed:
    code = find_code(element, raw)
    return Parsed(code) if code is not None else _unknown_code(element, raw)


def _parse_codes(element: Element, raw: Any) -> Parsed:
    if isinstance(raw, (list, tuple, set, frozenset)):
        parts = [part for part in raw if str(part).strip()]
    else:
        whole = find_code(element, raw)
        parts = [whole] if whole else [p for p in _SPLIT.split(clean(raw)) if p]
    found: dict[str, None] = {}
    for part in parts:
        code = find_code(element, part)
        if code is None:
            return _unknown_code(element, part)
        found[code] = None
    return Parsed(tuple(found))


def parse_date(raw: Any) -> date | None:
    """2021-03-01, 2021/3/1, 2021.3.1, 20210301, 2021年3月1日, with or without a time."""
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    text = clean(raw)
    match = _DATE.match(text) or _COMPACT.match(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _parse_date(element: Element, raw: Any) -> Parsed:
    found = parse_date(raw)
    if found is not None:
        return Parsed(found)
    return _error(
        element,
        "bad_date",
        f"“{raw}”不是有效日期，请按“年-月-日”填写，如 2021-03-01。",
        f'"{raw}" is not a date; write it as 2021-03-01.',
    )


def _parse_region(element: Element, raw: Any) -> Parsed:
    text = clean(raw)
    if _REGION.match(text):
        return Parsed(text)
    return _error(
        element,
        "bad_region",
        f"“{raw}”不是行政区划代码，请从列表中选择，或填写 2、4、6、9、12 位代码。",
        f'"{raw}" is not a region code; pick one from the list (2, 4, 6, 9 or 12 digits).',
    )


def _parse_text(element: Element, raw: Any) -> Parsed:
    text = str(raw).strip()
    if len(text) > 2000 or any(ord(c) < 32 and c not in "\n\r\t" for c in text):
        return _error(
            element,
            "bad_text",
            "含有无法保存的字符或超过 2000 字，请删减后重填。",
            "contains unusable characters or is longer than 2000 characters.",
        )
    return Parsed(text)


_PARSERS = {
    "boolean": _parse_boolean,
    "integer": _parse_number,
    "decimal": _parse_number,
    "code": _parse_code,
    "codes": _parse_codes,
    "date": _parse_date,
    "text": _parse_text,
    "region": _parse_region,
    "image": _parse_text,
}
