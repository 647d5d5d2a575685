"""Couples: registered for several programmes in one visit; why they were let in, as of a day."""

import datetime as dt
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Status

from sanyou.api import reach, shapes
from sanyou.api.auth import actor_of
from sanyou.api.episodes import registered
from sanyou.care import content, one_stop
from sanyou.care.errors import CareError
from sanyou.care.explain import explain as explained
from sanyou.registry import people
from sanyou.registry.access import NotFoundForYou, reaches
from sanyou.registry.models import Region

router = Router(tags=["couples"])


@router.post("/one-stop", response={201: list[shapes.EpisodeOut]})
def register(request: HttpRequest, body: shapes.OneStopIn) -> object:
    """Register a couple for every programme of one visit. The same `reference` gives the first."""
    actor = actor_of(request)
    actor.require("nominate")
    region = Region.objects.filter(pk=body.region).first()
    if region is None or not reaches(actor, region.code):
        raise NotFoundForYou
    today = timezone.localdate()
    names = one_stop.programmes(region.code, today)
    programme = content.library().programmes[names[0]] if names else None
    if programme is None or set(body.persons) != set(programme.roles):
        raise CareError(
            _("这个地区没有“一站式”检查的规定，或 persons 的角色不对。请核对后分别登记。"),
            "no_one_stop",
        )
    source = f"api:{actor.username}:{body.reference}" if body.reference else ""
    with transaction.atomic():
        subject = registered(body, programme, actor, region)
        made = one_stop.register(actor, subject, body.observations, today, region, source)
    return Status(201, [reach.episode_out(actor, row) for row in made])


@router.get("/couples/{uuid:key}/explain", response=list[shapes.ExplanationOut])
def explain(request: HttpRequest, key: UUID, on: dt.date | None = None) -> object:
    """For each programme the answer as it stood on a day (today where none is given), with its
    document, its clauses word for word, and whether it was decided then or is worked out now."""
    actor = actor_of(request)
    actor.require("see_person")
    couple = people.couple_by_key(key)
    if couple is None:
        raise NotFoundForYou
    return explained(couple, on or timezone.localdate(), actor)
