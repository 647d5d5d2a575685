"""Handing an episode to another district, and what is said of it at both ends."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from sanyou.care import content, episodes
from sanyou.care.errors import CareError
from sanyou.care.models import Episode, Transfer
from sanyou.desk.actor import duty_page, say
from sanyou.desk.views.nominate import county_of
from sanyou.desk.views.records import episode_of
from sanyou.desk.views.records_form import words
from sanyou.registry import regions
from sanyou.registry.access import Actor, reaches


@dataclass(frozen=True)
class Whereabouts:
    """Where an episode is in hand, as seen from the reader's district."""

    here: bool
    last: Transfer | None
    may_transfer: bool
    policy: str  # the document that goes on deciding, of the district where it was opened

    @property
    def elsewhere(self) -> bool:
        """Of another district, read only because of the people."""
        return not self.here and self.last is None


def whereabouts(actor: Actor, found: Episode) -> Whereabouts:
    """What the record page says of the districts an episode belongs to."""
    rows = found.transfers.select_related("from_region", "to_region", "by")
    policy = content.policy_of(found)
    return Whereabouts(
        here=reaches(actor, found.region_id),
        last=rows.order_by("pk").last(),
        may_transfer=actor.can("transfer", found) and found.status in episodes.GOING_ON,
        policy=f"《{words(policy.label)}》（{policy.document_number}）" if policy else "",
    )


@duty_page("transfer", methods=("POST",))
def transfer(request: HttpRequest, key: UUID) -> HttpResponse:
    """Hand responsibility to the district of the address that was written."""
    actor, found = episode_of(request, key)
    text = request.POST.get("to-region", "").strip()
    region = regions.find(text, county_of(actor)) if text else None
    if region is None:
        raise CareError(
            _("没有认出转往的地区。请返回后写明省、市、区县和镇街，例如“某省某市某区某镇”。"),
            "unknown_region",
        )
    made = episodes.transfer(found, actor, region, request.POST.get("reason", ""))
    say(request, _("已转到%s，由当地继续办理。您仍可查看这份档案。") % region.full_name)
    return redirect("episode", key=made.key)


def moments(found: Episode) -> list[dict[str, Any]]:
    """The transfers, for the timeline."""
    rows = found.transfers.select_related("from_region", "to_region", "by")
    return [
        {
            "at": t.at,
            "what": _("由%(old)s转到%(new)s")
            % {"old": t.from_region.full_name, "new": t.to_region.full_name},
            "who": str(t.by or ""),
            "detail": t.reason,
            "on": t.on,
        }
        for t in rows
    ]
