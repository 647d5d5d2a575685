"""Figures: counts and rates over cases in a period, in Python for a few, in SQL for many.

A case belongs to the period its `on` date lies in (both ends included). A rate counts its
numerator only among cases of its denominator; cases that cannot be told are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlglot import exp

from sanyou.protocol.expression import Expression
from sanyou.protocol.population import identifier
from sanyou.protocol.programme import Indicator, Programme
from sanyou.protocol.sql import to_sqlglot

_SCALE = {"%": 100, "‰": 1000}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `denominator` is None for a count; `unknown` cases could be either."""

    indicator: str
    numerator: int
    denominator: int | None
    unknown: int
    value: Decimal | None

    def as_json(self) -> dict[str, Any]:
        return {
            "indicator": self.indicator,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "unknown": self.unknown,
            "value": None if self.value is None else str(self.value),
        }


def figure(indicator: Indicator, numerator: int, denominator: int | None, unknown: int) -> Figure:
    """The figure from its counts; a rate over nobody has no value."""
    value: Decimal | None = Decimal(numerator)
    if denominator is not None:
        value = rate(numerator, denominator, indicator.spec.unit, indicator.spec.decimals)
    return Figure(indicator.id, numerator, denominator, unknown, value)


def rate(numerator: int, denominator: int, unit: str, decimals: int) -> Decimal | None:
    """numerator / denominator in the unit (% or ‰ scaled), rounded half up."""
    if denominator == 0:
        return None
    exact = Decimal(numerator) * _SCALE.get(unit, 1) / Decimal(denominator)
    return exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def evaluate(
    indicator: Indicator, cases: Iterable[Mapping[str, Any]], start: date, end: date
) -> Figure:
    """The figure over the facts of cases, for the days from `start` to `end`."""
    numerator = denominator = unknown = 0
    for facts in cases:
        on = facts.get(indicator.spec.on)
        if on is None or not start <= on <= end:
            continue
        within, counted = _truths(indicator, facts)
        denominator += within is True
        numerator += counted is True
        unknown += counted is None
    rated = indicator.denominator is not None
    return figure(indicator, numerator, denominator if rated else None, unknown)


def _truths(indicator: Indicator, facts: Mapping[str, Any]) -> tuple[bool | None, bool | None]:
    """(in the denominator, counted)."""
    if indicator.count is not None:
        return True, indicator.count.evaluate(facts)
    if indicator.denominator is None or indicator.numerator is None:
        return None, None
    within = indicator.denominator.evaluate(facts)
    if within is False:
        return False, False
    counted = indicator.numerator.evaluate(facts)
    if counted is False:
        return within, False
    return within, None if within is None else counted


def indicators_sql(
    programme: Programme,
    start: date,
    end: date,
    *,
    table: str = "facts",
    by: Sequence[str] = (),
    ids: Iterable[str] | None = None,
    dialect: str = "duckdb",
) -> str:
    """All indicators of the programme (or `ids`) in one query, grouped by the columns `by`.

    Columns: `by`, then per indicator "id" (numerator or count), "id__of" (denominator, NULL
    for a count) and "id__unknown".
    """
    wanted = list(programme.indicators) if ids is None else list(ids)
    groups = [identifier(name, dialect) for name in by]
    columns = list(groups)
    for name in wanted:
        indicator = programme.indicators[name]
        for suffix, condition in _conditions(indicator, dialect).items():
            column = identifier(f"{name}{suffix}", dialect)
            if condition is None:
                columns.append(f"CAST(NULL AS BIGINT) AS {column}")
                continue
            period = _period(indicator, start, end, dialect)
            columns.append(f"COUNT(*) FILTER (WHERE {period} AND {condition}) AS {column}")
    query = f"SELECT {', '.join(columns)} FROM {identifier(table, dialect)}"  # noqa: S608
    return f"{query} GROUP BY {', '.join(groups)} ORDER BY {', '.join(groups)}" if by else query


def cases_sql(
    indicator: Indicator,
    start: date,
    end: date,
    *,
    key: str,
    table: str = "facts",
    dialect: str = "duckdb",
) -> str:
    """The keys of the cases an indicator counts: the proof of its number."""
    condition = _conditions(indicator, dialect)[""]
    period = _period(indicator, start, end, dialect)
    column, source = identifier(key, dialect), identifier(table, dialect)
    return f"SELECT {column} FROM {source} WHERE {period} AND {condition} ORDER BY {column}"  # noqa: S608


def figures_of(
    programme: Programme, row: Mapping[str, Any], ids: Iterable[str] | None = None
) -> dict[str, Figure]:
    """Figures from one row of `indicators_sql`."""
    wanted = programme.indicators if ids is None else ids
    return {
        name: figure(
            programme.indicators[name],
            int(row[name]),
            None if row[f"{name}__of"] is None else int(row[f"{name}__of"]),
            int(row[f"{name}__unknown"]),
        )
        for name in wanted
    }


def _conditions(indicator: Indicator, dialect: str) -> dict[str, str | None]:
    """SQL of what is counted as numerator (""), denominator ("__of") and "__unknown"."""
    if indicator.count is not None:
        count = _sql(indicator.count, dialect)
        return {"": count, "__of": None, "__unknown": f"{count} IS NULL"}
    if indicator.numerator is None or indicator.denominator is None:
        return {"": "FALSE", "__of": None, "__unknown": "FALSE"}
    top, bottom = _sql(indicator.numerator, dialect), _sql(indicator.denominator, dialect)
    both = f"({top} AND {bottom})"
    return {"": both, "__of": bottom, "__unknown": f"{both} IS NULL"}


def _sql(expression: Expression, dialect: str) -> str:
    return f"({to_sqlglot(expression.node).sql(dialect=dialect)})"


def _period(indicator: Indicator, start: date, end: date, dialect: str) -> str:
    column = exp.column(exp.to_identifier(indicator.spec.on, quoted=True))
    ends = [exp.cast(exp.Literal.string(day.isoformat()), "DATE") for day in (start, end)]
    return exp.Between(this=column, low=ends[0], high=ends[1]).sql(dialect=dialect)
