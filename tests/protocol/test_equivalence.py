"""The compiled Python evaluator and DuckDB give the same answer, NULLs included."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sanyou.protocol.assessment import assess
from sanyou.protocol.expression import Expression
from sanyou.protocol.library import Library
from sanyou.protocol.population import (
    assessment_sql,
    create_table_sql,
    fact_columns,
    identifier,
    row,
)
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import FactSpec
from tests.protocol.conftest import TINY

LIBRARY = Library.load(TINY)
SCOPE = LIBRARY.programmes["tiny"].scope.with_person("wife")
NUMBERS = [0, 1, -3, 2.5, 0.1, 18.5, 40, 40.0000001, 1e6]
DATES = [date(2020, 2, 29), date(2021, 3, 1), date(1990, 12, 31)]


CONNECTION = duckdb.connect()


def insert(columns: dict[str, str], cases: list[dict[str, Any]]) -> None:
    """Rows numbered from 0. Written as literals: parameters are slow for hundreds of columns."""
    rows = (
        ", ".join([str(n), *(sql_literal(value) for value in row(columns, facts))])
        for n, facts in enumerate(cases)
    )
    CONNECTION.execute(f"INSERT INTO facts VALUES {', '.join(f'({values})' for values in rows)}")


def sql_literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    return literal(value)


def by_kind(kind: str) -> list[FactSpec]:
    return [spec for spec in SCOPE.facts.values() if spec.kind == kind]


def name_of(spec: FactSpec) -> str:
    return spec.name.replace("wife.", "person.", 1)


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return f"'{value}'" if isinstance(value, str) else f"{value!r}"


number_facts = st.sampled_from(by_kind("number")).map(name_of)
number_literals = st.sampled_from(NUMBERS).map(literal)
numbers = st.recursive(
    number_facts | number_literals,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda p: f"({' '.join(p)})"),
    max_leaves=3,
)
dates = st.sampled_from(by_kind("date")).map(name_of) | st.sampled_from(DATES).map(literal)
comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


@st.composite
def code_tests(draw: st.DrawFn) -> str:
    spec = draw(st.sampled_from(by_kind("code")))
    codes = st.sampled_from(sorted(spec.codes or ()))
    if draw(st.booleans()):
        return f"{name_of(spec)} {draw(st.sampled_from(['=', '<>']))} '{draw(codes)}'"
    options = draw(st.lists(codes, min_size=1, max_size=3))
    word = draw(st.sampled_from(["IN", "NOT IN"]))
    return f"{name_of(spec)} {word} ({', '.join(map(literal, options))})"


def joined(*parts: Any) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


word = st.sampled_from(["BETWEEN", "NOT BETWEEN"])
and_ = st.just("AND")
leaves = st.one_of(
    joined(numbers, comparison, numbers),
    joined(numbers, word, numbers, and_, numbers),
    joined(dates, comparison, dates),
    joined(dates, word, dates, and_, dates),
    code_tests(),
    st.sampled_from(by_kind("boolean")).map(name_of),
    st.sampled_from(["TRUE", "FALSE"]),
    joined(
        st.sampled_from(list(SCOPE.facts.values())).map(name_of),
        st.sampled_from(["IS NULL", "IS NOT NULL"]),
    ),
    joined(
        st.sampled_from(by_kind("boolean")).map(name_of),
        st.sampled_from(["= TRUE", "<> FALSE", "= wife.smoking"]),
    ),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        joined(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda text: f"({text})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=8,
)


def known_values(spec: FactSpec) -> st.SearchStrategy[Any]:
    """Values near what rules compare with."""
    if spec.kind == "boolean":
        known: st.SearchStrategy[Any] = st.booleans()
    elif spec.codes is not None:
        known = st.sampled_from(sorted(spec.codes))
    elif spec.kind == "date":
        known = st.sampled_from(DATES) | st.dates(date(1950, 1, 1), date(2050, 1, 1))
    elif spec.integer:
        known = st.integers(-5, 5) | st.integers(-1000, 1000)
    elif spec.kind == "number":
        known = st.sampled_from(NUMBERS).map(float) | st.floats(-1e6, 1e6)
    else:
        known = st.sampled_from(["500107001", "110101", "其他"])
    return known


def values_of(spec: FactSpec) -> st.SearchStrategy[Any]:
    """A value, or unknown."""
    return st.none() | known_values(spec)


def facts_for(specs: dict[str, FactSpec]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: values_of(spec) for name, spec in specs.items()})


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_a_generated_condition_means_the_same_in_python_and_in_duckdb(data: st.DataObject) -> None:
    expression = Expression.parse(data.draw(conditions), SCOPE)
    rows = data.draw(st.lists(facts_for(dict(expression.specs)), min_size=1, max_size=4))
    columns = {name: spec.sql_type for name, spec in expression.specs.items()} or {"x": "BIGINT"}
    listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
    CONNECTION.execute(f"CREATE OR REPLACE TABLE facts (n BIGINT, {listed})")
    insert(columns, rows)
    query = f"SELECT {expression.sql()} FROM facts ORDER BY n"
    found = [answer for (answer,) in CONNECTION.execute(query).fetchall()]
    assert found == [expression.evaluate(facts) for facts in rows]
    assert found == [expression.explain(facts).truth for facts in rows]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_missing_facts_settle_the_answer_and_no_other_fact_does(data: st.DataObject) -> None:
    text = data.draw(conditions)
    assume(" IS " not in text)
    expression = Expression.parse(text, SCOPE)
    facts = data.draw(facts_for(dict(expression.specs)))
    missing = expression.missing(facts)
    assert (expression.evaluate(facts) is None) == bool(missing)
    values = {name: data.draw(known_values(spec)) for name, spec in expression.specs.items()}
    asked = facts | {name: values[name] for name in missing}
    assert expression.evaluate(asked) is not None
    others = [n for n, value in facts.items() if value is None and n not in missing]
    assert expression.evaluate(facts | {name: values[name] for name in others}) is (
        expression.evaluate(facts)
    )


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_supporting_facts_alone_give_the_same_answer(data: st.DataObject) -> None:
    expression = Expression.parse(data.draw(conditions), SCOPE)
    facts = data.draw(facts_for(dict(expression.specs)))
    truth = expression.evaluate(facts)
    support = expression.support(facts)
    assert all(facts[name] == value for name, value in support.items())
    if truth is not None:
        assert expression.evaluate(support) is truth


def near(spec: FactSpec, programme: Programme) -> st.SearchStrategy[Any]:
    """As `values_of`, with every number the rules compare this fact with, and just beside it."""
    if spec.kind != "number":
        return values_of(spec)
    found: set[float] = set()
    for rule in programme.rules:
        if spec.name in rule.when.specs:
            words = rule.when.text.replace("(", " ").replace(")", " ").replace(",", " ").split()
            found |= {float(w) for w in words if w.replace(".", "", 1).lstrip("-").isdigit()}
    around = sorted({n + d for n in found | {0.0} for d in (-1, -0.1, 0, 0.1, 1)})
    if spec.integer:
        return st.none() | st.sampled_from(sorted({int(n) for n in around}))
    return st.none() | st.sampled_from(around) | st.floats(0, 1000)


def check_rules(programme: Programme, cases: list[dict[str, Any]]) -> None:
    columns = fact_columns(programme, rules_only=True)
    CONNECTION.execute("DROP TABLE IF EXISTS facts")
    CONNECTION.execute(create_table_sql(programme, keys={"n": "BIGINT"}, rules_only=True))
    insert(columns, cases)
    query = f"{assessment_sql(programme, keys=['n'])} ORDER BY n"
    answers = CONNECTION.execute(query).fetchall()
    keys = [rule.key for rule in programme.rules]
    for facts, answer in zip(cases, answers, strict=True):
        found = dict(zip(["n", *keys, "class", "level"], answer, strict=True))
        result = assess(programme, facts)
        assert {key for key in keys if found[key] is True} == {f.key for f in result.findings}
        assert {key for key in keys if found[key] is None} == {u.key for u in result.undetermined}
        assert (found["class"], found["level"]) == (result.cls, result.level)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_tiny_rule_set_finds_the_same_in_python_and_in_duckdb(data: st.DataObject) -> None:
    programme = LIBRARY.programmes["tiny"]
    specs = {name: programme.scope.facts[name] for name in fact_columns(programme, rules_only=True)}
    strategy = st.fixed_dictionaries({n: near(s, programme) for n, s in specs.items()})
    check_rules(programme, data.draw(st.lists(strategy, min_size=1, max_size=10)))


@pytest.mark.requirement("B05")
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
@given(seed=st.integers(0, 2**32), empty=st.sampled_from([0.02, 0.2, 0.6]))
def test_every_packaged_rule_finds_the_same_in_python_and_in_duckdb(
    packaged: Library, seed: int, empty: float
) -> None:
    """Values are drawn from a seeded generator: a case has hundreds of facts."""
    for programme in packaged.programmes.values():
        check_rules(programme, generated(programme, seed, empty))


def generated(
    programme: Programme, seed: int, empty: float, count: int = 40
) -> list[dict[str, Any]]:
    """Cases whose values lie at, and just beside, everything the rules compare with."""
    from random import Random

    random = Random(seed)
    choices = {n: choices_of(programme.scope.facts[n], programme) for n in fact_columns(programme)}
    return [
        {n: None if random.random() < empty else random.choice(c) for n, c in choices.items()}
        for _ in range(count)
    ]


def choices_of(spec: FactSpec, programme: Programme) -> list[Any]:
    if spec.kind == "boolean":
        return [True, False]
    if spec.codes is not None:
        return sorted(spec.codes)
    if spec.kind == "date":
        return [*DATES, *(day + timedelta(days=1) for day in DATES)]
    if spec.kind != "number":
        return ["500107001", "110101"]
    found = {0.0, 1.0, 30.0}
    for rule in programme.rules:
        if spec.name in rule.when.specs:
            words = rule.when.text.replace("(", " ").replace(")", " ").replace(",", " ").split()
            found |= {float(w) for w in words if w.replace(".", "", 1).lstrip("-").isdigit()}
    around = sorted({n + d for n in found for d in (-1, -0.1, 0, 0.1, 1)})
    return sorted({int(n) for n in around}) if spec.integer else around
