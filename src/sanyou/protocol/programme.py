"""A programme at run time: forms, rules, schedule, indicators with their conditions compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sanyou.protocol.expression import Expression
from sanyou.protocol.facts import FactEntry
from sanyou.protocol.models import (
    CaseSpec,
    DocumentSpec,
    Element,
    FormField,
    FormFile,
    IndicatorSpec,
    ProgrammeFile,
    ReportSpec,
    RiskClass,
    RuleSpec,
    Section,
    StartSpec,
    Step,
    Summaries,
    TaskSpec,
)
from sanyou.protocol.scope import COUPLE, KNOWN_ROLES, Scope
from sanyou.protocol.text import Text

if TYPE_CHECKING:
    from sanyou.protocol.assessment import CompiledRules
    from sanyou.protocol.loop import Loop
    from sanyou.protocol.trace import Trace


@dataclass(frozen=True)
class Rule:
    """One rule for one role, its condition compiled."""

    spec: RuleSpec
    role: str
    cls: str
    when: Expression
    referral: Expression | None
    place: tuple[str, int] = ("", 1)

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def key(self) -> str:
        """ "role.rule", as in worked cases and in the columns of the population form."""
        return f"{self.role}.{self.spec.id}"


@dataclass(frozen=True)
class Form:
    """A form with the conditions of its fields, per role."""

    spec: FormFile
    show: Mapping[tuple[str, str], Expression] = field(repr=False)
    show_section: Mapping[tuple[str, str], Expression] = field(repr=False)

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def label(self) -> Text:
        return self.spec.label

    @property
    def version(self) -> int:
        return self.spec.version

    @property
    def roles(self) -> list[str]:
        return self.spec.roles

    @property
    def duty(self) -> list[str]:
        return self.spec.duty

    @property
    def sections(self) -> list[Section]:
        return self.spec.sections

    def fields_for(self, role: str) -> list[FormField]:
        """Fields this role fills, in order."""
        return [f for s in self.sections for f in s.fields if not f.roles or role in f.roles]


@dataclass(frozen=True)
class Task:
    """A schedule entry with its condition compiled."""

    spec: TaskSpec
    when: Expression | None


@dataclass(frozen=True)
class Start:
    """What signing a form begins elsewhere, its condition compiled."""

    spec: StartSpec
    when: Expression | None


@dataclass(frozen=True)
class Indicator:
    """An indicator with its conditions compiled."""

    spec: IndicatorSpec
    count: Expression | None
    numerator: Expression | None
    denominator: Expression | None

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def label(self) -> Text:
        return self.spec.label


@dataclass(frozen=True)
class Programme:
    """A programme as loaded."""

    spec: ProgrammeFile
    roles: tuple[str, ...]
    role_label: Mapping[str, Text]
    role_sex: Mapping[str, str | None]
    scope: Scope = field(repr=False)
    elements_of: Mapping[str, tuple[Element, ...]] = field(repr=False)
    forms: Mapping[str, Form] = field(repr=False)
    rules: tuple[Rule, ...] = field(repr=False)
    rules_version: str = ""
    schedule: tuple[Task, ...] = field(default=(), repr=False)
    loops: tuple[Loop, ...] = field(default=(), repr=False)
    starts: tuple[Start, ...] = field(default=(), repr=False)
    trace: Trace | None = field(default=None, repr=False)
    documents: Mapping[str, DocumentSpec] = field(default_factory=dict, repr=False)
    indicators: Mapping[str, Indicator] = field(default_factory=dict, repr=False)
    reports: Mapping[str, ReportSpec] = field(default_factory=dict, repr=False)
    summaries: Summaries = field(default_factory=Summaries)
    cases: tuple[tuple[str, int, CaseSpec], ...] = field(default=(), repr=False)
    folder: Path = Path()

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def label(self) -> Text:
        return self.spec.label

    @property
    def version(self) -> str:
        return self.spec.version

    @property
    def subject(self) -> str:
        return self.spec.subject

    @property
    def is_couple(self) -> bool:
        return self.spec.subject == "couple"

    @property
    def is_of_organisations(self) -> bool:
        return self.spec.subject == "organisation"

    @property
    def steps(self) -> list[Step]:
        return self.spec.steps

    @property
    def opening_form(self) -> str | None:
        return self.spec.opening_form

    @property
    def risk_classes(self) -> list[RiskClass]:
        """In order of increasing severity."""
        return self.spec.risk_classes

    @property
    def risk_levels(self) -> dict[str, Text]:
        return self.spec.risk_levels

    @property
    def risk_roles(self) -> tuple[str, ...]:
        """Roles a rule may speak about."""
        return (*self.roles, COUPLE) if self.is_couple else self.roles

    def step(self, step_id: str) -> Step:
        """KeyError where the programme has no such step."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    @cached_property
    def beside_classes(self) -> frozenset[str]:
        """Classes shown beside the worst of the others."""
        return frozenset(c.id for c in self.risk_classes if c.beside)

    def severity(self, cls: str) -> int:
        """Position of a class, the worst highest."""
        return self._severity[cls]

    def level_of(self, cls: str | None, beside: Iterable[str] = ()) -> str:
        """Risk level of a class and those beside it; the first level where nothing was found."""
        levels = list(self.risk_levels)
        classes = [c for c in (cls, *beside) if c is not None]
        found = [self.risk_classes[self.severity(c)].level for c in classes]
        return max(found, key=levels.index, default=levels[0] if levels else "")

    def fact_label(self, name: str) -> Text:
        """What a person calls a fact: 女方谷丙转氨酶."""
        spec = self.scope.facts.get(name)
        if spec is not None:
            return spec.label
        role, _, element_id = name.partition(".")
        element = self.scope.elements.get(element_id.partition("__")[0])
        if element is None:
            return Text(name)
        prefix = self.role_label.get(role, Text(role))
        english = f"{prefix.in_language('en')} {element.label.in_language('en')}"
        return Text(f"{prefix.zh}{element.label.zh}", english)

    @cached_property
    def _severity(self) -> dict[str, int]:
        return {c.id: i for i, c in enumerate(self.risk_classes)}

    @cached_property
    def fact_entries(self) -> dict[str, tuple[FactEntry, ...]]:
        """Per role, how its elements become facts, computed elements after their inputs."""
        return {
            role: tuple(FactEntry(element, role) for element in elements)
            for role, elements in self.elements_of.items()
        }

    @cached_property
    def series(self) -> dict[str, tuple[Element, ...]]:
        """Per role, what all its forms tell together."""
        return {
            role: found
            for role, elements in self.elements_of.items()
            if (found := tuple(e for e in elements if e.series is not None))
        }

    @cached_property
    def compiled(self) -> CompiledRules:
        """All rules as one function, made on first use."""
        from sanyou.protocol.assessment import CompiledRules

        return CompiledRules.of(self)


def role_details(
    spec: ProgrammeFile,
) -> tuple[tuple[str, ...], dict[str, Text], dict[str, str | None]]:
    """Ids, labels and sexes of a programme's roles; `couple` has a label, too."""
    roles: list[str] = []
    labels: dict[str, Text] = {COUPLE: KNOWN_ROLES[COUPLE][0]}
    sexes: dict[str, str | None] = {}
    for role in spec.roles:
        if isinstance(role, str):
            label, sex = KNOWN_ROLES.get(role, (Text(role), None))
            role_id = role
        else:
            role_id, label, sex = role.id, role.label, role.sex
        roles.append(role_id)
        labels[role_id], sexes[role_id] = label, sex
    return tuple(roles), labels, sexes
