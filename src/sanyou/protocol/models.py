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
    points: Number | None = None  # what the answer adds to a score


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
    """The corresponding day of another date, some time later.

    `by` is fixed; `days` names an element that holds the number of days, which may be negative.
    """

    than: Name
    by: Duration = Duration()
    days: Name | None = None


class Earlier(Model):
    """The corresponding day of another date, some time earlier."""

    than: Name
    by: Duration


ChartName = Literal[
    "weight_for_age",
    "length_height_for_age",
    "weight_for_length_height",
    "bmi_for_age",
    "head_circumference_for_age",
    "arm_circumference_for_age",
]


class Growth(Model):
    """A z-score of a growth chart (content/charts). Names are elements of the same person.

    `age` in days. `by`: length or height in cm where the chart goes by it. `position`: code
    `lying` or `standing`. `gestation`: days at birth, for the corrected age until 24 months.
    """

    chart: ChartName
    value: Name
    age: Name
    by: Name | None = None
    position: Name | None = None
    gestation: Name | None = None

    @property
    def inputs(self) -> list[str]:
        named = (self.value, self.age, self.by, self.position, self.gestation)
        return [name for name in named if name is not None]


class Derived(Model):
    """How a computed element is worked out; exactly one way."""

    years_between: list[str] | None = None
    months_between: list[str] | None = None
    weeks_between: list[str] | None = None
    days_between: list[str] | None = None
    later: Later | None = None
    earlier: Earlier | None = None
    first_of: list[str] | None = None  # the first that is known
    score: list[str] | None = None  # sum of the points of coded answers; all must be given
    growth: Growth | None = None
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


class ChartTable(Model):
    """`until`: the last day of age for which this table is read; none: every age."""

    file: str
    until: int | None = Field(default=None, ge=0)


class ChartFlags(Model):
    """Z-scores outside are implausible."""

    low: Number
    high: Number


class GrowthChart(Model):
    id: ChartName
    label: Text
    unit: str
    tables: list[ChartTable] = Field(min_length=1)
    adjusted: bool = False
    flags: ChartFlags
    source: Source


class ChartsFile(Model):
    charts: list[GrowthChart] = Field(min_length=1)


class Series(Model):
    """What all signed forms of an episode tell together; given by the engine.

    Of `forms`: how many, the first or the last day. Of an `element`: its first, its last value but
    one, the highest or lowest, or how many times it was among these values.
    """

    forms: list[Name] | None = None
    element: Name | None = None
    tell: Literal["count", "first_on", "last_on", "first", "previous", "highest", "lowest", "times"]
    among: list[str | bool] = []


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
    series: Series | None = None
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
    mark: Text | None = None  # what a badge shows in short; the id where there is none
    colour: Literal["green", "yellow", "orange", "red", "purple"] | None = None
    beside: bool = False  # shown beside the worst of the others, never competes with it


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


class ChildSpec(Model):
    """Elements of a form that tell of a newborn; `order` counts the children of one birth."""

    born_on: Name
    sex: Name
    order: Name
    name: Name | None = None
    certificate: Name | None = None


class StartSpec(Model):
    """Signing a form begins other programmes: of the same person, or of the child it tells of.

    Only programmes that the region's policy runs are begun. `carry`: element of their opening
    form -> element of this programme.
    """

    id: Name
    form: Name
    subject: Literal["person", "child"]
    role: Name | None = None  # whose person, in a programme of couples
    when: Condition | None = None
    child: ChildSpec | None = None
    programmes: list[Name] = Field(min_length=1)
    carry: dict[Name, Name] = {}
    source: Source | None = None


class PregnancySpec(Model):
    """Episodes belong to a pregnancy of the woman; elements that hold its first and last day."""

    began: Name
    ended: Name


class LedgerSpec(Model):
    """A list of open episodes by the class that stands, with these elements beside."""

    label: Text
    classes: list[Code] = Field(min_length=1)
    show: list[Name] = []


class ChartSpec(Model):
    """A growth curve of one person over the visits."""

    id: Name
    label: Text
    chart: ChartName
    value: Name
    age: Name
    by: Name | None = None
    gestation: Name | None = None


class SessionSpec(Model):
    """A form that may be filled for a whole list at once: a class, a course, a field day."""

    id: Name
    label: Text
    form: Name
    note: Text | None = None


class ProgrammeFile(Model):
    id: Name
    label: Text
    version: str
    subject: Literal["couple", "person", "organisation"]
    compartment: Name | None = None  # hidden from every duty that does not work in it
    pregnancy: PregnancySpec | None = None
    reassess: list[Name] = []  # forms outside the steps whose results undo an assessment, too
    starts: list[StartSpec] = []
    ledger: LedgerSpec | None = None
    charts: list[ChartSpec] = []
    sessions: list[SessionSpec] = []
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


class AfterSpec(Model):
    anchor: str
    by: Duration = Duration()


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
    also_after: list[AfterSpec] = []  # the window opens no sooner; both ends move along
    when: Condition | None = None
    attempts: int | None = Field(default=None, ge=1)
    source: Source
    note: Text | None = None


class ScheduleFile(Model):
    tasks: list[TaskSpec] = []


class LegSpec(Model):
    """One part of the way from a positive to its end: done when its condition is TRUE."""

    id: Name
    label: Text
    form: Name
    duty: Name
    anchor: str | None = None
    from_: Duration = Field(default=Duration(), alias="from")
    due: Duration
    done: Condition
    when: Condition | None = None
    attempts: int | None = Field(default=None, ge=1)
    source: Source | None = None


class LostSpec(Model):
    """Who looks for somebody whose leg was given up as lost."""

    label: Text
    duty: Name
    due: Duration


class LoopSpec(Model):
    """A closed loop (闭环): a positive stays on exactly one list until it is closed."""

    id: Name
    label: Text
    role: Name
    open: Condition
    closed: Condition
    since: str
    legs: list[LegSpec] = Field(min_length=1)
    lost: LostSpec
    source: Source
    note: Text | None = None


class LoopsFile(Model):
    loops: list[LoopSpec] = Field(min_length=1)


# --- back-trace -----------------------------------------------------------------


class ChanceText(Model):
    taken: Text
    partly: Text | None = None
    not_taken: Text
    no_record: Text


class ChanceSpec(Model):
    """One chance of prevention on the way to a case; looked up in another record of the family."""

    id: Name
    label: Text
    level: Literal[1, 2, 3]  # of prevention
    programme: Name
    of: Literal["mother", "child", "parents"]
    when: Condition | None = None  # over the facts of the case
    taken: Condition
    partly: Condition | None = None
    until: Literal["born", "today"]
    text: ChanceText
    ask: Text
    source: Source


class TraceFile(Model):
    chances: list[ChanceSpec] = Field(min_length=1)


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
    state: Literal["future", "open", "overdue"] | None = None


class ExpectLoop(Model):
    id: Name
    state: Literal["none", "open", "closed"]
    leg: Name | None = None
    due: date | None = None


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
    loops: list[ExpectLoop] | None = None
    beside: str | None = None
    pricing: ExpectPricing | None = None


class CaseSpec(Model):
    name: str = Field(min_length=1)
    kind: Literal["assessment", "eligibility", "entitlement", "schedule", "pricing", "loop"]
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
