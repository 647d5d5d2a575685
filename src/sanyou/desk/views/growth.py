"""Growth curves: the measurements of all visits over the standard's lines, on screen and on paper."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.facts import observations_of
from sanyou.care.models import Encounter, Episode
from sanyou.desk.actor import duty_page
from sanyou.desk.views.records import people_of, readable_episode
from sanyou.desk.views.records_form import words
from sanyou.protocol.dates import months_between
from sanyou.protocol.dictionary import inputs_of
from sanyou.protocol.facts import build_facts
from sanyou.protocol.growth import Chart
from sanyou.protocol.models import ChartSpec
from sanyou.protocol.programme import Programme
from sanyou.trust import audit

SDS = (-3, -2, -1, 0, 1, 2, 3)
WIDTH, HEIGHT = 900, 560  # of the picture, in its own units
LEFT, RIGHT, TOP, BOTTOM = 52, 40, 16, 44
MONTH = 30.4375  # days, as WHO counts them
SPANS = (6, 12, 24, 36, 60)  # months that the age axis may cover
LAST_DAY = 1826  # of the charts by age: five years
STEPS = 60  # points of a line


@dataclass(frozen=True)
class Point:
    """One measurement. `x` in days or cm, `y` in the unit of the chart."""

    on: date
    months: int
    x: float
    y: float
    z: float | None
    implausible: bool


@dataclass(frozen=True)
class Curve:
    sd: int
    points: str  # of an SVG polyline
    end: tuple[float, float]


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Picture:
    curves: list[Curve]
    marks: list[tuple[float, float, str]]
    track: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x_label: str
    y_label: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@duty_page("see_results", methods=("GET",))
def chart(request: HttpRequest, key: UUID, chart_id: str) -> HttpResponse:
    """One growth curve of one person, with the table of its points."""
    actor, episode = readable_episode(request, key)
    programme = content.programme_of(episode)
    spec = next((c for c in programme.spec.charts if c.id == chart_id), None)
    if spec is None:
        raise Http404
    standard = content.library().charts[spec.chart]
    person = next(iter(people_of(episode).values()))
    points = points_of(episode, programme, spec, standard)
    audit.record(actor, "read", "chart", episode.key)
    context = {
        "actor": actor,
        "episode": episode,
        "person": person,
        "label": words(spec.label),
        "standard": words(standard.spec.label),
        "source": standard.spec.source.ref,
        "unit": standard.spec.unit,
        "charts": [(c.id, words(c.label)) for c in programme.spec.charts],
        "chosen": spec.id,
        "points": points,
        "picture": picture(standard, person.sex, points),
        "by_length": standard.by_length,
    }
    return render(request, "desk/life/chart.html", context)


def points_of(
    episode: Episode, programme: Programme, spec: ChartSpec, standard: Chart
) -> list[Point]:
    """Measurements of signed visits, the oldest first; only those taken on the visit itself."""
    library = content.library()
    role = programme.roles[0]
    dictionary = library.dictionary
    measured = dictionary.elements[spec.value]
    needed = {spec.value, *inputs_of(measured, dictionary.formulas)}
    score = _score_of(programme, spec)
    rows = list(
        episode.encounters.filter(status=Encounter.Status.SIGNED, role=role).order_by(
            "occurred_on", "pk"
        )
    )
    found: dict[date, Point] = {}
    for number, row in enumerate(rows):
        if not any(row.data.get(name) is not None for name in needed):
            continue
        on = row.occurred_on
        observed = observations_of(episode, on, rows[: number + 1])
        facts = build_facts(library, programme, observed, on)
        y, x = facts.get(f"{role}.{spec.value}"), facts.get(f"{role}.{spec.by or spec.age}")
        if y is None or x is None:
            continue
        z = facts.get(f"{role}.{score}") if score else None
        flags = standard.spec.flags
        wild = z is not None and not float(flags.low) <= z <= float(flags.high)
        born = observed[role].get("birth_date")
        months = months_between(born, on) if isinstance(born, date) else 0
        found[on] = Point(on, months, float(x), float(y), z, wild)
    return list(found.values())


def _score_of(programme: Programme, spec: ChartSpec) -> str | None:
    """The z-score element of the same chart and value, where the dictionary has one."""
    for element in programme.elements_of[programme.roles[0]]:
        growth = element.derived.growth if element.derived else None
        if growth is not None and (growth.chart, growth.value) == (spec.chart, spec.value):
            return element.id
    return None


def picture(standard: Chart, sex: str, points: list[Point]) -> Picture:
    """The lines from -3 to +3 SD and the measurements over them."""
    low, high = _span(standard, points)
    lines: dict[int, list[tuple[float, float]]] = {sd: [] for sd in SDS}
    for step in range(STEPS + 1):
        x = low + (high - low) * step / STEPS
        row = _row(standard, sex, x)
        if row is not None:
            for sd in SDS:
                lines[sd].append((x, row.at(sd)))
    heights = [y for line in lines.values() for _x, y in line] + [p.y for p in points]
    bottom, top = (min(heights), max(heights)) if heights else (0.0, 1.0)
    pad = (top - bottom) * 0.04 or 1.0
    bottom, top = bottom - pad, top + pad

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * (x - low) / ((high - low) or 1)
        down = TOP + (HEIGHT - TOP - BOTTOM) * (top - y) / ((top - bottom) or 1)
        return round(across, 1), round(down, 1)

    curves = [
        Curve(sd, _joined([at(*p) for p in line]), at(*line[-1]))
        for sd, line in lines.items()
        if line
    ]
    marks = [(*at(p.x, p.y), f"{p.on.isoformat()}  {p.y:g}") for p in points]
    x_ticks = _ticks_across(standard, low, high)
    return Picture(
        curves,
        marks,
        _joined([(x, y) for x, y, _title in marks]),
        [Tick(at(x, bottom)[0], label) for x, label in x_ticks],
        [Tick(at(low, y)[1], f"{y:g}") for y in _round_steps(bottom, top)],
        _("身长（身高），厘米") if standard.by_length else _("月龄"),
        f"{words(standard.spec.label)}，{standard.spec.unit}",
    )


def _row(standard: Chart, sex: str, x: float) -> Any:
    if not standard.by_length:
        return standard.point(sex, round(x))
    age = 0 if x < 87 else 10_000  # the table for lying lengths reaches about so far
    return standard.point(sex, age, Decimal(str(round(x, 1))))


def _span(standard: Chart, points: list[Point]) -> tuple[float, float]:
    """What the axis across covers: from birth by whole spans, or the lengths around those measured."""
    if standard.by_length:
        if not points:
            return 45.0, 110.0
        low, high = min(p.x for p in points), max(p.x for p in points)
        return max(45.0, low - 8), min(120.0, high + 12)
    oldest = max((p.x for p in points), default=0) / MONTH
    months = next((m for m in SPANS if m >= oldest + 1), SPANS[-1])
    return 0.0, min(months * MONTH, LAST_DAY)


def _ticks_across(standard: Chart, low: float, high: float) -> list[tuple[float, str]]:
    if standard.by_length:
        return [(float(x), str(x)) for x in range(int(low) // 5 * 5 + 5, int(high) + 1, 5)]
    months = round(high / MONTH)
    step = 1 if months <= 12 else 3 if months <= 36 else 6
    return [(m * MONTH, str(m)) for m in range(0, months + 1, step)]


def _round_steps(low: float, high: float) -> list[float]:
    """About eight round numbers between the two."""
    step = next((s for s in (0.5, 1, 2, 5, 10, 20) if (high - low) / s <= 10), 50)
    first = int(low // step) + 1
    return [round(n * step, 1) for n in range(first, int(high // step) + 1)]


def _joined(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
