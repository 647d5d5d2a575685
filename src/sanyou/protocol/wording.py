"""Values in words: labels for codes, units as people write them, ranges."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sanyou.protocol.models import Element
from sanyou.protocol.text import Text

YES, NO, NOTHING = Text("是", "yes"), Text("否", "no"), Text("无", "none")


def number(value: Decimal | float | None) -> str:
    """12.50 -> "12.5", 100 -> "100"; nothing for None."""
    if value is None:
        return ""
    text = f"{Decimal(str(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_text(unit: str) -> str:
    """A unit as people write it: "10*9/L" -> "×10⁹/L", "umol/L" -> "μmol/L", "1" -> ""."""
    if unit == "1":
        return ""
    text = unit.replace("10*12", "×10¹²").replace("10*9", "×10⁹").replace("/m2", "/m²")
    return f"μ{text[1:]}" if text.startswith(("umol", "ug", "uIU")) else text


def range_text(low: Decimal | None, high: Decimal | None) -> str:
    """A reference range as people write it: 7–40, ≥10, ≤40."""
    if low is not None and high is not None:
        return f"{number(low)}–{number(high)}"
    if low is not None:
        return f"≥{number(low)}"
    return f"≤{number(high)}" if high is not None else ""


def shown(element: Element, value: Any, language: str = "zh", *, unit: bool = True) -> str:
    """A coerced value in words; "" for None."""
    if value is None or value == "":
        return ""
    if element.type == "boolean":
        return (YES if value else NO).in_language(language)
    if element.value_set is not None:
        codes = value if isinstance(value, list | tuple) else (value,)
        labels = [_label(element, code, language) for code in codes]
        return "、".join(labels) if labels else NOTHING.in_language(language)
    if element.is_number:
        tail = unit_text(element.unit) if unit else ""
        return f"{number(Decimal(str(value)))} {tail}".strip()
    return value.isoformat() if isinstance(value, date) else str(value)


def _label(element: Element, code: str, language: str) -> str:
    found = element.value_set.find(code) if element.value_set else None
    return found.label.in_language(language) if found else str(code)
