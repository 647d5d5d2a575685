"""Runs all rules of a programme over one case's facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sanyou.protocol.compiling import Coder, run_source
from sanyou.protocol.expression import json_value
from sanyou.protocol.models import Recheck, Source
from sanyou.protocol.programme import Programme, Rule
from sanyou.protocol.text import Text


@dataclass(frozen=True, slots=True)
class Referral:
    """Where to send; `certain` is False where its own condition cannot be told."""

    to: Text
    certain: bool = True

    def as_json(self) -> dict[str, Any]:
        return {"to": self.to.as_json(), "certain": self.certain}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired for a role, with the values it rests on."""

    rule: str
    role: str
    cls: str
    label: Text
    category: str
    evidence: dict[str, Any]
    advice: Text
    recheck: Recheck | None
    referral: Referral | None
    source: Source

    @property
    def key(self) -> str:
        return f"{self.role}.{self.rule}"

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "role": self.role,
            "class": self.cls,
            "label": self.label.as_json(),
            "category": self.category,
            "evidence": {name: json_value(value) for name, value in self.evidence.items()},
            "advice": self.advice.as_json(),
            "recheck": None if self.recheck is None else _recheck_json(self.recheck),
            "referral": None if self.referral is None else self.referral.as_json(),
            "source": self.source.model_dump(),
        }


def _recheck_json(recheck: Recheck) -> dict[str, Any]:
    return {
        "label": recheck.label.as_json(),
        "after": recheck.after.model_dump(),
        "due": recheck.due.model_dump(),
    }


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A rule that cannot be excluded, with the facts that would decide it."""

    rule: str
    role: str
    cls: str
    label: Text
    missing: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{self.role}.{self.rule}"

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "role": self.role,
            "class": self.cls,
            "label": self.label.as_json(),
            "missing": list(self.missing),
        }


@dataclass(frozen=True, slots=True)
class Assessment:
    """Findings, what cannot be excluded, and the worst class (None: nothing found)."""

    findings: tuple[Finding, ...]
    undetermined: tuple[Undetermined, ...]
    cls: str | None
    level: str
    roles_at_risk: tuple[str, ...]
    rules_version: str
    beside: tuple[str, ...] = ()  # classes shown beside, in the order of the programme

    @property
    def missing(self) -> tuple[str, ...]:
        """All facts that are missing and could change a finding."""
        return tuple(dict.fromkeys(name for u in self.undetermined for name in u.missing))

    def as_json(self) -> dict[str, Any]:
        return {
            "findings": [f.as_json() for f in self.findings],
            "undetermined": [u.as_json() for u in self.undetermined],
            "class": self.cls,
            "level": self.level,
            "roles_at_risk": list(self.roles_at_risk),
            "beside": list(self.beside),
            "rules_version": self.rules_version,
        }


@dataclass(frozen=True)
class CompiledRules:
    """All rules of a programme as one Python function: facts -> (fired, unknown) indexes."""

    rules: tuple[Rule, ...]
    run: Callable[[Mapping[str, Any]], tuple[list[int], list[int]]]

    @classmethod
    def of(cls, programme: Programme) -> CompiledRules:
        coder = Coder()
        body: list[str] = []
        for index, rule in enumerate(programme.rules):
            node = rule.when.node
            body.append(f"if {coder.is_true(node)}: fired.append({index})")
            body.append(f"elif not {coder.is_false(node)}: unknown.append({index})")
        lines = ["def rules(facts):"]
        lines += [f"    {line}" for line in ("get = facts.get", "fired = []", "unknown = []")]
        lines += [f"    {line}" for line in (*coder.loads(), *body, "return fired, unknown")]
        return cls(programme.rules, run_source(lines, coder.constants, "rules"))


def assess(programme: Programme, facts: Mapping[str, Any]) -> Assessment:
    """Findings in the order of the rules; the class is the worst of all findings."""
    compiled = programme.compiled
    fired, unknown = compiled.run(facts)
    rules = compiled.rules
    findings = tuple(_finding(rules[i], facts) for i in fired)
    undetermined = tuple(_undetermined(rules[i], facts) for i in unknown)
    classes = {f.cls for f in findings}
    worst = worst_of(programme, classes)
    beside = beside_of(programme, classes)
    at_risk = {f.role for f in findings}
    return Assessment(
        findings,
        undetermined,
        worst,
        programme.level_of(worst, beside),
        tuple(role for role in programme.risk_roles if role in at_risk),
        programme.rules_version,
        beside,
    )


def worst_of(programme: Programme, classes: Iterable[str]) -> str | None:
    """The worst of these classes, those shown beside left out; None where there is none."""
    competing = [c for c in classes if c not in programme.beside_classes]
    return max(competing, key=programme.severity, default=None)


def beside_of(programme: Programme, classes: Iterable[str]) -> tuple[str, ...]:
    """Those of these classes that are shown beside the worst."""
    found = programme.beside_classes & set(classes)
    return tuple(sorted(found, key=programme.severity))


def _finding(rule: Rule, facts: Mapping[str, Any]) -> Finding:
    spec = rule.spec
    referral = None
    if spec.referral is not None:
        needed = True if rule.referral is None else rule.referral.evaluate(facts)
        if needed is not False:
            referral = Referral(spec.referral.to, needed is True)
    return Finding(
        spec.id,
        rule.role,
        rule.cls,
        spec.label,
        spec.category,
        _evidence(rule, facts),
        spec.advice,
        spec.recheck,
        referral,
        spec.source,
    )


def _evidence(rule: Rule, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The values that made the rule fire; a flag brings the measured value with it."""
    evidence: dict[str, Any] = {}
    for name, value in rule.when.support(facts).items():
        spec = rule.when.specs[name]
        if spec.suffix == "flag" and facts.get(spec.base) is not None:
            evidence[spec.base] = facts[spec.base]
        evidence[name] = value
    return evidence


def _undetermined(rule: Rule, facts: Mapping[str, Any]) -> Undetermined:
    return Undetermined(rule.id, rule.role, rule.cls, rule.spec.label, rule.when.missing(facts))
