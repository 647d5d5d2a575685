"""What goes in and out, as schemas. Unknown keys in a request are refused."""

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field


class Body(Schema):
    """A request body."""

    model_config = ConfigDict(extra="forbid")


class Page(Schema):
    """Which rows of a list."""

    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0)


class PersonIn(Body):
    """A child without papers is told by its `mother`, `birth_date` and `order`; then `name` and
    `id_number` may be left out, and `sex` where it is not clear."""

    name: str = ""
    id_number: str = ""
    id_type: str = "resident"
    sex: Literal["female", "male"] | None = None
    birth_date: dt.date | None = None
    phone: str = ""
    hukou: str = Field(default="", description="户籍地，写到镇街，如 某省某市某区某镇")
    residence: str = Field(default="", description="现居住地")
    residence_since: dt.date | None = None
    mother: UUID | None = Field(default=None, description="孩子的母亲（已登记者的 key）")
    order: int = Field(default=1, ge=1, le=9, description="母亲这次分娩的第几个")


class NominationIn(Body):
    """`reference` is the sender's own number: the same reference is registered once."""

    programme: str
    region: str = Field(description="负责镇街或村居的区划代码")
    persons: dict[str, PersonIn] = Field(default={}, description="按角色，如 wife、husband")
    organisation: str = Field(default="", description="机构编号，只用于以机构为对象的项目")
    observations: dict[str, dict[str, Any]] = {}
    marriage_date: dt.date | None = None
    marriage_kind: str = ""
    reference: str = Field(default="", max_length=60)


class OneStopIn(Body):
    """One visit for the programmes the district provides for together; one set of answers."""

    region: str = Field(description="负责镇街或村居的区划代码")
    persons: dict[str, PersonIn] = Field(description="按角色，如 wife、husband")
    observations: dict[str, dict[str, Any]] = {}
    marriage_date: dt.date | None = None
    marriage_kind: str = ""
    reference: str = Field(default="", max_length=60)


class TransferIn(Body):
    to_region: str = Field(description="转往地区的区划代码（区县、镇街或村居）")
    reason: str = Field(max_length=300)


class QuotedClause(Schema):
    ref: str
    text: str


class ExplanationOut(Schema):
    """`line` names document and clause. `decided_on` null: worked out now, nothing was decided."""

    programme: str
    programme_label: str
    on: dt.date
    answer: Literal["yes", "no", "unknown"]
    grant: str
    line: str
    document_number: str
    document_title: str
    policy: str
    clauses: list[QuotedClause]
    decided_on: dt.date | None
    worked_out_now: bool
    episode: str
    fingerprint: str
    content_version: str
    quoted_now: bool


class PersonOut(Schema):
    role: str
    key: UUID
    name: str
    sex: str
    birth_date: dt.date
    id_number: str = Field(description="按职责脱敏")


class EpisodeLine(Schema):
    key: UUID
    number: str
    programme: str
    region: str
    status: str
    status_reason: str
    stage: str
    opened_on: dt.date


class OrganisationOut(Schema):
    role: str
    code: str
    name: str


class EpisodeOut(EpisodeLine):
    """`organisation`: whom it is about where that is no person."""

    policy: str
    child_order: int | None
    persons: list[PersonOut]
    organisation: OrganisationOut | None


class DecisionOut(Schema):
    on: dt.date
    policy: str
    answer: Literal["yes", "no", "unknown"]
    grant: str
    result: dict[str, Any]


class ReviewIn(Body):
    decision: Literal["accept", "return"]
    reason: str = ""


class ConfirmIn(Body):
    own_cost: bool = False


class CardIn(Body):
    appointment_on: dt.date | None = None


class CardOut(Schema):
    key: UUID
    number: str
    token: str
    issued_on: dt.date
    valid_until: dt.date
    appointment_on: dt.date | None
    status: str


class ConsentIn(Body):
    role: str
    decision: Literal["grant", "refuse", "withdraw"]
    method: Literal["screen", "paper"] = "paper"
    signature: str = Field(default="", max_length=300_000)
    reason: str = Field(default="", max_length=300)


class EncounterLine(Schema):
    key: UUID
    form: str
    role: str
    status: str
    version: int
    occurred_on: dt.date


class EncounterOut(EncounterLine):
    """`data` holds what the caller's duty may read; `hidden` counts the rest."""

    data: dict[str, Any]
    hidden: int
    reason: str
    replaces: UUID | None


class OpenIn(Body):
    form: str
    role: str
    task: UUID | None = None


class Change(Body):
    """`base` is the value the sender last saw, `value` the new one."""

    base: Any = None
    value: Any = None


class ChangesIn(Body):
    changes: dict[str, Change]


class ConflictOut(Schema):
    yours: Any = None
    theirs: Any = None
    by: str
    at: str


class SavedOut(Schema):
    version: int
    saved: list[str]
    conflicts: dict[str, ConflictOut]
    errors: dict[str, str]
    flags: dict[str, str]


class SignIn(Body):
    version: int


class AmendIn(Body):
    changes: dict[str, Any]
    reason: str = Field(min_length=1, max_length=300)


class AssessmentOut(Schema):
    key: UUID
    status: str
    as_of: dt.date
    cls: str
    level: str
    rules_version: str
    findings: list[dict[str, Any]]
    undetermined: list[dict[str, Any]]
    hidden: int
    override: dict[str, Any]
    reason: str


class OverrideIn(Body):
    cls: str = ""
    removed: list[str] = []
    added: list[str] = []
    reason: str = Field(min_length=1, max_length=500)


class TaskOut(Schema):
    key: UUID
    episode: UUID
    kind: str
    name: str
    label: str
    role: str
    form: str
    duty: str
    region: str
    opens: dt.date
    due: dt.date | None
    status: str
    reason: str


class AttemptIn(Body):
    way: Literal["phone", "visit", "message"]
    reached: bool
    note: str = Field(default="", max_length=300)


class ReasonIn(Body):
    reason: str = Field(default="", max_length=300)


class DocumentOut(Schema):
    key: UUID
    kind: str
    number: str
    issued_on: dt.date
    sha256: str


class IssueIn(Body):
    kind: str


class ClauseOut(Schema):
    ref: str
    text: str
    status: Literal["implemented", "exhortation", "open"]
    by: list[str]
    reason: str


class PolicyLine(Schema):
    id: str
    label: str
    document_number: str
    region: str
    starts: dt.date
    ends: dt.date | None
    stub: bool


class PolicyOut(PolicyLine):
    clauses: list[ClauseOut]


class FiguresOut(Schema):
    """`cases` holds episode keys, only for figures whose elements the caller may read."""

    programme: str
    report: str
    region: str
    month: dt.date
    values: dict[str, Any]
    cases: dict[str, list[str]]
