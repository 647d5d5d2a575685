"""Episodes: queue, nomination, review, confirmation, card, consent."""

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from sanyou.api import reach, shapes
from sanyou.api.auth import actor_of
from sanyou.care import cards, consents, content, episodes
from sanyou.care.errors import CareError
from sanyou.care.models import Card, EligibilityDecision, Episode
from sanyou.protocol.programme import Programme
from sanyou.registry import people, regions
from sanyou.registry.access import Actor, NotFoundForYou, reaches, visible
from sanyou.registry.models import Couple, Organisation, Person, Region
from sanyou.trust import audit

router = Router(tags=["episodes"])


@router.get("", response=list[shapes.EpisodeLine])
def listed(
    request: HttpRequest,
    page: Query[shapes.Page],
    programme: str = "",
    status: str = "",
    stage: str = "",
    opened_from: dt.date | None = None,
) -> object:
    """Episodes of the caller's region, the newest first."""
    actor = actor_of(request)
    actor.require("see_person")
    rows = visible(actor, Episode.objects.order_by("-opened_on", "-pk"))
    wanted = {"programme": programme, "status": status, "stage": stage}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if opened_from is not None:
        rows = rows.filter(opened_on__gte=opened_from)
    found = list(rows[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "episode", "", rows=len(found))
    return [reach.episode_line(row) for row in found]


@router.post("", response={201: shapes.EpisodeOut})
def nominate(request: HttpRequest, body: shapes.NominationIn) -> object:
    """Register the people and open an episode. The same `reference` gives the first."""
    actor = actor_of(request)
    actor.require("nominate")
    programme = content.programmes_for(actor).get(body.programme)
    if programme is None or set(body.persons) != set(_asked(programme)):
        raise CareError(
            _("项目或人员角色不对。请核对 programme，并按项目的角色填写 persons。"), "bad_programme"
        )
    region = Region.objects.filter(pk=body.region).first()
    if region is None or not reaches(actor, region.code):
        raise NotFoundForYou
    source = f"api:{actor.username}:{body.reference}" if body.reference else ""
    with transaction.atomic():
        subject = (
            _organisation(actor, body.organisation)
            if programme.is_of_organisations
            else registered(body, programme, actor, region)
        )
        made = episodes.nominate(
            actor, programme.id, subject, body.observations, timezone.localdate(), region, source
        )
    return Status(201, reach.episode_out(actor, made))


def _asked(programme: Programme) -> tuple[str, ...]:
    """The roles that people are given for."""
    return () if programme.is_of_organisations else programme.roles


def _organisation(actor: Actor, code: str) -> Organisation:
    """An organisation of the caller's region."""
    rows = visible(actor, Organisation.objects.filter(active=True))
    found: Organisation | None = rows.filter(code=code).first()
    if found is None:
        raise NotFoundForYou
    return found


def registered(
    body: shapes.NominationIn | shapes.OneStopIn,
    programme: Programme,
    actor: Actor,
    region: Region,
) -> Couple | Person:
    """The people of a request, registered: a couple, or the one person."""
    compartment = programme.spec.compartment or ""
    made = {
        role: people.register_person(_person(data, region, actor), actor, compartment)
        for role, data in body.persons.items()
    }
    first = made[programme.roles[0]]
    if not programme.is_couple:
        return first
    return people.register_couple(
        first,
        made[programme.roles[1]],
        actor=actor,
        marriage_date=body.marriage_date,
        marriage_kind=body.marriage_kind,
        compartment=compartment,
    )


def _person(data: shapes.PersonIn, region: Region, actor: Actor) -> people.PersonData:
    mother = people.by_key(data.mother) if data.mother is not None else None
    if data.mother is not None:
        if mother is None:
            raise NotFoundForYou
        actor.require("nominate", mother)
    return people.PersonData(
        name=data.name,
        id_number=data.id_number,
        id_type=data.id_type,
        sex=data.sex,
        birth_date=data.birth_date,
        phone=data.phone,
        hukou_region=regions.find(data.hukou, region) if data.hukou else None,
        hukou_text=data.hukou,
        residence_region=regions.find(data.residence, region) if data.residence else None,
        residence_text=data.residence,
        residence_since=data.residence_since,
        mother=mother,
        order=data.order,
    )


@router.get("/{uuid:key}", response=shapes.EpisodeOut)
def read(request: HttpRequest, key: UUID) -> object:
    """One episode with its people; identity numbers as the duty may read them."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "see_person")
    audit.record(actor, "read", "episode", row.key)
    return reach.episode_out(actor, row)


@router.post("/{uuid:key}/review", response=shapes.EpisodeOut)
def review(request: HttpRequest, key: UUID, body: shapes.ReviewIn) -> object:
    """The township accepts, or returns with a reason."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "review")
    if body.decision == "accept":
        episodes.review(row, actor)
    else:
        episodes.send_back(row, actor, body.reason)
    row.refresh_from_db()
    return reach.episode_out(actor, row)


@router.post("/{uuid:key}/resubmit", response=shapes.EpisodeOut)
def resubmit(request: HttpRequest, key: UUID) -> object:
    """Send a returned episode up again."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "nominate")
    episodes.resubmit(row, actor)
    row.refresh_from_db()
    return reach.episode_out(actor, row)


@router.post("/{uuid:key}/transfer", response=shapes.EpisodeOut)
def transfer(request: HttpRequest, key: UUID, body: shapes.TransferIn) -> object:
    """Hand responsibility and open tasks to another district; policy and payment stay."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "see_person")
    region = Region.objects.filter(pk=body.to_region).first()
    if region is None:
        raise CareError(_("没有这个区划代码，请核对 to_region。"), "unknown_region")
    made = episodes.transfer(row, actor, region, body.reason)
    return reach.episode_out(actor, made)


@router.post("/{uuid:key}/confirm", response=shapes.DecisionOut)
def confirm(request: HttpRequest, key: UUID, body: shapes.ConfirmIn) -> EligibilityDecision:
    """Eligibility and entitlement today, with the clause."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "see_person")  # who decides, the service asks the programme
    return episodes.confirm(row, actor, timezone.localdate(), own_cost=body.own_cost)


@router.get("/{uuid:key}/decisions", response=list[shapes.DecisionOut])
def decisions(request: HttpRequest, key: UUID) -> object:
    """Every decision on eligibility and entitlement, the newest first."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "see_person")
    audit.record(actor, "read", "decision", row.key)
    return list(row.decisions.order_by("-pk"))


@router.post("/{uuid:key}/card", response=shapes.CardOut)
def card(request: HttpRequest, key: UUID, body: shapes.CardIn) -> Card:
    """Issue the service card; asked again it is the same card."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "issue_card")
    return cards.issue(row, actor, timezone.localdate(), body.appointment_on)


@router.post("/{uuid:key}/consents", response=dict[str, bool | None])
def consent(request: HttpRequest, key: UUID, body: shapes.ConsentIn) -> object:
    """Record consent of one role; answers with where consent stands (null: not asked)."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "take_consent")
    on = timezone.localdate()
    if body.decision == "grant":
        if body.method == "screen" and not body.signature.startswith("data:image/png;base64,"):
            raise CareError(_("屏幕签名须附签名图片（PNG）。"), "signature_missing")
        consents.grant(row, body.role, actor, on, body.method, body.signature)
    elif not body.reason.strip():
        raise CareError(_("请填写原因。"), "reason_missing")
    elif body.decision == "refuse":
        consents.refuse(row, body.role, actor, on, body.reason)
    else:
        consents.withdraw(row, body.role, actor, on, body.reason)
    return consents.standing(row)
