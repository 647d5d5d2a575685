"""Register, decide and hand out in one sitting, for a programme whose form hands out a supply."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from sanyou.care import content, encounters, episodes, flow
from sanyou.care.errors import CareError, FormInvalid
from sanyou.care.facts import facts_of
from sanyou.care.models import Encounter, Episode
from sanyou.protocol.form import validate
from sanyou.protocol.programme import Form, Programme
from sanyou.registry.access import Actor, existing, may_confirm, may_fill, may_see
from sanyou.registry.models import Person, Region


def handing_form(programme: Programme) -> Form | None:
    """The form of a programme that hands out a supply; None where it has none."""
    return next((f for f in programme.forms.values() if f.spec.supply is not None), None)


def programmes_for(actor: Actor, person: Person, region: Region, on: date) -> list[Programme]:
    """Programmes for single people of this sex that hand something out, in force in the region, of
    which her duty does every step from registering to handing out."""
    return [
        p
        for p in content.programmes_for(actor).values()
        if p.subject == "person"
        and (p.role_sex.get(p.roles[0]) or person.sex) == person.sex
        and does_all(actor, p)
        and content.current_policy(region.code, p.id, on) is not None
    ]


def does_all(actor: Actor, programme: Programme) -> bool:
    """Whether registering, deciding and handing out are all hers."""
    handing = handing_form(programme)
    opening = programme.forms.get(programme.opening_form or "")
    deciders = {s.duty for s in programme.steps if s.kind == "confirm"}
    return (
        handing is not None
        and opening is not None
        and may_fill(actor, opening)
        and may_fill(actor, handing)
        and (not deciders or may_confirm(actor, deciders))
    )


def going_on(person: Person, programme: Programme) -> Episode | None:
    """Her episode of this programme that is not over."""
    return (
        Episode.objects.filter(person=person, programme=programme.id, status__in=episodes.GOING_ON)
        .select_related("region", "person")
        .first()
    )


def known_of(actor: Actor, person: Person, programme: Programme) -> dict[str, Any]:
    """Answers to the opening form signed for elsewhere, the latest of each; of records of other
    duties only what the actor may read."""
    form = programme.forms[programme.opening_form or ""]
    names = {f.element for f in form.fields_for(programme.roles[0])}
    found: dict[str, Any] = {}
    elements = content.library().dictionary.elements
    signed = Encounter.objects.select_related("episode").filter(
        Q(episode__couple__wife=person, role="wife")
        | Q(episode__couple__husband=person, role="husband")
        | Q(episode__person=person),
        status=Encounter.Status.SIGNED,
    )
    for row in existing(actor, signed).order_by("occurred_on", "pk"):
        form_then = content.programme_of(row.episode).forms.get(row.form)
        hers = form_then is not None and may_fill(actor, form_then)
        found |= {
            name: value
            for name, value in row.data.items()
            if name in names and value is not None and (hers or may_see(actor, elements[name]))
        }
    return found


@dataclass(frozen=True)
class Entered:
    """An episode after registering and deciding; `reason` says why nothing may be handed out."""

    episode: Episode
    let_in: bool
    reason: str


@transaction.atomic
def enter(
    actor: Actor,
    person: Person,
    programme: Programme,
    answers: Mapping[str, Any],
    region: Region,
    on: date,
) -> Entered:
    """Register where she is not yet, and decide. The registration stays whatever the answer is."""
    episode = going_on(person, programme)
    if episode is None:
        role = programme.roles[0]
        form = programme.forms[programme.opening_form or ""]
        given = validate(
            content.library(), form, role, answers, programme.role_sex.get(role), facts={}
        )
        if not given.ok:
            raise FormInvalid(given.errors)
        episode = episodes.nominate(
            actor, programme.id, person, {role: dict(answers)}, on=on, region=region
        )
    if flow.is_closed(episode, "confirm"):
        return Entered(episode, True, "")
    decision = episodes.confirm(episode, actor, on)
    episode.refresh_from_db()
    if flow.is_closed(episode, "confirm"):
        return Entered(episode, True, "")
    return Entered(episode, False, episode.status_reason or str(decision.result["clause_line"]))


@transaction.atomic
def hand_out(
    actor: Actor, episode: Episode, answers: Mapping[str, Any], on: date, token: UUID
) -> Encounter:
    """Sign the form that hands out, complete. The same token gives the first record."""
    programme = content.programme_of(episode)
    form = handing_form(programme)
    if form is None:
        raise CareError(_("这个项目不发放物资。"), "no_supply")
    role = programme.roles[0]
    own = {f"{role}.{f.element}" for f in form.fields_for(role)}
    known = {n: v for n, v in facts_of(episode, on).items() if n.partition("__")[0] not in own}
    result = validate(
        content.library(), form, role, answers, programme.role_sex.get(role), facts=known
    )
    if not result.ok:
        raise FormInvalid(result.errors)
    return encounters.record(episode, form.id, role, answers, on, actor, source=f"page:{token}")
