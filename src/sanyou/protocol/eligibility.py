"""Is this couple or person eligible under the policy, and by which words of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sanyou.protocol.conditions import Truth
from sanyou.protocol.expression import json_value
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import benefit_of
from sanyou.protocol.text import Text

Answer = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One criterion: its truth, the sentence to show, the facts used, the facts missing."""

    id: str
    label: Text
    clause: str
    truth: Truth
    text: Text
    missing: tuple[str, ...]
    facts: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "label": self.label.as_json(),
            "clause": self.clause,
            "truth": self.truth,
            "text": self.text.as_json(),
            "missing": list(self.missing),
            "facts": {name: json_value(value) for name, value in self.facts.items()},
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer with its criteria and one printable line that quotes the document."""

    answer: Answer
    criteria: tuple[CriterionResult, ...]
    clause_line: str
    policy: str

    @property
    def refused_by(self) -> CriterionResult | None:
        """The first criterion that is not met."""
        return next((c for c in self.criteria if c.truth is False), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Facts to ask for; empty once the answer is known."""
        if self.answer != "unknown":
            return ()
        return tuple(dict.fromkeys(m for c in self.criteria for m in c.missing))

    def as_json(self) -> dict[str, Any]:
        return {
            "answer": self.answer,
            "policy": self.policy,
            "clause_line": self.clause_line,
            "criteria": [c.as_json() for c in self.criteria],
            "missing": list(self.missing),
        }


_MET = Text("符合", "met")
_WORTH = Text("有可以补助的金额", "There is an amount to pay")


def decide(policy: Policy, facts: Mapping[str, Any]) -> Decision:
    """All criteria TRUE: yes; any FALSE: no; otherwise unknown, with what to ask for.

    A policy that carries no criteria (a stub of an old document) answers unknown. A benefit whose
    amount comes to nothing is not met either: there is nothing to announce, approve or pay.
    """
    results = tuple(_criterion(policy, i, facts) for i in range(len(policy.eligibility)))
    if not any(r.truth is False for r in results):
        results += _nothing_to_pay(policy, facts)
    truths = [r.truth for r in results]
    answer: Answer
    if False in truths:
        answer = "no"
    elif None in truths or not truths:
        answer = "unknown"
    else:
        answer = "yes"
    return Decision(answer, results, _line(policy, answer, results), policy.id)


def _criterion(policy: Policy, index: int, facts: Mapping[str, Any]) -> CriterionResult:
    spec = policy.eligibility[index]
    condition = policy.conditions[f"eligibility:{spec.id}"]
    truth = condition.evaluate(facts)
    text = _MET if truth else spec.ask if truth is None else spec.refuse
    return CriterionResult(
        spec.id,
        spec.label,
        spec.clause,
        truth,
        text,
        condition.missing(facts),
        condition.support(facts),
    )


def _nothing_to_pay(policy: Policy, facts: Mapping[str, Any]) -> tuple[CriterionResult, ...]:
    """The criterion that fails where the benefit's formula gives 0.00 yuan; else none."""
    worth = benefit_of(policy, facts)
    if worth is None or worth.fen != 0:
        return ()
    text = Text(
        f"{worth.working.zh}，没有可以补助的金额",
        f"{worth.working.in_language('en')}: there is nothing to pay",
    )
    used = {name: facts.get(name) for name in worth.rests_on}
    return (CriterionResult("benefit", _WORTH, worth.clause, False, text, (), used),)


def _line(policy: Policy, answer: Answer, results: tuple[CriterionResult, ...]) -> str:
    if not results:
        return f"{policy.cite('')}的条文未录入系统，无法判断，请人工核对原文。"
    wanted = {"yes": True, "no": False, "unknown": None}[answer]
    deciding = [r for r in results if r.truth is wanted]
    clauses = "、".join(dict.fromkeys(r.clause for r in deciding if r.clause))
    if answer == "yes":
        return f"符合{policy.cite(clauses)}：{'、'.join(r.label.zh for r in deciding)}。"
    words = "；".join(r.text.zh.rstrip("。；") for r in deciding)
    lead = "不符合" if answer == "no" else "暂不能确定是否符合"
    return f"{lead}{policy.cite(clauses)}：{words}。"
