"""What all signed forms of an episode tell together: how many, first, last, highest, how often."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sanyou.care.models import Encounter
from sanyou.protocol.facts import read_observation
from sanyou.protocol.models import Element, Series
from sanyou.protocol.programme import Programme


def add_series(
    found: dict[str, dict[str, Any]],
    programme: Programme,
    signed: Iterable[Encounter],
    elements: Mapping[str, Element],
) -> None:
    """Add the series of each role to its observations. `signed`: the oldest first."""
    if not programme.series:
        return
    rows = list(signed)
    for role, wanted in programme.series.items():
        mine = [row for row in rows if row.role == role]
        values = found.setdefault(role, {})
        for element in wanted:
            assert element.series is not None
            values[element.id] = _told(element.series, mine, elements)


def _told(series: Series, rows: list[Encounter], elements: Mapping[str, Element]) -> Any:
    if series.forms is not None:
        return _of_forms(series.tell, [r.occurred_on for r in rows if r.form in series.forms])
    source = elements[series.element or ""]
    given = (read_observation(source, row.data.get(source.id))[0] for row in rows)
    values = [value for value in given if value is not None]
    match series.tell:
        case "times":
            return sum(_is_among(value, series.among) for value in values)
        case "first":
            return values[0] if values else None
        case "previous":
            return values[-2] if len(values) > 1 else None
        case "highest":
            return max(values, default=None)
    return min(values, default=None)


def _of_forms(tell: str, days: list[date]) -> Any:
    if tell == "count":
        return len(days)
    return (min if tell == "first_on" else max)(days, default=None)


def _is_among(value: Any, among: list[str | bool]) -> bool:
    return any(one in among for one in value) if isinstance(value, tuple) else value in among
