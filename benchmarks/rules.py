"""How fast the rules are: one couple in process, and 100,000 couples in one query.

Run: uv run python benchmarks/rules.py [--couples 100000] [--repeat 7]

Prints the median time to assess one couple, and the time of the generated query beside that
of a query with the same conditions written by hand (rules_by_hand.sql), as a ratio. Both
queries, and the Python evaluator on a sample, must give the same answers; else it exits 1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from sanyou.protocol.assessment import assess
from sanyou.protocol.library import Library
from sanyou.protocol.population import assessment_sql, create_table_sql, fact_columns, identifier
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import FactSpec

BY_HAND = Path(__file__).with_name("rules_by_hand.sql")
UNKNOWN, UNUSUAL = 0.03, 0.05
SAMPLE = 2_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--couples", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    programme = Library.load().programmes["preconception"]
    print(f"{len(programme.rules)} conditions, rules version {programme.rules_version}")
    with duckdb.connect() as connection:
        generate(connection, programme, options.couples)
        same = one_couple(connection, programme)
        same &= batch(connection, programme, options.couples, options.repeat)
    return 0 if same else 1


def generate(connection: duckdb.DuckDBPyConnection, programme: Programme, couples: int) -> None:
    """A table of invented couples, mostly unremarkable, some values unknown."""
    connection.execute("SELECT setseed(0.42)")
    connection.execute(create_table_sql(programme, keys={"id": "BIGINT"}, rules_only=True))
    facts = programme.scope.facts
    values = [drawn(facts[name]) for name in fact_columns(programme, rules_only=True)]
    query = f"INSERT INTO facts SELECT i, {', '.join(values)} FROM range({couples}) AS t(i)"
    connection.execute(query)


def drawn(spec: FactSpec) -> str:
    """SQL that draws a value of the fact."""
    if spec.kind == "boolean":
        value = f"random() < {UNUSUAL}"
    elif spec.codes is not None:
        usual = "normal" if "normal" in spec.codes else (spec.element.normal or [None])[0]
        codes = sorted(spec.codes)
        listed = ", ".join(f"'{code}'" for code in codes)
        any_code = f"list_extract([{listed}], 1 + CAST(floor(random() * {len(codes)}) AS INTEGER))"
        usual = usual if isinstance(usual, str) else codes[0]
        value = f"CASE WHEN random() < {UNUSUAL} THEN {any_code} ELSE '{usual}' END"
    elif spec.kind == "number":
        low, high = span(spec)
        number = f"{low} + random() * {high - low}"
        value = f"CAST({number} AS BIGINT)" if spec.integer else f"round({number}, 1)"
    elif spec.kind == "date":
        value = "DATE '2015-01-01' + CAST(random() * 3000 AS INTEGER)"
    else:
        value = "'500107001'"
    return f"CASE WHEN random() < {UNKNOWN} THEN NULL ELSE {value} END"


def span(spec: FactSpec) -> tuple[float, float]:
    """Limits to draw a number from: about the reference range, else the plausible limits."""
    usual = spec.element.range_for("female")
    if usual is not None and usual.low is not None and usual.high is not None:
        low, high = float(usual.low), float(usual.high)
        return low - (high - low) * 0.03, high + (high - low) * 0.03
    plausible = spec.element.plausible
    return (float(plausible.min), float(plausible.max)) if plausible else (0.0, 40.0)


def one_couple(connection: duckdb.DuckDBPyConnection, programme: Programme) -> bool:
    """Median time of `assess`; the answers are compared with the query's."""
    names = list(fact_columns(programme, rules_only=True))
    listed = ", ".join(identifier(name) for name in names)
    query = f"SELECT {listed} FROM facts WHERE id < {SAMPLE} ORDER BY id"
    cases = [dict(zip(names, row, strict=True)) for row in connection.execute(query).fetchall()]
    assess(programme, cases[0])
    results, times = [], []
    for facts in cases:
        start = time.perf_counter()
        results.append(assess(programme, facts))
        times.append(time.perf_counter() - start)
    found = statistics.mean(len(result.findings) for result in results)
    print(
        f"one couple: median {statistics.median(times) * 1e6:.0f} µs "
        f"({found:.1f} findings with evidence on average, {len(cases)} couples)"
    )
    keys = [rule.key for rule in programme.rules]
    query = (
        f"SELECT * FROM ({assessment_sql(programme, keys=['id'])}) WHERE id < {SAMPLE} ORDER BY id"
    )
    rows = connection.execute(query).fetchall()
    differing = 0
    for row, result in zip(rows, results, strict=True):
        columns = dict(zip(["id", *keys, "class", "level"], row, strict=True))
        fired = {key for key in keys if columns[key]}
        unknown = {key for key in keys if columns[key] is None}
        differing += (fired, unknown, columns["class"], columns["level"]) != (
            {f.key for f in result.findings},
            {u.key for u in result.undetermined},
            result.cls,
            result.level,
        )
    print(f"Python and query: {differing} of {len(rows)} couples differ")
    return differing == 0


def batch(
    connection: duckdb.DuckDBPyConnection, programme: Programme, couples: int, repeat: int
) -> bool:
    """The generated query against the one written by hand, each writing its result table."""
    ours = assessment_sql(programme, keys=["id"])
    by_hand = BY_HAND.read_text(encoding="utf-8")
    times: dict[str, list[float]] = {"ours": [], "by_hand": []}
    for _ in range(repeat):  # taken in turns, so that neither profits from a quiet moment
        for name, query in (("ours", ours), ("by_hand", by_hand)):
            times[name].append(timed(lambda q=query, n=name: store(connection, n, q)))
    ours_time, hand_time = statistics.median(times["ours"]), statistics.median(times["by_hand"])
    print(
        f"{couples} couples: generated {ours_time * 1000:.0f} ms, "
        f"by hand {hand_time * 1000:.0f} ms, ratio {ours_time / hand_time:.2f}"
    )
    one = {column[0] for column in connection.execute("DESCRIBE ours").fetchall()}
    other = {column[0] for column in connection.execute("DESCRIBE by_hand").fetchall()}
    if one != other:
        print("rules_by_hand.sql does not have the rules of today:", ", ".join(sorted(one ^ other)))
        return False
    listed = ", ".join(identifier(name) for name in sorted(one))
    query = f"SELECT count(*) FROM (SELECT {listed} FROM ours EXCEPT SELECT {listed} FROM by_hand)"
    differing = connection.execute(query).fetchone()
    count = differing[0] if differing else -1
    print(f"generated and by hand: {count} of {couples} couples differ")
    if count:
        print("in:", ", ".join(name for name in sorted(one) if differs(connection, name)))
        print("the rules have changed since rules_by_hand.sql was written; bring it up to date")
    return count == 0


def differs(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a column of the two results differs for any couple."""
    column = identifier(name)
    query = (
        f"SELECT count(*) FROM ours JOIN by_hand USING (id) "
        f"WHERE ours.{column} IS DISTINCT FROM by_hand.{column}"
    )
    found = connection.execute(query).fetchone()
    return found is not None and found[0] > 0


def store(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> Any:
    return connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")


def timed(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
