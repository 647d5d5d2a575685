"""What a served case costs, whether it is complete, and who pays. Money is integer fen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sanyou.protocol.errors import Problem
from sanyou.protocol.policy import Policy


@dataclass(frozen=True, slots=True)
class MissingItem:
    """A service item of a role whose results are not all there."""

    item: str
    role: str
    elements: tuple[str, ...]

    @property
    def facts(self) -> tuple[str, ...]:
        return tuple(f"{self.role}.{element}" for element in self.elements)

    def as_json(self) -> dict[str, Any]:
        return {"item": self.item, "role": self.role, "elements": list(self.elements)}


def to_fen(amount: str | Decimal) -> int:
    """Yuan with two decimals to fen."""
    return int((Decimal(amount) * 100).to_integral_exact())


def to_yuan(fen: int) -> str:
    """Fen to yuan as written on statements: 46000 -> "460.00"."""
    sign, size = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{size // 100}.{size % 100:02d}"


def price_on(policy: Policy, on: date) -> int:
    """The price in fen on the day; Problem where the document has none for that day."""
    valid = [p for p in policy.price if p.from_ <= on]
    if not valid:
        raise Problem(
            "no_price",
            f"《{policy.label}》在 {on.isoformat()} 没有价格，请在政策文件的 price 中补充。",
            f"{policy.id} has no price on {on.isoformat()}; add one under price.",
        )
    return to_fen(max(valid, key=lambda p: p.from_).amount)


def completeness(policy: Policy, facts: Mapping[str, Any]) -> list[MissingItem]:
    """Required items not fully done: an item needs every one of its elements known."""
    missing: list[MissingItem] = []
    for item in policy.items:
        for role in item.who:
            absent = tuple(e for e in item.requires if not _known(policy, facts, role, e))
            if absent:
                missing.append(MissingItem(item.id, role, absent))
    return missing


def _known(policy: Policy, facts: Mapping[str, Any], role: str, element_id: str) -> bool:
    element = policy.scope.elements[element_id] if policy.scope else None
    if element is not None and element.type == "codes" and element.value_set is not None:
        codes = element.value_set.codes
        return any(facts.get(f"{role}.{element_id}__{c.code}") is not None for c in codes)
    value = facts.get(f"{role}.{element_id}")
    if element is not None and element.value_set is not None and isinstance(value, str):
        answer = element.value_set.find(value)
        if answer is not None and answer.not_done:
            return False
    return value is not None


def split_shares(policy: Policy, fen: int) -> dict[str, int]:
    """Fen per payer by largest remainder; the parts always add up to `fen`."""
    exact = {s.payer: Decimal(fen) * s.percent / 100 for s in policy.shares}
    parts = {payer: int(value // 1) for payer, value in exact.items()}
    rest = fen - sum(parts.values())
    order = sorted(exact, key=lambda payer: exact[payer] - parts[payer], reverse=True)
    for payer in order[:rest]:
        parts[payer] += 1
    return parts
