"""What a served case costs, whether it is complete, and who pays. Money is integer fen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sanyou.protocol.errors import Problem
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.policy import Policy
from sanyou.protocol.text import Text


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


def tier_of(policy: Policy, region_code: str) -> str | None:
    """The tier of shares a region falls into; None where the document has no tiers, or none fits."""
    fitting = [
        (len(region_prefix(code)), tier.id)
        for tier in policy.tiers
        for code in tier.include
        if region_code.startswith(region_prefix(code))
    ]
    return max(fitting)[1] if fitting else None


def split_shares(policy: Policy, fen: int, tier: str | None = None) -> dict[str, int]:
    """Fen per payer by largest remainder; the parts always add up to `fen`, which may be negative.

    `tier` chooses among shares of several tiers; Problem where there are several and none is named.
    """
    shares = [s for s in policy.shares if s.tier is None or s.tier == tier]
    if policy.shares and not shares:
        labels = "、".join(t.label.zh for t in policy.tiers)
        raise Problem(
            "no_tier",
            f"《{policy.label}》按地区分档分担（{labels}），这个地区不在任何一档，请核对 tiers。",
            f"{policy.id} shares costs by tier; the region fits none of them.",
        )
    sign, size = (-1, -fen) if fen < 0 else (1, fen)
    exact = {s.payer: Decimal(size) * s.percent / 100 for s in shares}
    parts = {payer: int(value // 1) for payer, value in exact.items()}
    rest = size - sum(parts.values()) if parts else 0
    order = sorted(exact, key=lambda payer: exact[payer] - parts[payer], reverse=True)
    for payer in order[:rest]:
        parts[payer] += 1
    return {payer: sign * part for payer, part in parts.items()}


@dataclass(frozen=True, slots=True)
class Amount:
    """What a case is worth in fen, how it was worked out, from what, and the facts still missing."""

    fen: int | None
    working: Text
    clause: str
    missing: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()


def amount_on(policy: Policy, facts: Mapping[str, Any], on: date) -> Amount:
    """The price of the day, or the benefit by its formula (rounded half up to the fen).

    Problem where the document has neither for that day.
    """
    found = benefit_of(policy, facts)
    if found is not None:
        return found
    fen = price_on(policy, on)
    clause = max((p for p in policy.price if p.from_ <= on), key=lambda p: p.from_).clause
    return Amount(fen, Text(f"按 {to_yuan(fen)} 元结算", f"{to_yuan(fen)} yuan"), clause)


def benefit_of(policy: Policy, facts: Mapping[str, Any]) -> Amount | None:
    """The benefit by its formula; None where the document pays a price instead."""
    benefit = policy.benefit
    if benefit is None:
        return None
    if benefit.fixed is not None:
        text = Text(f"每人 {benefit.fixed} 元", f"{benefit.fixed} yuan each")
        return Amount(to_fen(benefit.fixed), text, benefit.clause)
    name = benefit.part.of if benefit.part is not None else benefit.decided or ""
    value = facts.get(name)
    if value is None:
        label = policy.fact_label(name)
        return Amount(
            None,
            Text(f"缺少“{label.zh}”，不能计算金额", f"{label.in_language('en')} is missing"),
            benefit.clause,
            (name,),
        )
    given = Decimal(str(value))
    if benefit.part is None:
        text = Text(f"核定 {given:.2f} 元", f"decided: {given:.2f} yuan")
        return Amount(_whole_fen(given), text, benefit.clause, (), (name,))
    part = benefit.part
    above = max(Decimal(0), given - Decimal(part.above))
    worth = _whole_fen(above * part.percent / 100)
    paid = worth if part.at_most is None else min(worth, to_fen(part.at_most))
    label = policy.fact_label(name)
    zh = (
        f"{label.zh} {given:.2f} 元，超过 {part.above} 元的部分 {above:.2f} 元，"
        f"按 {part.percent:f}% 为 {to_yuan(worth)} 元"
    )
    en = f"{part.percent:f} % of {above:.2f} above {part.above} is {to_yuan(worth)}"
    if paid < worth:
        zh, en = f"{zh}，最高 {part.at_most} 元", f"{en}, at most {part.at_most}"
    return Amount(paid, Text(zh, en), benefit.clause, (), (name,))


def _whole_fen(yuan: Decimal) -> int:
    return int((yuan * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
