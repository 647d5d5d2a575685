"""A district's document at run time: its entries with their conditions compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sanyou.protocol.expression import Expression
from sanyou.protocol.models import (
    Area,
    BenefitProgrammeSpec,
    BenefitSpec,
    CalendarSpec,
    ClauseSpec,
    Criterion,
    DutySpec,
    EntitlementSpec,
    FundingSpec,
    ItemSpec,
    MilestoneSpec,
    OneStopSpec,
    PolicyFile,
    PriceSpec,
    SettlementSpec,
    ShareSpec,
    TargetSpec,
    TierSpec,
)
from sanyou.protocol.scope import Scope
from sanyou.protocol.text import Text


@dataclass(frozen=True)
class Policy:
    """One policy. `starts` and `ends` are the first and last day in force (ends None: open)."""

    spec: PolicyFile
    starts: date
    ends: date | None
    scope: Scope | None = field(repr=False)
    conditions: Mapping[str, Expression] = field(repr=False)
    path: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    programme: str = ""  # whose terms these are
    parts: Mapping[str, Policy] = field(default_factory=dict, repr=False)
    sha256: str = ""  # of the file as read

    def for_programme(self, programme: str) -> Policy:
        """The same document with the terms of one of its programmes; itself where it has none."""
        return self.parts.get(programme, self)

    def every_part(self) -> tuple[Policy, ...]:
        """The document's terms programme by programme."""
        return (self, *self.parts.values())

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def label(self) -> Text:
        return self.spec.label

    @property
    def document_number(self) -> str:
        return self.spec.document_number

    @property
    def region(self) -> str:
        return self.spec.region

    @property
    def programmes(self) -> list[str]:
        return self.spec.programmes

    @property
    def issued_on(self) -> date:
        return self.spec.issued_on

    @property
    def stub(self) -> bool:
        return self.spec.stub

    @property
    def repeals(self) -> list[str]:
        return self.spec.repeals

    @property
    def areas(self) -> dict[str, Area]:
        return self.spec.areas

    @property
    def eligibility(self) -> list[Criterion]:
        return self.spec.eligibility

    @property
    def entitlement(self) -> EntitlementSpec | None:
        return self.spec.entitlement

    @property
    def items(self) -> list[ItemSpec]:
        return self.spec.items

    @property
    def price(self) -> list[PriceSpec]:
        return self.spec.price

    @property
    def benefit(self) -> BenefitSpec | None:
        return self.spec.benefit

    @property
    def tiers(self) -> list[TierSpec]:
        return self.spec.tiers

    @property
    def one_stop(self) -> OneStopSpec | None:
        return self.spec.one_stop

    @property
    def benefit_programmes(self) -> list[BenefitProgrammeSpec]:
        return self.spec.benefit_programmes

    @property
    def funding(self) -> dict[str, FundingSpec]:
        return self.spec.funding

    @property
    def milestones(self) -> list[MilestoneSpec]:
        return self.spec.milestones

    @property
    def shares(self) -> list[ShareSpec]:
        return self.spec.shares

    @property
    def settlement(self) -> SettlementSpec | None:
        return self.spec.settlement

    @property
    def targets(self) -> list[TargetSpec]:
        return self.spec.targets

    @property
    def calendar(self) -> list[CalendarSpec]:
        return self.spec.calendar

    @property
    def duties(self) -> list[DutySpec]:
        return self.spec.duties

    @property
    def clauses(self) -> list[ClauseSpec]:
        return self.spec.clauses

    def in_force(self, on: date) -> bool:
        return self.starts <= on and (self.ends is None or on <= self.ends)

    def clause(self, ref: str) -> ClauseSpec | None:
        return next((c for c in self.clauses if c.ref == ref), None)

    def fact_label(self, name: str) -> Text:
        """What a person calls a fact."""
        spec = self.scope.facts.get(name) if self.scope else None
        return spec.label if spec else Text(name)

    def cite(self, clause: str) -> str:
        """《title》（number）“clause”."""
        cited = f"《{self.label.zh}》（{self.document_number}）"
        return f"{cited}“{clause}”" if clause else cited
