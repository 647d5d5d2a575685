"""A month's figures, computed from the facts of each case, with the cases behind every figure."""

import datetime as dt
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sanyou.care import content
from sanyou.care.facts import facts_table
from sanyou.care.models import Episode
from sanyou.care.reading import reads
from sanyou.protocol.programme import Indicator, Programme
from sanyou.registry.access import Actor
from sanyou.registry.models import Region

# A count, or of a rate {"numerator", "denominator", "rate": "96.4" or None}.
Value = int | dict[str, Any]
BATCH = 500  # episodes read at once
DENOMINATOR = "/of"  # behind a rate's id: the cases of its denominator


@dataclass(frozen=True, slots=True)
class Figures:
    """Values by indicator, and the episode keys behind each (sorted)."""

    values: dict[str, Value]
    cases: dict[str, list[str]]


def month_of(day: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day of a day's month."""
    last = monthrange(day.year, day.month)[1]
    return day.replace(day=1), day.replace(day=last)


def indicators_of(programme: Programme, report_id: str) -> list[Indicator]:
    """The indicators of a report, in its order. KeyError when the programme has no such report."""
    rows = [row for section in programme.reports[report_id].sections for row in section.rows]
    return [programme.indicators[row] for row in rows]


def compute(programme: Programme, report_id: str, region: Region, month: dt.date) -> Figures:
    """The figures of one region and month, as known on its last day.

    Episodes count where they were opened, so that a couple that moves changes no earlier month;
    those registered in error (cancelled) do not count.
    """
    start, end = month_of(month)
    episodes = (
        Episode.objects.filter(
            programme=programme.id, origin__code__startswith=region.prefix, opened_on__lte=end
        )
        .exclude(status=Episode.Status.CANCELLED)
        .order_by("id")
    )
    return count(indicators_of(programme, report_id), _cases(episodes, end), start, end)


def _cases(episodes: Any, on: dt.date) -> list[tuple[str, Mapping[str, Any]]]:
    """(episode key, facts) of each."""
    chosen = list(episodes)
    found: list[tuple[str, Mapping[str, Any]]] = []
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        table = facts_table(batch, on)
        found += [(str(e.key), row) for e, row in zip(batch, table, strict=True)]
    return found


def count(
    indicators: Iterable[Indicator],
    cases: list[tuple[str, Mapping[str, Any]]],
    start: dt.date,
    end: dt.date,
) -> Figures:
    """Count cases whose date lies in the month and whose condition is TRUE (unknown is not)."""
    values: dict[str, Value] = {}
    behind: dict[str, list[str]] = {}
    for indicator in indicators:
        on = indicator.spec.on
        here = [
            (k, f) for k, f in cases if isinstance(f.get(on), dt.date) and start <= f[on] <= end
        ]
        if indicator.count is not None:
            found = [k for k, f in here if indicator.count.evaluate(f) is True]
            values[indicator.id] = len(found)
            behind[indicator.id] = sorted(found)
            continue
        assert indicator.denominator is not None
        assert indicator.numerator is not None
        base = [(k, f) for k, f in here if indicator.denominator.evaluate(f) is True]
        hits = [k for k, f in base if indicator.numerator.evaluate(f) is True]
        values[indicator.id] = {
            "numerator": len(hits),
            "denominator": len(base),
            "rate": rate(len(hits), len(base), indicator),
        }
        behind[indicator.id] = sorted(hits)
        behind[indicator.id + DENOMINATOR] = sorted(k for k, _f in base)
    return Figures(values, behind)


def rate(numerator: int, denominator: int, indicator: Indicator) -> str | None:
    """The rate in its unit (% or ‰, else the plain quotient), half rounded up; None of nothing."""
    if not denominator:
        return None
    scale = {"%": 100, "‰": 1000}.get(indicator.spec.unit, 1)
    places = Decimal(1).scaleb(-indicator.spec.decimals)
    exact = Decimal(numerator) * scale / denominator
    return str(exact.quantize(places, ROUND_HALF_UP))


def shown(value: Value | None) -> str:
    """A figure as written: 38, 96.4, or — where there was nothing to divide by."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return value["rate"] if value["rate"] is not None else "—"
    return str(value)


def opens_to(actor: Actor, indicator: Indicator) -> bool:
    """Whether she may know who is behind a figure: her duty reads every element it counts by.

    A list of those with a positive syphilis test is itself such a result.
    """
    parts = (indicator.count, indicator.numerator, indicator.denominator)
    return all(reads(actor, part.facts) for part in parts if part is not None)


def programme_of(programme_id: str) -> Programme:
    """The programme as loaded now."""
    return content.library().programmes[programme_id]
