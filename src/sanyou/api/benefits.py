"""Subsidies: applications, public notices, approval, appeals, benefit programmes."""

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema

from sanyou.api import reach
from sanyou.api.auth import actor_of
from sanyou.api.shapes import Body, Page
from sanyou.benefits import applications, decisions, notices, programmes
from sanyou.benefits.models import Appeal, Decision, NoticeEntry, Objection, PublicNotice
from sanyou.care import content
from sanyou.care.errors import CareError
from sanyou.care.models import Episode
from sanyou.finance.money import yuan
from sanyou.protocol.policy import Policy
from sanyou.registry.access import Actor, NotFoundForYou, visible
from sanyou.registry.models import Region
from sanyou.trust import audit

router = Router(tags=["benefits"])


class ApplicationOut(Schema):
    """`amount` in yuan: decided, or as the document has it today; null while facts are missing."""

    key: UUID
    number: str
    programme: str
    policy: str
    name: str
    region: str
    opened_on: dt.date
    status: str
    status_reason: str
    stage: str
    amount: str | None
    working: str
    clause: str
    decision: str
    appeal_until: dt.date | None


class NoticeOut(Schema):
    key: UUID
    number: str
    programme: str
    policy: str
    region: str
    starts_on: dt.date
    ends_on: dt.date
    closed_on: dt.date | None
    entries: list[dict[str, Any]]


class NoticeIn(Body):
    programme: str
    policy: str
    applications: list[UUID]
    starts_on: dt.date | None = None


class DecisionIn(Body):
    decision: Literal["approve", "refuse"]
    reason: str = ""


class ReasonIn(Body):
    reason: str


class DecisionOut(Schema):
    kind: str
    amount: str
    working: str
    clause: str
    reason: str
    on: dt.date


class ObjectionIn(Body):
    line: int
    text: str
    objector: str = ""


class AnswerIn(Body):
    upheld: bool
    text: str


class AppealIn(Body):
    text: str
    filed_on: dt.date | None = None


class KeyOut(Schema):
    key: UUID


class RulingOut(Schema):
    upheld: bool
    text: str
    on: dt.date


class EntryIn(Body):
    """`spending` in yuan; `version` is the one that is being corrected, 0 for the first."""

    policy: str
    region: str
    month: str
    benefit: str
    funding: str
    beneficiaries: int
    spending: str
    reason: str = ""
    version: int = 0


class EntryOut(Schema):
    benefit: str
    funding: str
    month: dt.date
    beneficiaries: int
    spending: str
    version: int


class LineOut(Schema):
    benefit: str
    label: str
    counted: bool
    example: bool
    people: int
    spending: dict[str, str]


def _application(actor: Actor, row: Episode) -> dict[str, Any]:
    decision = applications.standing(row)
    worth = applications.worth(row, decision.on if decision else timezone.localdate())
    approved = decision is not None and decision.kind == Decision.Kind.APPROVED
    fen = decision.amount if decision is not None and approved else worth.fen
    return reach.episode_line(row) | {
        "policy": row.policy,
        "name": applications.shown_name(actor, row),
        "amount": yuan(fen) if fen is not None else None,
        "working": decision.working if decision is not None and approved else worth.working.zh,
        "clause": decision.clause if decision is not None else worth.clause,
        "decision": decision.kind if decision is not None else "",
        "appeal_until": applications.appeal_until(row),
    }


def _decision(made: Decision) -> dict[str, Any]:
    return {
        "kind": made.kind,
        "amount": yuan(made.amount),
        "working": made.working,
        "clause": made.clause,
        "reason": made.reason,
        "on": made.on,
    }


def _notice(found: PublicNotice) -> dict[str, Any]:
    """As it was put up: nobody is named in full."""
    return {
        "key": found.key,
        "number": found.number,
        "programme": found.programme,
        "policy": found.policy,
        "region": found.region_id,
        "starts_on": found.starts_on,
        "ends_on": found.ends_on,
        "closed_on": found.closed_on,
        "entries": [
            {
                "line": e.line,
                "name": e.name,
                "town": e.town,
                "amount": yuan(e.amount),
                "working": e.working,
                "clause": e.clause,
                "standing": e.standing,
            }
            for e in found.entries.all()
        ],
    }


@router.get("/applications", response=list[ApplicationOut])
def application_list(request: HttpRequest, page: Query[Page], programme: str = "") -> object:
    """Applications within the caller's region, the newest first."""
    actor = actor_of(request)
    rows = applications.applications(actor)
    rows = rows.filter(programme=programme) if programme else rows
    found = list(rows[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "benefits", "", rows=len(found))
    return [_application(actor, row) for row in found]


@router.get("/applications/{key}", response=ApplicationOut)
def application(request: HttpRequest, key: UUID) -> object:
    """One application."""
    actor = actor_of(request)
    row = _row(actor, key, "see_benefits")
    audit.record(actor, "read", "benefit", row.key)
    return _application(actor, row)


def _row(actor: Actor, key: UUID, action: str) -> Episode:
    row = reach.episode(actor, key, action)
    if row.programme not in {p.id for p in applications.programmes()}:
        raise NotFoundForYou
    return row


@router.post("/applications/{key}/decision", response=DecisionOut)
def decide(request: HttpRequest, key: UUID, body: DecisionIn) -> object:
    """Approve or refuse; again gives the first decision."""
    actor = actor_of(request)
    row, today = _row(actor, key, "approve_benefit"), timezone.localdate()
    if body.decision == "approve":
        return _decision(decisions.approve(row, actor, today))
    return _decision(decisions.refuse(row, actor, body.reason, today))


@router.post("/applications/{key}/take-back", response=ApplicationOut)
def take_back(request: HttpRequest, key: UUID, body: ReasonIn) -> object:
    """Send a confirmed, undecided application back; its line on the notice falls."""
    actor = actor_of(request)
    row = _row(actor, key, "see_benefits")
    return _application(actor, notices.take_back(row, actor, body.reason, timezone.localdate()))


@router.post("/applications/{key}/appeals", response=KeyOut)
def appeal(request: HttpRequest, key: UUID, body: AppealIn) -> object:
    """Write down the applicant's appeal."""
    actor, today = actor_of(request), timezone.localdate()
    row = _row(actor, key, "see_person")
    return {"key": decisions.appeal(row, actor, body.text, body.filed_on or today, today).key}


@router.post("/appeals/{key}/decision", response=RulingOut)
def appeal_decision(request: HttpRequest, key: UUID, body: AnswerIn) -> object:
    """Upheld or rejected, by somebody who had no hand in it."""
    actor = actor_of(request)
    row = reach.find(actor, Appeal.objects.select_related("episode"), key)
    made = decisions.decide_appeal(row, actor, body.upheld, body.text, timezone.localdate())
    return {"upheld": made.upheld, "text": made.reason, "on": made.on}


@router.get("/notices", response=list[NoticeOut])
def notice_list(request: HttpRequest, page: Query[Page]) -> object:
    """Public notices, the newest first."""
    actor = actor_of(request)
    rows = notices.notices(actor).prefetch_related("entries")
    audit.record(actor, "list", "notice", "")
    return [_notice(n) for n in rows[page.offset : page.offset + page.limit]]


@router.post("/notices", response=NoticeOut)
def notice_make(request: HttpRequest, body: NoticeIn) -> object:
    """Put up applications; the same again gives the notice they stand on."""
    actor = actor_of(request)
    rows = list(visible(actor, Episode.objects.filter(key__in=body.applications)))
    if len(rows) != len(set(body.applications)):
        raise NotFoundForYou
    starts = body.starts_on or timezone.localdate()
    return _notice(notices.make(actor, body.programme, body.policy, rows, starts))


@router.post("/notices/{key}/close", response=NoticeOut)
def notice_close(request: HttpRequest, key: UUID) -> object:
    """Its days have passed and every objection is answered."""
    actor = actor_of(request)
    found = reach.find(actor, PublicNotice.objects.all(), key)
    return _notice(notices.close(found, actor, timezone.localdate()))


@router.post("/notices/{key}/objections", response=KeyOut)
def objection(request: HttpRequest, key: UUID, body: ObjectionIn) -> object:
    """Write down an objection to one line."""
    actor = actor_of(request)
    found = reach.find(actor, PublicNotice.objects.all(), key)
    entry = NoticeEntry.objects.filter(notice=found, line=body.line).first()
    if entry is None:
        raise NotFoundForYou
    made = notices.object_to(entry, actor, body.text, body.objector, timezone.localdate())
    return {"key": made.key}


@router.post("/objections/{key}/answer", response=RulingOut)
def objection_answer(request: HttpRequest, key: UUID, body: AnswerIn) -> object:
    """Upheld sends the application back."""
    actor = actor_of(request)
    row = reach.find(actor, Objection.objects.select_related("entry__episode"), key)
    made = notices.answer(row, actor, body.upheld, body.text, timezone.localdate())
    return {"upheld": made.upheld, "text": made.text, "on": made.on}


@router.get("/programmes", response=list[LineOut])
def benefit_programmes(request: HttpRequest, policy: str, region: str, month: str) -> object:
    """A document's benefit programmes from January to the month (2021-03)."""
    actor = actor_of(request)
    place = _region(actor, region, "see_benefits")
    found = programmes.year(_policy(policy), place, _month(month))
    audit.record(actor, "read", "benefit-programmes", policy, month=month)
    return [
        {
            "benefit": line.spec.id,
            "label": str(line.spec.label),
            "counted": line.counted,
            "example": line.example,
            "people": line.people,
            "spending": {name: yuan(line.spending.get(name, 0)) for name in line.spec.funding},
        }
        for line in found.lines
    ]


@router.post("/programmes", response=EntryOut)
def benefit_enter(request: HttpRequest, body: EntryIn) -> object:
    """Enter a month of one programme from one source; a correction needs the reason."""
    actor = actor_of(request)
    made = programmes.enter(
        actor,
        _policy(body.policy),
        body.benefit,
        _region(actor, body.region, "enter_benefits"),
        _month(body.month),
        body.funding,
        str(body.beneficiaries),
        body.spending,
        body.reason,
        body.version,
    )
    return {
        "benefit": made.benefit,
        "funding": made.funding,
        "month": made.month,
        "beneficiaries": made.beneficiaries,
        "spending": yuan(made.spending),
        "version": made.version,
    }


def _policy(policy_id: str) -> Policy:
    found = content.library().policies.get(policy_id)
    if found is None:
        raise CareError(_("没有这份文件，请核对编号。"), "no_policy")
    return found


def _region(actor: Actor, code: str, action: str) -> Region:
    found = Region.objects.filter(pk=code).first()
    if found is None:
        raise NotFoundForYou
    actor.require(action, found)
    return found


def _month(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise CareError(_("月份请写成 2021-03 的形式。"), "month") from error
