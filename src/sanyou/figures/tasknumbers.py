"""The year's task number: how many couples are to be examined, and how far a region has come.

A policy target with `base: task_number` says which couples count (its indicator) and what share of
the number is to be reached. The city's number for the district is entered, split over the towns and
examining organisations, and measured against the signed records.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.facts import course_facts, course_table, facts_table, stations
from sanyou.care.models import EligibilityDecision, Encounter, Episode
from sanyou.figures.models import TaskNumber
from sanyou.figures.workdays import working_days
from sanyou.protocol.models import TargetSpec
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Indicator, Programme
from sanyou.registry import history
from sanyou.registry.access import Actor, require_programme, visible
from sanyou.registry.models import Organisation, Region
from sanyou.trust import audit

LARGEST = 10_000_000
EARLY_DAYS = 40  # a forecast from fewer working days (about two months) is marked as rough
SERVED = "served"  # the area of a policy in which its programme is offered


class TaskNumberError(Exception):
    """Cannot be set; `message_zh` says why and what to do."""

    def __init__(self, code: str, message_zh: str) -> None:
        super().__init__(message_zh)
        self.code = code
        self.message_zh = message_zh


@dataclass(frozen=True, slots=True)
class Basis:
    """What is counted against the number, and the share of it to be reached, by which clause."""

    programme: Programme
    policy: Policy
    target: TargetSpec
    indicator: Indicator


@dataclass(frozen=True, slots=True)
class Examined:
    """One couple that counts towards the number: where it belongs, when and by whom examined."""

    episode: int
    region: str
    on: dt.date
    organisation: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The year's result if the rest of the year goes as its working days so far have gone.

    `early`: from few days yet; `announced`: False where the year's holidays are not known.
    """

    expected: int
    elapsed: int
    total: int
    early: bool
    announced: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come. `number` None: none was given; then only what was done is known."""

    number: int | None
    examined: int
    percent: Decimal | None  # of the number, one decimal
    missing: int | None  # couples still needed for the whole number
    missing_for_target: int | None  # and for the share the policy asks for
    reached: bool | None  # whether that share is reached
    forecast: Forecast | None

    @property
    def expected_percent(self) -> Decimal | None:
        """The forecast as a share of the number."""
        if self.forecast is None or not self.number:
            return None
        return _percent(self.forecast.expected, self.number)


def basis(programme_id: str, region_code: str, on: dt.date) -> Basis | None:
    """The target in force that is measured by a task number; None where there is none."""
    policy = content.current_policy(region_code, programme_id, on)
    programme = content.library().programmes[programme_id]
    for target in policy.targets if policy is not None else ():
        if target.base == "task_number" and target.indicator in programme.indicators:
            assert policy is not None
            assert target.indicator is not None
            return Basis(programme, policy, target, programme.indicators[target.indicator])
    return None


def as_of(year: int, today: dt.date) -> dt.date:
    """The day up to which a year is counted: today, or its last day when it is over."""
    return min(today, dt.date(year, 12, 31))


# --- setting the numbers ------------------------------------------------------------------------


@transaction.atomic
def distribute(
    actor: Actor,
    programme_id: str,
    district: Region,
    year: int,
    total: int,
    source: str,
    towns: Mapping[str, int] | None = None,
    organisations: Mapping[str, int] | None = None,
) -> list[TaskNumber]:
    """Set the district's number, its towns' (by region code) and organisations' (by their code).

    Numbers of towns that do not add up to the district's are kept as given; `difference` tells.
    Returns the rows that changed. TaskNumberError when a number or the document is missing.
    """
    actor.require("set_task_number", district)
    require_programme(actor, programme_id)
    if not source.strip():
        raise TaskNumberError("no_source", _("请填写下达任务数的文件名称和文号。"))
    # One writer at a time: whoever comes second sees what the first has set.
    Region.objects.select_for_update().get(pk=district.pk)
    changed = [_set(actor, programme_id, year, district, None, total, source)]
    for code, number in (towns or {}).items():
        town = Region.objects.filter(parent=district, pk=code).first()
        if town is None:
            raise TaskNumberError("not_here", _("有的镇街不属于本区，请刷新页面后重填。"))
        changed.append(_set(actor, programme_id, year, town, None, number, source))
    for code, number in (organisations or {}).items():
        one = Organisation.objects.filter(
            code=code, region__code__startswith=district.prefix
        ).first()
        if one is None:
            raise TaskNumberError("not_here", _("有的机构不属于本区，请刷新页面后重填。"))
        changed.append(_set(actor, programme_id, year, one.region, one, number, source))
    rows = [row for row in changed if row is not None]
    if rows:
        audit.record(actor, "set", "task-number", f"{programme_id}/{district.code}/{year}")
    return rows


def _set(
    actor: Actor,
    programme_id: str,
    year: int,
    region: Region,
    organisation: Organisation | None,
    number: int,
    source: str,
) -> TaskNumber | None:
    """Write one number with its history; None when nothing changes (a first 0 is not kept)."""
    if not 0 <= number <= LARGEST:
        raise TaskNumberError("number", _("任务数要填 0 或正整数（对）。"))
    where = {"organisation": organisation} if organisation else {"region": region}
    row = (
        TaskNumber.objects.filter(programme=programme_id, year=year, **where)
        .filter(organisation__isnull=organisation is None)
        .first()
    )
    if row is None and number == 0:
        return None
    if row is not None and (row.number, row.source) == (number, source.strip()):
        return None
    row = row or TaskNumber(
        programme=programme_id, year=year, region=region, organisation=organisation
    )
    row.number, row.source = number, source.strip()
    row.set_by, row.set_at = actor.staff, timezone.now()
    row.history.append(history.line(actor, number=number, source=row.source))
    row.save()
    return row


def of_regions(programme_id: str, year: int, region: Region) -> dict[str, TaskNumber]:
    """Numbers of a region and everything below it, by region code."""
    rows = TaskNumber.objects.filter(
        programme=programme_id,
        year=year,
        organisation__isnull=True,
        region__code__startswith=region.prefix,
    )
    return {row.region_id: row for row in rows.select_related("region")}


def of_organisations(programme_id: str, year: int, region: Region) -> list[TaskNumber]:
    """Numbers of the examining organisations of a region."""
    rows = TaskNumber.objects.filter(
        programme=programme_id,
        year=year,
        organisation__isnull=False,
        region__code__startswith=region.prefix,
    )
    return list(rows.select_related("organisation").order_by("organisation__code"))


def difference(total: int, parts: Iterable[int]) -> int:
    """What the parts leave of the whole: more than 0 unassigned, less than 0 too much."""
    return total - sum(parts)


def towns_of(found: Basis, district: Region) -> list[Region]:
    """The towns a district's number is split over: those its policy serves."""
    towns = list(district.children.filter(level=Region.Level.TOWNSHIP))
    area = found.policy.areas.get(SERVED)
    if area is None:
        return towns
    return [
        town
        for town in towns
        if any(town.code.startswith(code) for code in area.include)
        and not any(town.code.startswith(code) for code in area.exclude)
    ]


def suggest(
    found: Basis, district: Region, towns: Sequence[Region], year: int, total: int
) -> dict[str, int]:
    """A split by the couples each town registered in the last two years up to then; it adds up.

    Where nobody was registered, equal parts. By largest remainders, ties by region code.
    """
    since, until = dt.date(year - 2, 1, 1), dt.date(year, 12, 31)
    codes = (
        Episode.objects.filter(
            programme=found.programme.id,
            region__code__startswith=district.prefix,
            opened_on__range=(since, until),
        )
        .exclude(status__in=(Episode.Status.CANCELLED, Episode.Status.INELIGIBLE))
        .values_list("region_id", flat=True)
    )
    weights = dict.fromkeys((town.code for town in towns), 0)
    for code in codes:
        town = next((t for t in towns if code.startswith(t.prefix)), None)
        if town is not None:
            weights[town.code] += 1
    return split(total, weights)


def split(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Whole parts in proportion to the weights that add up to the total (largest remainders)."""
    if not weights:
        return {}
    used = weights if any(weights.values()) else dict.fromkeys(weights, 1)
    whole = sum(used.values())
    parts = {code: total * weight // whole for code, weight in used.items()}
    rest = total - sum(parts.values())
    by_remainder = sorted(used, key=lambda code: (-(total * used[code] % whole), code))
    for code in by_remainder[:rest]:
        parts[code] += 1
    return parts


# --- how far it has come ------------------------------------------------------------------------


def examined(found: Basis, region: Region, year: int, on: dt.date) -> list[Examined]:
    """The couples that count towards the year's number, as known on a day."""
    start = dt.date(year, 1, 1)
    if on < start:
        return []
    here = Encounter.objects.filter(
        episode=OuterRef("pk"),
        status=Encounter.Status.SIGNED,
        form__in=stations(found.programme),
        occurred_on__range=(start, on),
    ).order_by("occurred_on", "pk")
    episodes = list(
        Episode.objects.filter(
            Exists(here), programme=found.programme.id, origin__code__startswith=region.prefix
        )
        .exclude(status=Episode.Status.CANCELLED)
        .annotate(by=Subquery(here.values("organisation")[:1]))
        .order_by("pk")
    )
    # Where the indicator asks for nothing but the course, thousands of couples are read at once.
    condition, day_of = found.indicator.count, found.indicator.spec.on
    assert condition is not None
    is_course = {*condition.facts, day_of} <= course_facts(found.programme)
    table = course_table(episodes, on) if is_course else facts_table(episodes, on)
    counted: list[Examined] = []
    for episode, facts in zip(episodes, table, strict=True):
        day = facts.get(day_of)
        if not isinstance(day, dt.date) or not start <= day <= on:
            continue
        if condition.evaluate(facts) is True:
            counted.append(Examined(episode.pk, episode.origin_id, day, episode.by))
    return counted


def forecast(done: int, year: int, on: dt.date) -> Forecast | None:
    """The year's result in a straight line: couples a working day so far, times all working days.

    It knows nothing of the season. None before the year's first working day.
    """
    start, end = dt.date(year, 1, 1), dt.date(year, 12, 31)
    if on < start:
        return None
    elapsed, _known = working_days(start, min(on, end))
    total, announced = working_days(start, end)
    if not elapsed:
        return None
    exact = Decimal(done) * total / elapsed
    expected = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    return Forecast(expected, elapsed, total, elapsed < EARLY_DAYS, announced)


def progress(found: Basis, number: int | None, done: int, year: int, on: dt.date) -> Progress:
    """What was done against a number."""
    ahead = forecast(done, year, on)
    if number is None:
        return Progress(None, done, None, None, None, None, ahead)
    needed = Decimal(number) * Decimal(str(found.target.value)) / 100
    needed_whole = int(needed.quantize(Decimal(1), ROUND_CEILING))
    return Progress(
        number,
        done,
        _percent(done, number) if number else None,
        max(0, number - done),
        max(0, needed_whole - done),
        done >= needed,
        ahead,
    )


def _percent(part: int, whole: int) -> Decimal:
    return (Decimal(part) * 100 / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def by_region(rows: Iterable[Examined], regions: Sequence[Region]) -> tuple[dict[str, int], int]:
    """Couples of each region, and how many lie in none of them."""
    counts, elsewhere = dict.fromkeys((r.code for r in regions), 0), 0
    for row in rows:
        region = next((r for r in regions if row.region.startswith(r.prefix)), None)
        if region is None:
            elsewhere += 1
        else:
            counts[region.code] += 1
    return counts, elsewhere


def by_organisation(rows: Iterable[Examined]) -> dict[int | None, int]:
    """Couples by the organisation that signed their first station; None where none is known."""
    counts: dict[int | None, int] = defaultdict(int)
    for row in rows:
        counts[row.organisation] += 1
    return counts


def to_invite(actor: Actor, programme: Programme, year: int) -> QuerySet[Episode]:
    """Couples of her region registered this year, still in course and free, not yet examined."""
    signed = Encounter.objects.filter(
        episode=OuterRef("pk"), status=Encounter.Status.SIGNED, form__in=stations(programme)
    )
    last = EligibilityDecision.objects.filter(episode=OuterRef("pk")).order_by("-pk")
    rows: QuerySet[Episode] = (
        visible(actor, Episode.objects.all())
        .filter(
            ~Exists(signed),
            programme=programme.id,
            opened_on__year=year,
            status__in=(Episode.Status.OPEN, Episode.Status.RETURNED),
        )
        .annotate(grant=Subquery(last.values("grant")[:1]))
        .filter(Q(grant__isnull=True) | ~Q(grant="own_cost"))
        .order_by("opened_on", "pk")
    )
    return rows
