"""Who works in an invented district: one person of every duty, and the local ones of every town."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from sanyou.care import content
from sanyou.care.steps import duties_of
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import DutyAssignment, Organisation, Region, Staff
from sanyou.synth.population import districts, invented_name, shares

PASSWORD = "sanyou-demo-2026"
LOCAL = ("village_worker", "township_officer")
SINCE = date(2020, 1, 1)

Desk = Mapping[str, Actor]  # duty -> who does it


@dataclass(frozen=True)
class Login:
    """Somebody who may sign in to the demo; `district` is "" for those above the districts."""

    district: str
    place: str
    prefix: str  # of the district's user names
    duty: str
    label: str
    username: str
    password: str
    name: str
    organisation: str


@cache
def _hashed() -> str:
    return make_password(PASSWORD)


def centre_name(county: Region) -> str:
    """The centre's name as the district gives it."""
    found = content.library().district_for(county.code)
    return found.spec.centre.name.zh if found else f"{county.name}妇幼保健计划生育服务中心"


def place_name(county: Region) -> str:
    """How the district calls itself in the header."""
    found = content.library().district_for(county.code)
    return found.label.zh if found else county.name


def _put(
    username: str, name: str, duty: str, region: Region, home: Organisation, signs_in: bool
) -> Actor:
    person, _ = Staff.objects.get_or_create(
        username=username,
        defaults={
            "display_name": name,
            "organisation": home,
            "password": _hashed() if signs_in else make_password(None),
        },
    )
    held, _ = DutyAssignment.objects.get_or_create(
        staff=person, duty=duty, region=region, valid_from=SINCE
    )
    return Actor.of(person, held)


def _needed(county: str) -> set[str]:
    """Duties that have something to do in the programmes of the district."""
    today = timezone.localdate()
    programmes = content.library().programmes.values()
    run = [p for p in programmes if content.current_policy(county, p.id, today) is not None]
    return {duty for programme in run for duty in duties_of(programme)}


def put_staff(given: dict[str, Any], seed: int) -> dict[str, Desk]:
    """township -> duty -> who does it there; the centre's staff serve every township."""
    county = Region.objects.get(pk=given["region"])
    towns = Region.objects.in_bulk(list(given["towns"]))
    rng = Random(f"{given['id']}:{seed}:staff")
    kinds = Organisation.Kind
    homes = {
        (o.region_id, o.kind): o
        for o in Organisation.objects.filter(region__code__startswith=county.prefix, active=True)
    }
    named = given.get("staff_names", {})
    centre: dict[str, Actor] = {}
    first: dict[str, tuple[str, str]] = {}
    needed = _needed(given["region"])
    for duty, username in given["staff"].items():
        if duty in given["staff_where_needed"] and duty not in needed:
            continue
        name = named.get(duty) or invented_name(rng, given["names"], "wife")
        if duty in LOCAL:
            first[duty] = (given["prefix"] + username, name)
            continue
        home = homes[county.code, kinds.CENTRE]
        centre[duty] = _put(given["prefix"] + username, name, duty, county, home, signs_in=True)
    desks: dict[str, Desk] = {}
    for number, code in enumerate(given["towns"]):
        local = {}
        home = homes[code, kinds.TOWNSHIP]
        for duty, (username, name) in first.items():
            if number:  # only the first town's are printed
                other = invented_name(rng, given["names"], "wife")
                local[duty] = _put(f"{username}{number}", other, duty, towns[code], home, False)
            else:
                local[duty] = _put(username, name, duty, towns[code], home, True)
        desks[code] = centre | local
    return desks


def put_above(regions: list[str]) -> None:
    """Those who see several districts, where at least two of them are there."""
    for entry in shares()["above"]:
        region = Region.objects.get(pk=entry["region"])
        if sum(code.startswith(region.prefix) for code in regions) > 1:
            home = organisations.setup_commission(region.code)
            _put(entry["username"], entry["name"], entry["duty"], region, home, signs_in=True)


def logins() -> list[Login]:
    """Everybody who may sign in, by district as far as it was built, duties in their usual order."""
    wanted = []
    for district in districts():
        given = shares(district)
        for duty, username in given["staff"].items():
            prefix = given["prefix"]
            wanted.append((district, given["region"], prefix, duty, prefix + username))
    wanted += [("", e["region"], "", e["duty"], e["username"]) for e in shares()["above"]]
    people = {
        person.username: person
        for person in Staff.objects.filter(username__in=[w[-1] for w in wanted], is_active=True)
        .select_related("organisation")
    }  # fmt: skip
    counties = Region.objects.in_bulk({w[1] for w in wanted})
    return [
        Login(
            district=district,
            place=place_name(counties[region]) if district else counties[region].full_name,
            prefix=prefix,
            duty=duty,
            label=str(DUTIES[duty].label),
            username=username,
            password=PASSWORD,
            name=people[username].display_name,
            organisation=str(people[username].organisation),
        )
        for district, region, prefix, duty, username in wanted
        if username in people
    ]
