"""The shapes of content files, strict: a key that is not listed here is a mistake."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from sanyou.protocol.text import Text


def _number(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


Number = Annotated[Decimal, BeforeValidator(_number)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Condition = Annotated[str, StringConstraints(min_length=1)]
RegionCode = Annotated[str, StringConstraints(pattern=r"^\d{2}(\d{2}(\d{2}(\d{3}(\d{3})?)?)?)?$")]
Width = Literal["full", "half", "third"]
Sex = Literal["female", "male"]


class Model(BaseModel):
    """Frozen and strict: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Source(Model):
    """Where a fact comes from. `from-knowledge`: known, not yet seen in a public source;
    `example`: left by the document to a later local rule, invented so that the flow can be shown."""

    ref: str = ""
    status: Literal["confirmed", "from-knowledge", "example"] = "confirmed"
    clause: str = ""


class Duration(Model):
    """A calendar interval; months and years are clamped at month ends."""

    days: int = Field(default=0, ge=0)
    weeks: int = Field(default=0, ge=0)
    months: int = Field(default=0, ge=0)
    years: int = Field(default=0, ge=0)


# --- dictionary ---------------------------------------------------------------


class CodeSpec(Model):
    code: Code
    label: Text
    alias: list[str] = []
    retired: bool = False
    not_done: bool = False  # an answer that says the item was not carried out: refused, not taken


class ValueSet(Model):
    id: Name
    label: Text
    codes: list[CodeSpec] = Field(min_length=1)

    def find(self, code: str) -> CodeSpec | None:
        return next((c for c in self.codes if c.code == code), None)

    @cached_property
    def current_codes(self) -> dict[str, str]:
        """Every code and alias -> the code it means today."""
        aliases = {alias: code.code for code in self.codes for alias in code.alias}
        return {**aliases, **{code.code: code.code for code in self.codes}}

    @property
    def current(self) -> list[CodeSpec]:
        """Codes offered for new entries, in display order."""
        return [c for c in self.codes if not c.retired]


class Range(Model):
    """Reference range; equal to a bound is normal."""

    sex: Sex | None = None
    low: Number | None = None
    high: Number | None = None
    method: str = ""
    source: Source | None = None


class Plausible(Model):
    """Limits of what can be real; outside is refused on entry."""

    min: Number
    max: Number
    source: Source | None = None


class Later(Model):
    """The corresponding day of another date, some time later."""

    than: Name
    by: Duration


class Derived(Model):
    """How a computed element is worked out; exactly one way."""

    years_between: list[str] | None = None
    months_between: list[str] | None = None
    weeks_between: list[str] | None = None
    days_between: list[str] | None = None
    later: Later | None = None
    formula: str | None = None
    decimals: int | None = Field(default=None, ge=0, le=6)

    @property
    def between(self) -> tuple[str, list[str]] | None:
        """(unit, [from, to]) where the element counts full units between two dates."""
        for unit in ("years", "months", "weeks", "days"):
            ends = getattr(self, f"{unit}_between")
            if ends is not None:
                return unit, ends
        return None


ElementType = Literal[
    "boolean", "integer", "decimal", "code", "codes", "date", "text", "region", "image"
]


class Element(Model):
    """One data element of the dictionary."""

    id: Name
    label: Text
    scope: Literal["person", "couple"]
    sex: Sex | None = None
    type: ElementType
    unit: str = ""
    decimals: int | None = Field(default=None, ge=0, le=6)
    codes: Name | None = None
    normal: list[str | bool] | None = None
    ranges: list[Range] = []
    plausible: Plausible | None = None
    loinc: str = ""
    icd: str = ""
    privacy: Literal["public", "identity", "health", "restricted"]
    derived: Derived | None = None
    process: bool = False
    source: Source | None = None
    note: Text | None = None

    # Set once by the loader; a field, because pydantic's private attributes are slow to read.
    value_set: ValueSet | None = Field(default=None, exclude=True, repr=False)

    @property
    def is_number(self) -> bool:
        return self.type in ("integer", "decimal")

    @property
    def is_entered(self) -> bool:
        """True where people or files supply the value."""
        return self.derived is None and not self.process

    def range_for(self, sex: str | None) -> Range | None:
        """The reference range that applies to this sex, the most specific first."""
        fitting = [r for r in self.ranges if r.sex is None or r.sex == sex]
        return min(fitting, key=lambda r: r.sex is None, default=None)


class DictionaryFile(Model):
    value_sets: list[ValueSet] = []
    elements: list[Element] = []


# --- programme ----------------------------------------------------------------


class RoleSpec(Model):
    id: Name
    label: Text
    sex: Sex | None = None


class RiskClass(Model):
    id: Code
    label: Text
    level: Name


class Step(Model):
    id: Name
    label: Text
    kind: Literal[
        "form", "review", "confirm", "card", "consent", "assess", "document", "publish", "approve"
    ]
    duty: Name
    form: Name | None = None
    document: Name | None = None
    roles: list[Name] = []
    after: list[Name] = []
    within: Duration | None = None
    valid: Duration | None = None  # how long what the step issues may be used
    source: Source | None = None


class ReuseSpec(Model):
    """Signed results of the same subject in another programme that still count in this one."""

    from_: Name = Field(alias="from")
    within: Duration
    elements: list[Name] = []  # none listed: every element the programmes share
    source: Source


class ProgrammeFile(Model):
    id: Name
    label: Text
    version: str
    subject: Literal["couple", "person"]
    roles: list[Name | RoleSpec] = Field(min_length=1)
    risk_classes: list[RiskClass] = []
    risk_levels: dict[str, Text] = {}
    opening_form: Name | None = None
    reuse: list[ReuseSpec] = []
    steps: list[Step] = Field(min_length=1)
    source: Source | None = None
    note: Text | None = None


class FormField(Model):
    element: Name
    label: Text | None = None
    required: bool = False
    show_if: Condition | None = None
    roles: list[Name] = []
    copy_last: bool = False
    instead_of: Name | None = None  # in one visit, the question of another form this one replaces
    hint: Text | None = None
    width: Width = "third"
    default: Any = None


class Section(Model):
    id: Name
    label: Text
    fields: list[FormField] = Field(min_length=1)
    show_if: Condition | None = None
    hint: Text | None = None


class SupplyUse(Model):
    """Signing the form hands out this many units of a supply."""

    item: Name
    quantity: Name  # element of the form that holds the number of units


class FormFile(Model):
    id: Name
    label: Text
    version: int = Field(ge=1)
    roles: list[Name] = Field(min_length=1)
    duty: list[Name] = Field(min_length=1)
    supply: SupplyUse | None = None
    sections: list[Section] = Field(min_length=1)
    source: Source | None = None
    hint: Text | None = None


class Recheck(Model):
    label: Text
    after: Duration = Duration()
    due: Duration


class ReferralSpec(Model):
    to: Text
    when: Condition | None = None


class RuleSpec(Model):
    id: Name
    label: Text
    for_: dict[str, str] = Field(alias="for", min_length=1)
    category: Name
    when: Condition
    advice: Text
    recheck: Recheck | None = None
    referral: ReferralSpec | None = None
    source: Source
    note: Text | None = None


class RulesFile(Model):
    version: str
    rules: list[RuleSpec] = Field(min_length=1)


class TaskSpec(Model):
    """A follow-up task: when its window opens and closes after an anchor date."""

    id: Name
    label: Text
    form: Name | None = None
    role: Name
    duty: Name
    anchor: str
    every: Duration | None = None
    until: Duration | None = None
    from_: Duration = Field(default=Duration(), alias="from")
    due: Duration
    when: Condition | None = None
    attempts: int | None = Field(default=None, ge=1)
    source: Source
    note: Text | None = None


class ScheduleFile(Model):
    tasks: list[TaskSpec] = []


class DocumentSpec(Model):
    """A printed document; `number` is a pattern over {kind} {code} {org} {year} {seq}."""

    id: Name
    label: Text
    number: str
    code: Code
    paper: Literal["A4", "A5", "card"] = "A4"
    template: str
    text_version: str
    roles: list[Name] = []
    source: Source | None = None
    note: Text | None = None


class IndicatorSpec(Model):
    """A count of cases, or a rate of numerator among denominator, placed in time by `on`."""

    id: Name
    label: Text
    on: str
    count: Condition | None = None
    numerator: Condition | None = None
    denominator: Condition | None = None
    decimals: int = Field(default=1, ge=0, le=6)
    unit: str = ""
    direction: Literal["higher", "lower", "none"] = "none"
    source: Source
    note: Text | None = None


class ReportSection(Model):
    label: Text
    rows: list[Name] = Field(min_length=1)


class ReportSpec(Model):
    id: Name
    label: Text
    sections: list[ReportSection] = Field(min_length=1)
    source: Source | None = None
    note: Text | None = None


class Summaries(Model):
    findings: list[str] = []


class IndicatorsFile(Model):
    indicators: list[IndicatorSpec] = []
    reports: list[ReportSpec] = []
    summaries: Summaries = Summaries()


# --- worked cases -------------------------------------------------------------


class ExpectEligibility(Model):
    answer: Literal["yes", "no", "unknown"]
    clause: str | None = None
    reason: str | None = None
    missing: list[str] | None = None


class ExpectEntitlement(Model):
    grant: Literal["free", "own_cost", "unknown"]
    clause: str | None = None
    reason: str | None = None


class ExpectTask(Model):
    id: Name
    from_: date = Field(alias="from")
    due: date


class ExpectSchedule(Model):
    tasks: list[ExpectTask]


class ExpectPricing(Model):
    amount: str  # yuan, or "unknown" where facts are missing
    missing: list[str] | None = None
    region: RegionCode | None = None  # whose tier of shares applies
    shares: dict[str, str] | None = None  # payer -> yuan


class Expect(Model):
    fires: list[str] = []
    not_: list[str] = Field(default=[], alias="not")
    unknown: list[str] = []
    class_: str | None = Field(default=None, alias="class")
    level: str | None = None
    eligibility: ExpectEligibility | None = None
    entitlement: ExpectEntitlement | None = None
    schedule: ExpectSchedule | None = None
    pricing: ExpectPricing | None = None


class CaseSpec(Model):
    name: str = Field(min_length=1)
    kind: Literal["assessment", "eligibility", "entitlement", "schedule", "pricing"]
    policy: str | None = None
    programme: Name | None = None
    on: date
    given: dict[str, dict[str, Any]]
    expect: Expect
    note: str = ""


class CasesFile(Model):
    cases: list[CaseSpec] = Field(min_length=1)


# --- policy -------------------------------------------------------------------


class InForce(Model):
    from_: date | None = Field(default=None, alias="from")
    until: date | None = None
    days_after_issue: int | None = Field(default=None, ge=0)


class Area(Model):
    """Regions by code prefix; anything under `exclude` is taken out again."""

    label: Text
    include: list[RegionCode] = Field(min_length=1)
    exclude: list[RegionCode] = []
    clause: str = ""
    source: Source | None = None


class Criterion(Model):
    id: Name
    label: Text
    when: Condition
    clause: str = ""
    source: Source | None = None
    refuse: Text
    ask: Text
    text: Text | None = None


class GrantSpec(Model):
    id: Name
    when: Condition
    grant: Literal["free", "own_cost"]
    clause: str = ""
    source: Source | None = None
    text: Text


class EntitlementSpec(Model):
    unit: list[Name] = Field(min_length=1)
    decisions: list[GrantSpec] = Field(min_length=1)


class ItemSpec(Model):
    id: Name
    label: Text
    who: list[Name] = Field(min_length=1)
    kind: Name
    requires: list[Name] = []
    national: int | None = None
    clause: str = ""
    source: Source | None = None
    note: Text | None = None


class PriceSpec(Model):
    from_: date = Field(alias="from")
    amount: Annotated[str, StringConstraints(pattern=r"^\d+\.\d{2}$")]
    per: Literal["couple", "person"]
    clause: str = ""
    source: Source | None = None


class TierSpec(Model):
    """Regions that share one split of the cost; the longest code that fits wins."""

    id: Name
    label: Text
    include: list[RegionCode] = Field(min_length=1)
    clause: str = ""
    source: Source | None = None


class ShareSpec(Model):
    payer: Name
    label: Text
    percent: Number = Field(ge=0, le=100)
    tier: Name | None = None
    clause: str = ""
    source: Source | None = None


Yuan = Annotated[str, StringConstraints(pattern=r"^\d+\.\d{2}$")]


class BenefitPart(Model):
    """A share of what lies above a threshold, up to a limit; amounts in yuan."""

    of: str
    above: Yuan = "0.00"
    percent: Number = Field(gt=0, le=100)
    at_most: Yuan | None = None


class BenefitSpec(Model):
    """What an approved application is paid; exactly one way."""

    fixed: Yuan | None = None
    part: BenefitPart | None = None
    decided: str | None = None  # a fact: the amount decided on the form, in yuan
    clause: str = ""
    source: Source | None = None
    text: Text | None = None


class SettlementSpec(Model):
    period: Literal["month", "quarter", "half_year", "year"]
    clause: str = ""
    source: Source | None = None
    text: Text


class TargetSpec(Model):
    id: Name
    label: Text | None = None
    indicator: Name | None = None
    # What the indicator (then a count) is measured against, where it is not a rate itself.
    base: Literal["task_number"] | None = None
    value: Number
    unit: str
    direction: Literal["higher", "lower"]
    clause: str = ""
    source: Source | None = None
    text: Text | None = None


class CalendarSpec(Model):
    id: Name
    text: Text
    period: str
    clause: str = ""
    source: Source | None = None


class DutySpec(Model):
    id: Name | None = None
    who: str
    label: Text
    text: Text
    clause: str = ""
    source: Source | None = None


class OneStopSpec(Model):
    """Programmes done in one visit: registered together, each test done once for all."""

    programmes: list[Name] = Field(min_length=2)
    clause: str = ""
    source: Source | None = None
    text: Text | None = None


class FundingSpec(Model):
    label: Text
    clause: str = ""
    source: Source | None = None


class BenefitProgrammeSpec(Model):
    """A government benefit programme with where its money comes from."""

    id: Name
    label: Text
    funding: list[Name] = Field(min_length=1)
    beneficiaries: Text
    programme: Name | None = None
    clause: str = ""
    source: Source | None = None


class MilestoneSpec(Model):
    """What a campaign has to have done by a day, by whom, shown by what."""

    id: Name
    label: Text
    from_: date | None = Field(default=None, alias="from")
    by: date
    who: Text
    text: Text | None = None
    evidence: Text
    clause: str = ""
    source: Source | None = None


class ClauseSpec(Model):
    ref: str
    text: str
    status: Literal["implemented", "exhortation", "open"]
    by: list[str] = []
    reason: str = ""


class PolicyTerms(Model):
    """Who may have a programme, how often, what is done, what it costs and who pays."""

    eligibility: list[Criterion] = []
    entitlement: EntitlementSpec | None = None
    items: list[ItemSpec] = []
    price: list[PriceSpec] = []
    benefit: BenefitSpec | None = None
    shares: list[ShareSpec] = []
    settlement: SettlementSpec | None = None


class PolicyFile(PolicyTerms):
    """A district's document. Its own terms are those of the first of its programmes; `terms` holds
    those of the others."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
    label: Text
    document_number: str
    region: RegionCode
    programmes: list[Name] = Field(min_length=1)
    terms: dict[Name, PolicyTerms] = {}
    issued_on: date
    in_force: InForce
    repeals: list[str] = []
    stub: bool = False
    areas: dict[Name, Area] = {}
    tiers: list[TierSpec] = []
    one_stop: OneStopSpec | None = None
    benefit_programmes: list[BenefitProgrammeSpec] = []
    funding: dict[Name, FundingSpec] = {}
    milestones: list[MilestoneSpec] = []
    targets: list[TargetSpec] = []
    calendar: list[CalendarSpec] = []
    duties: list[DutySpec] = []
    clauses: list[ClauseSpec] = []
    source: Source | None = None
    note: Text | None = None


# --- districts and supplies ---------------------------------------------------


class CentreSpec(Model):
    name: Text
    address: Text | None = None
    phone: str = ""
    source: Source | None = None


class DistrictFile(Model):
    """How a district appears: its name, its centre, its mark, its own texts and templates."""

    id: Name
    region: RegionCode
    label: Text
    centre: CentreSpec
    logo: str | None = None
    texts: dict[Name, Text] = {}
    documents: dict[Name, str] = {}
    source: Source | None = None


class PerUnit(Model):
    amount: int = Field(ge=1)
    label: Text
    per_day: int = Field(default=1, ge=1)


class SupplySpec(Model):
    """Something kept in stock by batch and handed out."""

    id: Name
    label: Text
    unit: Text
    per_unit: PerUnit | None = None
    warn_days_before_expiry: int = Field(default=60, ge=0)
    remind_days_before_end: int = Field(default=0, ge=0)  # of what somebody was given
    source: Source

    def days(self, units: int) -> int:
        """How many days this many units last; 0 where it is not used up by the day."""
        if self.per_unit is None:
            return 0
        return units * self.per_unit.amount // self.per_unit.per_day


class SuppliesFile(Model):
    supplies: list[SupplySpec] = Field(min_length=1)
