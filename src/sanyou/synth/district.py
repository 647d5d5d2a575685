"""A whole invented district in the database: organisations, staff of every duty, a year of history and
a live month in every state. All of it through the same services that the pages use, so the demo can
show nothing that real work could not produce. May be interrupted and run again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from django.db import transaction
from rich.console import Console
from rich.progress import Progress

from sanyou.care import content, episodes, one_stop
from sanyou.care.models import Encounter, Episode
from sanyou.registry import organisations
from sanyou.registry.models import Region
from sanyou.synth import month
from sanyou.synth.also import others
from sanyou.synth.course import Course
from sanyou.synth.dating import date_back
from sanyou.synth.life import Life
from sanyou.synth.population import Story, districts, shares, stories
from sanyou.synth.staff import Desk, centre_name, logins, place_name, put_above, put_staff

__all__ = ["Built", "available", "build", "build_above", "logins"]


@dataclass(frozen=True)
class Built:
    couples: int
    encounters: int


def available(on: date) -> list[str]:
    """The districts that can be invented: those with a policy in force for what they begin with."""
    return [
        name
        for name in districts()
        if content.current_policy((given := shares(name))["region"], _first(given), on)
    ]


def build(district_id: str, couples: int, seed: int, until: date, console: Console) -> Built:
    """Create a district with `couples` couples; those of an earlier run with the seed are kept."""
    given = shares(district_id)
    county = Region.objects.get(pk=given["region"])
    organisations.setup_district(county.code, centre_name(county))
    desks = put_staff(given, seed)
    name = f"synth:{district_id}:{seed}"
    done = set(
        Episode.objects.filter(source__startswith=f"{name}:").values_list("source", flat=True)
    )
    people = list(stories(couples, seed, until, given))
    with Progress(console=console) as progress:
        bar = progress.add_task(f"{place_name(county)}：虚构人口与一年的历史", total=couples)
        for story in people:
            source = f"{name}:{story.number}"
            if not {source, f"{source}:{_first(given)}"} & done:
                with transaction.atomic():
                    _live(Course(story, given, desks[story.town], until, _first(given)), source)
            progress.advance(bar)
    _moved_in(given, desks, seed, until)
    life = Life(given, desks, until, seed)
    life.live(_begun(county, name))
    others(given, desks, people, name, seed, until, life)
    month.close(given, next(iter(desks.values())), until)
    return Built(
        couples=Episode.objects.filter(source__startswith=f"{name}:").count(),
        encounters=Encounter.objects.filter(episode__source__startswith=f"{name}:").count(),
    )


def _begun(county: Region, name: str) -> list[Episode]:
    """What the couples' own records began in other programmes and nobody has gone on with."""
    mine = Episode.objects.filter(origin__code__startswith=county.prefix)
    begun = mine.filter(status=Episode.Status.OPEN).exclude(source__startswith="synth:")
    return [e for e in begun.order_by("pk") if e.encounters.count() <= 1]


def build_above(district_ids: Iterable[str]) -> None:
    """Whoever sees several of these districts."""
    put_above([shares(d)["region"] for d in district_ids])


def _first(given: dict[str, Any]) -> str:
    """The programme for which couples are registered."""
    return str(given["programmes"][0])


def _live(course: Course, source: str) -> None:
    """What one couple's story comes to."""
    story = course.story
    together = one_stop.programmes(story.town, story.nominated_on)
    share = course.given["one_stop"]["share"]
    if course.programme.id in together and Random(f"{story.seed}:together").random() < share:
        course.story = replace(story, married_on=None, again=False)  # they are about to marry
        for episode in course.run_together(course.couple(), source):
            date_back(episode)
        return
    couple = course.couple()
    episode = course.run(couple, source)
    date_back(episode)
    if course.story.stage == "followed" and course.story.again:
        second = course.run_again(episode, couple, f"{source}:again")
        if second is not None:
            date_back(second)


def _moved_in(given: dict[str, Any], desks: dict[str, Desk], seed: int, until: date) -> None:
    """Couples who were examined in another district and register here for the same child order.

    The person, the couple and what they used up are the same rows: one check, wherever.
    """
    wanted = given.get("moved_in")
    if wanted is None:
        return
    origin = shares(wanted["from"])
    name = f"synth:{given['id']}:{seed}:moved"
    left = Episode.objects.filter(source__startswith=f"synth:{wanted['from']}:{seed}:")
    here = Episode.objects.filter(source__startswith=f"{name}:").count()
    there = put_staff(origin, seed)
    by_number = {
        s.number: s
        for s in stories(left.count(), seed, until, origin)
        if s.stage == "followed" and not s.again
    }
    for number, story in by_number.items():
        first = left.filter(source=f"synth:{wanted['from']}:{seed}:{number}").first()
        if here >= wanted["couples"]:
            return
        if first is None or first.status != Episode.Status.OPEN or not first.documents.exists():
            continue
        with transaction.atomic():
            clerk = there[story.town]["registration"]
            county = Region.objects.get(pk=given["region"])
            episodes.close(first, clerk, f"夫妇已迁往{county.full_name}")
            _live(_moved(story, given, desks, until), f"{name}:{number}")
        here += 1


def _moved(story: Story, given: dict[str, Any], desks: dict[str, Desk], until: date) -> Course:
    """The couple's course in the new district, registered some days ago."""
    town = next(iter(desks))
    since = until - timedelta(days=240)
    story = replace(
        story,
        wife=replace(story.wife, residence=town, since=since),
        husband=replace(story.husband, residence=town, since=since),
        town=town,
        nominated_on=until - timedelta(days=12),
        stage="examined",
    )
    return Course(story, given, desks[town], until, _first(given))
