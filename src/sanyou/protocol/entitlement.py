"""Free, or at the couple's own cost: first decision that is TRUE wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sanyou.protocol.policy import Policy
from sanyou.protocol.text import Text

_NOT_WRITTEN = Text(
    "该文件没有录入享受次数的规定，请人工核对原文。",
    "The document's entitlement is not recorded here; check the original.",
)
_UNDECIDED = Text(
    "没有任何一条规定适用，请人工核对原文。",
    "No decision of the document applies; check the original.",
)
_MISSING = Text(
    "缺少资料，暂不能判断是否免费，请先补齐：",
    "Cannot tell yet whether this is free; missing: ",
)


@dataclass(frozen=True, slots=True)
class Grant:
    """The grant with the clause it rests on, the facts still missing, and the facts used."""

    grant: Literal["free", "own_cost", "unknown"]
    clause: str
    text: Text
    id: str
    missing: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "grant": self.grant,
            "clause": self.clause,
            "text": self.text.as_json(),
            "id": self.id,
            "missing": list(self.missing),
        }


def decide_entitlement(policy: Policy, facts: Mapping[str, Any]) -> Grant:
    """An UNKNOWN decision before a TRUE one makes the answer unknown."""
    if policy.entitlement is None:
        return Grant("unknown", "", _NOT_WRITTEN, "")
    for decision in policy.entitlement.decisions:
        condition = policy.conditions[f"entitlement:{decision.id}"]
        truth = condition.evaluate(facts)
        if truth:
            used = condition.support(facts)
            return Grant(decision.grant, decision.clause, decision.text, decision.id, (), used)
        if truth is None:
            missing = condition.missing(facts)
            labels = [policy.fact_label(name) for name in missing]
            text = Text(
                _MISSING.zh + "、".join(label.zh for label in labels) + "。",
                _MISSING.en + ", ".join(label.in_language("en") for label in labels) + ".",
            )
            return Grant("unknown", decision.clause, text, decision.id, missing)
    return Grant("unknown", "", _UNDECIDED, "")
