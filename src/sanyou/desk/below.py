"""A duty held above the districts (city, province) sees those below: their list, and the chosen one."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest

from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Region


@dataclass(frozen=True)
class Below:
    """`chosen` is the district a page is about; None where it is about all of them."""

    districts: list[Region]
    chosen: Region | None

    @property
    def codes(self) -> list[str]:
        return [district.code for district in self.districts]


def is_above(actor: Actor) -> bool:
    """Whether the duty is held over several districts."""
    region = actor.region
    if region is None or region.level not in {Region.Level.PROVINCE, Region.Level.CITY}:
        return False
    # A city without counties is a district itself: townships come right below it.
    return not region.children.filter(level=Region.Level.TOWNSHIP).exists()


def districts_of(actor: Actor) -> list[Region]:
    """The districts below that this installation serves: those with a service centre."""
    served = Organisation.objects.filter(
        kind=Organisation.Kind.CENTRE, active=True, region__code__startswith=actor.region_prefix
    )
    return list(Region.objects.filter(pk__in=served.values("region")))


def below(request: HttpRequest, actor: Actor) -> Below | None:
    """The districts and the one asked for (?district=500107); None for a duty within a district.

    A district out of her reach does not exist for her (404).
    """
    if not is_above(actor):
        return None
    districts = districts_of(actor)
    asked = request.GET.get("district", "")
    if not asked:
        return Below(districts, None)
    chosen = next((d for d in districts if d.code == asked), None)
    if chosen is None:
        raise Http404
    return Below(districts, chosen)
