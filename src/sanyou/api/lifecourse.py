"""A family's life course, the back-trace of a case, ledgers, and group sessions."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status

from sanyou.api import reach
from sanyou.api.auth import actor_of
from sanyou.api.shapes import Body
from sanyou.care import content, family, sessions, trace
from sanyou.care.errors import CareError
from sanyou.care.models import Episode, Session
from sanyou.care.reading import reads, reads_everything, task_label
from sanyou.protocol.expression import json_value
from sanyou.registry import groups, people
from sanyou.registry.access import NotFoundForYou, visible
from sanyou.registry.models import Group, Organisation
from sanyou.trust import audit

router = Router(tags=["life course"])


class RecordOut(Schema):
    episode: UUID
    number: str
    programme: str
    opened_on: dt.date
    closed_on: dt.date | None
    status: str
    region: str


class DueOut(Schema):
    task: UUID
    episode: UUID
    label: str
    duty: str
    region: str
    opens: dt.date
    due: dt.date | None
    state: str


class LifeOut(Schema):
    """`children`: key and day of birth of each child on record."""

    mother: UUID | None
    father: UUID | None
    children: list[dict[str, Any]]
    records: list[RecordOut]
    due: list[DueOut]


@router.get("/people/{uuid:key}/life", response=LifeOut)
def life(request: HttpRequest, key: UUID) -> object:
    """Every record of a family that the caller may read, and what is overdue, due, to come."""
    actor = actor_of(request)
    actor.require("see_person")
    person = people.by_key(key)
    if person is None:
        raise NotFoundForYou
    actor.require("see_person", person)
    found = family.family_of(person, actor)
    records = family.episodes_of(found, actor)
    work = family.work_of(records, timezone.localdate())
    audit.record(actor, "read", "family", person.key)
    return {
        "mother": found.mother.key if found.mother else None,
        "father": found.father.key if found.father else None,
        "children": [
            {"key": str(b.child.key), "born_on": b.born_on.isoformat(), "order": b.order}
            for b in found.children
        ],
        "records": [
            {
                "episode": e.key,
                "number": e.number,
                "programme": e.programme,
                "opened_on": e.opened_on,
                "closed_on": e.closed_on,
                "status": e.status,
                "region": e.region_id,
            }
            for e in records
        ],
        "due": [
            {
                "task": d.task.key,
                "episode": d.episode.key,
                "label": task_label(actor, content.programme_of(d.episode), d.task),
                "duty": d.task.duty,
                "region": d.task.region_id,
                "opens": d.task.opens,
                "due": d.task.due,
                "state": d.state,
            }
            for d in (*work.overdue, *work.now, *work.later)
        ],
    }


class ChanceOut(Schema):
    """`verdict`: taken, partly, not_taken or no_record."""

    chance: str
    label: str
    level: int
    verdict: str
    text: str
    ask: str
    until: dt.date
    record: str
    evidence: dict[str, Any]


@router.get("/episodes/{uuid:key}/trace", response=list[ChanceOut])
def back_trace(request: HttpRequest, key: UUID) -> object:
    """From a case back to each chance of prevention, as the records stood."""
    actor = actor_of(request)
    episode = reach.find(actor, Episode.objects.select_related("person", "region"), key)
    actor.require("see_results", episode)
    if content.programme_of(episode).trace is None:
        raise CareError(_("这个项目没有三级预防回顾。"), "no_trace")
    audit.record(actor, "trace", "episode", episode.key)
    whole = reads_everything(actor)
    return [
        {
            "chance": one.chance.id,
            "label": one.chance.spec.label.zh,
            "level": one.chance.spec.level,
            "verdict": one.verdict,
            "text": one.chance.words(one.verdict).zh,
            "ask": one.chance.spec.ask.zh,
            "until": one.until,
            "record": one.record.number if one.record else "",
            "evidence": {
                name: json_value(value)
                for name, value in one.evidence.items()
                if whole and reads(actor, [name])
            },
        }
        for one in trace.trace_of(episode, actor, timezone.localdate())
    ]


# --- lists and sessions ----------------------------------------------------------------------------


class GroupIn(Body):
    organisation: str
    name: str
    year: int


class GroupOut(Schema):
    key: UUID
    organisation: str
    name: str
    year: int
    members: int


class LinesIn(Body):
    """One person a line: 姓名,性别,出生日期,证件号码（可空）."""

    lines: str


class LineOut(Schema):
    line: int
    person: UUID | None
    error: str


class SessionIn(Body):
    group: UUID
    programme: str
    session: str
    on: dt.date
    note: str = ""


class SessionOut(Schema):
    key: UUID
    programme: str
    session: str
    on: dt.date
    people: list[dict[str, Any]]


class EntriesIn(Body):
    """person key -> element -> value."""

    entries: dict[str, dict[str, Any]]


def _group_out(group: Group) -> dict[str, Any]:
    return {
        "key": group.key,
        "organisation": group.organisation.code,
        "name": group.name,
        "year": group.year,
        "members": group.members.filter(left_on=None).count(),
    }


@router.get("/groups", response=list[GroupOut])
def group_list(request: HttpRequest) -> object:
    """Lists of people of the caller's region."""
    actor = actor_of(request)
    actor.require("fill")
    return [_group_out(g) for g in groups.groups(actor)]


@router.post("/groups", response={201: GroupOut})
def group_create(request: HttpRequest, body: GroupIn) -> object:
    """A list of an organisation for a year; the same again gives the first."""
    actor = actor_of(request)
    rows = visible(actor, Organisation.objects.all())
    organisation = rows.filter(code=body.organisation).first()
    if organisation is None:
        raise NotFoundForYou
    return Status(201, _group_out(groups.create(actor, organisation, body.name, body.year)))


@router.post("/groups/{uuid:key}/members", response=list[LineOut])
def group_add(request: HttpRequest, key: UUID, body: LinesIn) -> object:
    """Add people; each line says whom it added or why it was refused."""
    actor = actor_of(request)
    group = reach.find(actor, Group.objects.select_related("organisation__region"), key)
    told = groups.add_lines(actor, group, body.lines, timezone.localdate())
    return [
        {
            "line": line.number,
            "person": line.member.person.key if line.member else None,
            "error": line.error,
        }
        for line in told
    ]


@router.post("/sessions", response={201: SessionOut})
def session_hold(request: HttpRequest, body: SessionIn) -> object:
    """Begin a session of a list on a day; the same again gives the first."""
    actor = actor_of(request)
    group = reach.find(actor, Group.objects.select_related("organisation__region"), body.group)
    for kind in sessions.kinds(actor, group.organisation.region_id, body.on):
        if (kind.programme.id, kind.spec.id) == (body.programme, body.session):
            made = sessions.hold(actor, group, kind, body.on, body.note)
            return Status(201, _session_out(made))
    raise CareError(_("您的岗位或本地区不办理这项集体服务。"), "no_session")


def _session_out(session: Session) -> dict[str, Any]:
    return {
        "key": session.key,
        "programme": session.programme,
        "session": session.kind,
        "on": session.held_on,
        "people": [
            {"person": str(line.person.key), "signed": line.record is not None}
            for line in sessions.lines(session)
        ],
    }


@router.get("/sessions/{uuid:key}", response=SessionOut)
def session_read(request: HttpRequest, key: UUID) -> object:
    """Who is on the list that day, and whose line is signed."""
    actor = actor_of(request)
    found = reach.find(actor, Session.objects.select_related("group__organisation"), key)
    actor.require("fill", found.group.organisation)
    audit.record(actor, "read", "session", found.key)
    return _session_out(found)


@router.post("/sessions/{uuid:key}/entries", response=dict[str, str])
def session_enter(request: HttpRequest, key: UUID, body: EntriesIn) -> object:
    """Sign lines: person key -> "" where it is signed, else why it is not."""
    actor = actor_of(request)
    found = reach.find(actor, Session.objects.select_related("group__organisation"), key)
    actor.require("fill", found.group.organisation)
    told = sessions.enter(found, body.entries, actor)
    return {person: line.error for person, line in told.items()}
