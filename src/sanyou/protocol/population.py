"""The same rules as one query over a table of cases, one row per case.

The table has a column per fact, named like the fact ("wife.alt__flag"). DuckDB is the
embedded engine; sqlglot writes the same query for other dialects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from sanyou.protocol.expression import Expression
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import FactSpec
from sanyou.protocol.sql import to_sqlglot


def identifier(name: str, dialect: str = "duckdb") -> str:
    """A quoted name for the dialect."""
    return exp.to_identifier(name, quoted=True).sql(dialect=dialect)


def fact_columns(programme: Programme, rules_only: bool = False) -> dict[str, str]:
    """Columns the programme's queries read: fact name -> SQL type, in a stable order."""
    specs: dict[str, FactSpec] = {}
    for expression in _expressions(programme, rules_only):
        specs.update(expression.specs)
    if not rules_only:
        for name in _dates(programme):
            specs[name] = programme.scope.facts[name]
    return {name: spec.sql_type for name, spec in specs.items()}


def _expressions(programme: Programme, rules_only: bool) -> Iterable[Expression]:
    for rule in programme.rules:
        yield rule.when
    if rules_only:
        return
    for task in programme.schedule:
        if task.when is not None:
            yield task.when
    for indicator in programme.indicators.values():
        for part in (indicator.count, indicator.numerator, indicator.denominator):
            if part is not None:
                yield part


def _dates(programme: Programme) -> Iterable[str]:
    yield from (task.spec.anchor for task in programme.schedule)
    yield from (indicator.spec.on for indicator in programme.indicators.values())


def create_table_sql(
    programme: Programme,
    table: str = "facts",
    keys: Mapping[str, str] | None = None,
    rules_only: bool = False,
) -> str:
    """CREATE TABLE for the facts; `keys` are further columns, name -> SQL type, put first."""
    columns = {**(keys or {}), **fact_columns(programme, rules_only)}
    listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
    return f"CREATE TABLE {identifier(table)} ({listed})"


def row(columns: Iterable[str], facts: Mapping[str, Any]) -> tuple[Any, ...]:
    """One case's values in the order of the columns."""
    return tuple(facts.get(name) for name in columns)


def assessment_sql(
    programme: Programme,
    table: str = "facts",
    dialect: str = "duckdb",
    keys: Sequence[str] = (),
) -> str:
    """All rules over a table, one row per case, in one query.

    Columns: `keys` as they are; one BOOLEAN per rule and role named "role.rule" (TRUE: it
    fires, NULL: it cannot be excluded); `class` (the worst, NULL where nothing was found)
    and `level`.
    """
    rules = {rule.key: rule for rule in programme.rules}
    kept = [identifier(name, dialect) for name in keys]
    columns = list(kept)
    for key, rule in rules.items():
        condition = to_sqlglot(rule.when.node).sql(dialect=dialect)
        columns.append(f"{condition} AS {identifier(key, dialect)}")
    inner = f"SELECT {', '.join(columns)} FROM {identifier(table, dialect)}"  # noqa: S608
    named = [identifier(key, dialect) for key in rules]
    classes, levels = _worst(programme, dialect)
    outer = [*kept, *named, f"{classes} AS {identifier('class', dialect)}"]
    outer.append(f"{levels} AS {identifier('level', dialect)}")
    return f"SELECT {', '.join(outer)} FROM ({inner}) AS rules"  # noqa: S608


def _worst(programme: Programme, dialect: str) -> tuple[str, str]:
    """CASE expressions for the worst class that fired, and its level."""
    classes, levels = [], []
    level_of = {c.id: c.level for c in programme.risk_classes}

    def fired(wanted: Callable[[str], bool]) -> str:
        """Whether any rule of such a class fired; "" where there is none."""
        keys = [rule.key for rule in programme.rules if wanted(rule.cls)]
        return " OR ".join(identifier(key, dialect) for key in keys)

    for risk_class in reversed(programme.risk_classes):
        if not risk_class.beside and (when := fired(risk_class.id.__eq__)):
            classes.append(f"WHEN {when} THEN {_string(risk_class.id)}")
    # A class beside the others does not compete with them, and counts for the level.
    for level in reversed(programme.risk_levels):
        if when := fired(lambda cls, level=level: level_of[cls] == level):  # type: ignore[misc]
            levels.append(f"WHEN {when} THEN {_string(level)}")
    general = _string(programme.level_of(None))
    worst = f"CASE {' '.join(classes)} END" if classes else "NULL"
    return worst, f"CASE {' '.join(levels)} ELSE {general} END" if levels else general


def _string(text: str) -> str:
    return exp.Literal.string(text).sql()
