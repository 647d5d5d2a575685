"""Indicators give the same figures in Python and in SQL, and name the cases they count."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from sanyou.protocol.indicator import cases_sql, evaluate, figures_of, indicators_sql, rate
from sanyou.protocol.library import Library
from sanyou.protocol.population import create_table_sql, fact_columns, row
from tests.protocol.conftest import TINY

PROGRAMME = Library.load(TINY).programmes["tiny"]
START, END = date(2021, 3, 1), date(2021, 3, 31)
cases = st.lists(
    st.fixed_dictionaries(
        {
            "couple.exam_on": st.none()
            | st.sampled_from([date(2021, 2, 28), START, END, date(2021, 4, 1)]),
            "couple.examined": st.none() | st.booleans(),
            "husband.smoking": st.none() | st.booleans(),
        }
    ),
    max_size=12,
)


def loaded(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    columns = fact_columns(PROGRAMME)
    keys = {"id": "BIGINT", "town": "VARCHAR"}
    connection.execute(create_table_sql(PROGRAMME, keys=keys))
    marks = ", ".join("?" for _ in range(len(columns) + 2))
    for number, facts in enumerate(rows):
        values = [number, f"town{number % 2}", *row(columns, facts)]
        connection.execute(f"INSERT INTO facts VALUES ({marks})", values)


@settings(max_examples=60, deadline=None)
@given(cases)
def test_figures_are_the_same_in_python_and_in_duckdb(rows: list[dict[str, Any]]) -> None:
    with duckdb.connect() as connection:
        loaded(connection, rows)
        cursor = connection.execute(indicators_sql(PROGRAMME, START, END))
        names = [column[0] for column in cursor.description or []]
        found = figures_of(PROGRAMME, dict(zip(names, cursor.fetchall()[0], strict=True)))
        for name, indicator in PROGRAMME.indicators.items():
            assert found[name] == evaluate(indicator, rows, START, END)
            query = cases_sql(indicator, START, END, key="id")
            assert len(connection.execute(query).fetchall()) == found[name].numerator


def test_figures_can_be_grouped() -> None:
    facts = {"couple.exam_on": START, "couple.examined": True, "husband.smoking": True}
    with duckdb.connect() as connection:
        loaded(connection, [facts, facts, facts])
        query = indicators_sql(PROGRAMME, START, END, by=["town"], ids=["examined"])
        rows = connection.execute(query).fetchall()
    assert [(town, count) for town, count, *_ in rows] == [("town0", 2), ("town1", 1)]


def test_a_case_that_cannot_be_told_is_counted_apart() -> None:
    facts = {"couple.exam_on": START, "couple.examined": None, "husband.smoking": True}
    figure = evaluate(PROGRAMME.indicators["smokers"], [facts], START, END)
    assert (figure.numerator, figure.denominator, figure.unknown) == (0, 0, 1)


def test_a_rate_is_rounded_half_up_and_over_nobody_has_no_value() -> None:
    assert rate(1, 3, "%", 1) == Decimal("33.3")
    assert rate(1, 800, "%", 1) == Decimal("0.1")
    assert rate(1, 2000, "%", 1) == Decimal("0.1")
    assert rate(1, 2000, "‰", 2) == Decimal("0.50")
    assert rate(0, 0, "%", 1) is None
