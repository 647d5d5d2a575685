"""Group sessions: one form filled for a whole list on one day, each line a record of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from sanyou.care import content, encounters, episodes
from sanyou.care.errors import CareError, FormInvalid
from sanyou.care.models import Encounter, Episode, Session
from sanyou.protocol.models import SessionSpec
from sanyou.protocol.programme import Form, Programme
from sanyou.registry.access import Actor, may_fill
from sanyou.registry.models import Group, Person
from sanyou.trust import audit

GOING_ON = (Episode.Status.OPEN, Episode.Status.RETURNED)


@dataclass(frozen=True)
class Kind:
    """One kind of session that somebody may hold."""

    programme: Programme
    spec: SessionSpec

    @property
    def form(self) -> Form:
        return self.programme.forms[self.spec.form]


@dataclass
class Line:
    """One person of the list on the day: what is recorded, what stands in the way."""

    person: Person
    record: Encounter | None = None
    error: str = ""
    errors: Mapping[str, Any] | None = None  # element -> what is wrong with it


def kinds(actor: Actor, region_code: str, on: date) -> list[Kind]:
    """What her duty may hold where the region's policy runs the programme."""
    return [
        Kind(programme, spec)
        for programme in content.programmes_for(actor).values()
        for spec in programme.spec.sessions
        if may_fill(actor, programme.forms[spec.form])
        and content.current_policy(region_code, programme.id, on) is not None
    ]


def kind_of(session: Session) -> Kind:
    programme = content.library().programmes[session.programme]
    spec = next(s for s in programme.spec.sessions if s.id == session.kind)
    return Kind(programme, spec)


@transaction.atomic
def hold(actor: Actor, group: Group, kind: Kind, on: date, note: str = "") -> Session:
    """Begin a session of a list on a day. The same again gives the first."""
    actor.require("fill", group.organisation)
    mine = {(k.programme.id, k.spec.id) for k in kinds(actor, group.organisation.region_id, on)}
    if (kind.programme.id, kind.spec.id) not in mine:
        raise CareError(_("您的岗位或本地区不办理这项集体服务。"), "no_session")
    session, created = Session.objects.get_or_create(
        programme=kind.programme.id,
        kind=kind.spec.id,
        group=group,
        held_on=on,
        defaults={
            "region": group.organisation.region,
            "note": note[:300],
            "created_by": actor.staff,
        },
    )
    if created:
        audit.record(actor, "create", "session", session.key)
    return session


def lines(session: Session) -> list[Line]:
    """Everybody on the list that day, with what is recorded already."""
    on = session.held_on
    members = session.group.members.filter(joined_on__lte=on).exclude(left_on__lte=on)
    people = [m.person for m in members.select_related("person").order_by("person__name", "pk")]
    rows = Encounter.objects.filter(session=session, status=Encounter.Status.SIGNED)
    done = {r.episode.person_id: r for r in rows.select_related("episode")}
    return [Line(person, done.get(person.pk)) for person in people]


def enter(
    session: Session, answers: Mapping[str, Mapping[str, Any]], actor: Actor
) -> dict[str, Line]:
    """Sign a line for each person answered for (by key). One that cannot be signed is told and
    keeps what was typed; the others are signed. A line signed already is left as it is."""
    kind = kind_of(session)
    found: dict[str, Line] = {}
    for line in lines(session):
        key = str(line.person.key)
        given = {n: v for n, v in answers.get(key, {}).items() if v not in (None, "", [])}
        if line.record is not None or not given:
            continue
        found[key] = line
        try:
            with transaction.atomic():
                line.record = _sign(session, kind, line.person, given, actor)
        except FormInvalid as error:
            line.errors = error.errors
            line.error = "；".join(str(e) for e in error.errors.values())
        except CareError as error:
            line.error = error.message_zh
    return found


def _sign(
    session: Session, kind: Kind, person: Person, given: Mapping[str, Any], actor: Actor
) -> Encounter:
    episode = _episode(session, kind, person, actor)
    role = kind.programme.roles[0]
    source = f"session:{session.key}:{person.key}"
    missing = encounters.missing(episode, kind.form.id, role, given)
    if missing:
        raise FormInvalid(missing)
    row = encounters.record(
        episode, kind.form.id, role, given, session.held_on, actor, source=source
    )
    if row.session_id is None:
        Encounter.objects.filter(pk=row.pk).update(session=session)
    return row


def _episode(session: Session, kind: Kind, person: Person, actor: Actor) -> Episode:
    """The person's record of the programme; a new one where nothing more need be asked for it."""
    programme = kind.programme
    found = Episode.objects.filter(
        programme=programme.id, person=person, status__in=GOING_ON
    ).first()
    if found is not None:
        return found
    role = programme.roles[0]
    opening = programme.forms.get(programme.opening_form or "")
    fields = opening.fields_for(role) if opening is not None else []
    lacking = [f for f in fields if f.required and f.show_if is None and f.default is None]
    if lacking:
        raise CareError(_("还没有登记“%s”，请先逐人登记。") % programme.label.zh, "not_registered")
    told = {f.element: f.default for f in fields if f.default is not None}
    return episodes.nominate(
        Actor.system("session", session.region),
        programme.id,
        person,
        {role: told},
        on=session.held_on,
        region=session.region,
        source=f"session:{session.key}:{person.key}:open",
    )
