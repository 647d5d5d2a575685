"""Conditions: SQL boolean expressions over facts with three-valued logic.

One text answers in two places: `evaluate` for one case in Python, `sql` for a table.
Only the part of SQL that means the same everywhere is accepted:
facts, literals, DATE 'yyyy-mm-dd', = <> < <= > >=, + - *, BETWEEN, IN (literals),
IS [NOT] NULL, AND, OR, NOT, parentheses. NULL is UNKNOWN. Numbers are compared as doubles
on both sides, so that 0.1 + 0.2 is the same thing at the desk and in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from sanyou.protocol.compiling import compile_closure, compile_reasons
from sanyou.protocol.conditions import (
    And,
    Arithmetic,
    Between,
    Fact,
    Facts,
    Holds,
    In,
    IsNull,
    Literal,
    Node,
    Not,
    Or,
    Truth,
    Value,
    children,
    ends,
    leaf_specs,
)
from sanyou.protocol.parsing import Parser
from sanyou.protocol.scope import FactSpec, Scope
from sanyou.protocol.sql import to_sqlglot


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sub-condition with its truth and the facts it read."""

    text: str
    truth: Truth
    facts: dict[str, Any]
    parts: tuple[Evidence, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "truth": self.truth,
            "facts": {name: json_value(value) for name, value in self.facts.items()},
            "parts": [part.as_json() for part in self.parts],
        }


def json_value(value: Any) -> Any:
    """Dates become ISO strings, decimals become numbers, sequences lists."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_value(item) for item in value]
    return value


@dataclass(frozen=True)
class Expression:
    """A parsed, type-checked condition."""

    text: str
    node: Node
    specs: Mapping[str, FactSpec] = field(repr=False)

    @classmethod
    def parse(cls, text: str, scope: Scope) -> Expression:
        """Parse and check against the scope; raises ExpressionError."""
        parser = Parser(text, scope)
        node = parser.condition(parser.tree())
        return cls(" ".join(text.split()), node, parser.specs)

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts the condition reads, in order of appearance."""
        return tuple(self.specs)

    @cached_property
    def _closure(self) -> Callable[[Facts], Truth]:
        return compile_closure(self.node, self.specs)

    @cached_property
    def _reasons(self) -> tuple[Callable[[Facts], Any], Callable[[Facts], Any]]:
        """Functions for `support` and `missing`, made when first asked for."""
        return compile_reasons(self.node, self.specs)

    def evaluate(self, facts: Facts) -> Truth:
        """TRUE, FALSE, or None for UNKNOWN. Facts not in the mapping are unknown."""
        return self._closure(facts)

    def explain(self, facts: Facts) -> Evidence:
        """The tree of sub-conditions with their truth and the values they read."""
        return _explain(self.node, facts)

    def support(self, facts: Facts) -> dict[str, Any]:
        """The facts that make the condition TRUE (or FALSE), nothing else."""
        found: dict[str, Any] = self._reasons[0](facts)
        return found

    def missing(self, facts: Facts) -> tuple[str, ...]:
        """The unknown facts that could change the answer; empty where it is known."""
        return tuple(self._reasons[1](facts))

    def sql(self, dialect: str = "duckdb") -> str:
        """The same condition over columns named "role.element"."""
        return to_sqlglot(self.node).sql(dialect=dialect)


# --- explanation: a walk over the tree, used only where an answer is shown -------


def truth_of(node: Node, facts: Facts) -> Truth:
    if isinstance(node, And):
        truths = [truth_of(part, facts) for part in node.parts]
        return False if False in truths else None if None in truths else True
    if isinstance(node, Or):
        truths = [truth_of(part, facts) for part in node.parts]
        return True if True in truths else None if None in truths else False
    if isinstance(node, Not):
        inner = truth_of(node.part, facts)
        return None if inner is None else not inner
    if isinstance(node, IsNull):
        return facts.get(node.fact.spec.name) is None
    if isinstance(node, Between):
        return truth_of(ends(node), facts)
    if isinstance(node, Holds):
        held: Truth = _value(node.value, facts)
        return held
    if isinstance(node, In):
        value = _value(node.value, facts)
        return None if value is None else value in [option.value for option in node.options]
    left, right = _value(node.left, facts), _value(node.right, facts)
    if left is None or right is None:
        return None
    compared: bool = _OPERATORS[node.op](left, right)
    return compared


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: float(a) + float(b),
    "-": lambda a, b: float(a) - float(b),
    "*": lambda a, b: float(a) * float(b),
}


def _value(value: Value, facts: Facts) -> Any:
    if isinstance(value, Literal):
        return value.value
    if isinstance(value, Fact):
        known = facts.get(value.spec.name)
        return float(known) if isinstance(known, Decimal) else known
    left, right = _value(value.left, facts), _value(value.right, facts)
    if left is None or right is None:
        return None
    return _OPERATORS[value.op](left, right)


def _explain(node: Node, facts: Facts) -> Evidence:
    parts = tuple(_explain(child, facts) for child in children(node))
    read = {spec.name: facts.get(spec.name) for spec in leaf_specs(node)}
    return Evidence(to_text(node), truth_of(node, facts), read, parts)


def to_text(node: Node) -> str:
    """The sub-condition as a person would write it."""
    if isinstance(node, (And, Or)):
        word = " AND " if isinstance(node, And) else " OR "
        return word.join(
            f"({to_text(part)})" if isinstance(part, (And, Or)) else to_text(part)
            for part in node.parts
        )
    if isinstance(node, Not):
        return f"NOT ({to_text(node.part)})"
    if isinstance(node, IsNull):
        return f"{node.fact.spec.name} IS NULL"
    if isinstance(node, Holds):
        return _text_value(node.value)
    if isinstance(node, In):
        return f"{_text_value(node.value)} IN ({', '.join(map(_text_value, node.options))})"
    if isinstance(node, Between):
        low, high = _text_value(node.low), _text_value(node.high)
        return f"{_text_value(node.value)} BETWEEN {low} AND {high}"
    return f"{_text_value(node.left)} {node.op} {_text_value(node.right)}"


def _text_value(value: Value) -> str:
    if isinstance(value, Fact):
        return value.spec.name
    if isinstance(value, Arithmetic):
        return f"({_text_value(value.left)} {value.op} {_text_value(value.right)})"
    if value.kind == "date":
        return f"DATE '{value.value.isoformat()}'"
    if value.kind == "boolean":
        return "TRUE" if value.value else "FALSE"
    return f"'{value.value}'" if value.kind == "text" else str(value.value)
