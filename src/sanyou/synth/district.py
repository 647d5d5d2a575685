"""A whole invented district in the database: organisations, staff of every duty, a year of history and
a live month in every state. All of it through the same services that the pages use, so the demo can
show nothing that real work could not produce. May be interrupted and run again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from sanyou.care import content, episodes
from sanyou.care.models import Encounter, Episode
from sanyou.protocol.policy import Policy
from sanyou.registry import organisations
from sanyou.registry.models import Organisation, Region
from sanyou.synth.course import Course
from sanyou.synth.dating import date_back
from sanyou.synth.population import Story, districts, shares, stories
from sanyou.synth.staff import Desk, centre_name, logins, place_name, put_above, put_staff

__all__ = ["Built", "available", "build", "build_above", "logins"]

REPORTED = 3  # months before this one whose reports were handed in


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
    with Progress(console=console) as progress:
        bar = progress.add_task(f"{place_name(county)}：虚构人口与一年的历史", total=couples)
        for story in stories(couples, seed, until, given):
            source = f"{name}:{story.number}"
            if source not in done:
                with transaction.atomic():
                    _live(Course(story, given, desks[story.town], until, _first(given)), source)
            progress.advance(bar)
    _moved_in(given, desks, seed, until)
    desk = next(iter(desks.values()))
    _money(given, desk, until)
    _reports(given, desk, until)
    _task_numbers(given, desk, until)
    return Built(
        couples=Episode.objects.filter(source__startswith=f"{name}:").count(),
        encounters=Encounter.objects.filter(episode__source__startswith=f"{name}:").count(),
    )


def build_above(district_ids: Iterable[str]) -> None:
    """Whoever sees several of these districts."""
    put_above([shares(d)["region"] for d in district_ids])


def _first(given: dict[str, Any]) -> str:
    """The programme for which couples are registered."""
    return str(given["programmes"][0])


def _offered(given: dict[str, Any], on: date) -> Iterator[tuple[str, Policy]]:
    """(programme, its terms) that the district's documents offer on a day."""
    for programme in content.library().programmes:
        policy = content.current_policy(given["region"], programme, on)
        if policy is not None:
            yield programme, policy


def _live(course: Course, source: str) -> None:
    """What one couple's story comes to."""
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
    there = {"residence": town, "since": until - timedelta(days=240)}
    story = replace(
        story,
        wife=replace(story.wife, **there),
        husband=replace(story.husband, **there),
        town=town,
        nominated_on=until - timedelta(days=12),
        stage="examined",
    )
    return Course(story, given, desks[town], until, _first(given))


# --- what a month leaves behind ------------------------------------------------------------------


def _money(given: dict[str, Any], desk: Desk, until: date) -> None:
    """Claims of everything served; the statement before last is paid, the last one drafted."""
    from sanyou.finance import claims, statements

    centre = Organisation.objects.get(region_id=given["region"], kind=Organisation.Kind.CENTRE)
    for programme, policy in _offered(given, until):
        rows = Episode.objects.filter(
            programme=programme, claim__isnull=True, region__code__startswith=given["region"]
        )
        for episode in rows:
            claims.claim(episode, on=until)
        if policy.settlement is None:
            continue
        last = statements.period_of(policy, _day_before(statements.period_of(policy, until)[0]))
        before = statements.period_of(policy, _day_before(last[0]))
        paid = statements.prepare(centre, policy, *before, desk["finance"])
        if paid.status == "draft" and paid.total:
            statements.submit(paid, desk["finance"])
            statements.approve(paid, desk["manager"])
            statements.mark_paid(paid, desk["finance"], f"演示凭证-{before[1]:%Y%m}")
        statements.prepare(centre, policy, *last, desk["finance"])


def _day_before(day: date) -> date:
    return day - timedelta(days=1)


def _reports(given: dict[str, Any], desk: Desk, until: date) -> None:
    """The monthly reports up to last month, handed in when they were due."""
    from sanyou.figures import submissions

    region = Region.objects.get(pk=given["region"])
    clerk = desk["statistician"]
    for programme in given["programmes"]:
        for report_id in content.library().programmes[programme].reports:
            month = until.replace(day=1)
            for _ in range(REPORTED):
                month = _day_before(month).replace(day=1)
                report = submissions.draft(programme, report_id, region, month, clerk)
                if report.status != "draft":
                    continue
                sent = submissions.submit(report, clerk)
                # As it would have been: handed in on the third day of the following month.
                following = (month + timedelta(days=31)).replace(day=3)
                at = datetime.combine(following, time(10), timezone.get_current_timezone())
                sent.submitted_at = min(at, timezone.now())
                sent.history = [{**entry, "at": at.isoformat()} for entry in sent.history]
                sent.save(update_fields=["submitted_at", "history"])


def _task_numbers(given: dict[str, Any], desk: Desk, until: date) -> None:
    """This year's task numbers, invented so that the year is well on its way, split as suggested."""
    from sanyou.figures import tasknumbers
    from sanyou.figures.models import TaskNumber

    district, year = Region.objects.get(pk=given["region"]), until.year
    for programme in given["programmes"]:
        found = tasknumbers.basis(programme, district.code, until)
        already = TaskNumber.objects.filter(programme=programme, region=district, year=year)
        if found is None or already.exists():
            continue
        done = len(tasknumbers.examined(found, district, year, until))
        ahead = tasknumbers.forecast(done, year, until)
        total = max(10, round((ahead.expected if ahead else 0) * 1.02 / 10) * 10)
        towns = tasknumbers.towns_of(found, district)
        tasknumbers.distribute(
            desk["manager"],
            programme,
            district,
            year,
            total,
            f"{year} 年度任务分解表（演示用，虚构）",
            tasknumbers.suggest(found, district, towns, year, total),
        )
