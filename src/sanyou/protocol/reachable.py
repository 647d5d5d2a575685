"""Finds conditions that can never be TRUE, or never FALSE.

Exact for conditions that compare facts with literals: one value for each side of every
literal stands for all values, and all combinations are tried. Larger ones are let pass.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise, product
from math import prod
from typing import Any

from sanyou.protocol.conditions import (
    And,
    Arithmetic,
    Between,
    Compare,
    Fact,
    Holds,
    In,
    IsNull,
    Literal,
    Node,
    Not,
    Or,
)
from sanyou.protocol.expression import Expression
from sanyou.protocol.scope import FactSpec

_LIMIT = 5_000


def verdict(expression: Expression) -> bool | None:
    """True: never FALSE, so it holds whenever it can be told; False: never TRUE; None: depends."""
    values: dict[str, set[Any]] = {name: set() for name in expression.specs}
    if not _collect(expression.node, values):
        return None
    choices = [_choices(expression.specs[name], found) for name, found in values.items()]
    if prod(len(c) for c in choices) > _LIMIT:
        return None
    seen: set[bool | None] = set()
    for combination in product(*choices):
        seen.add(expression.evaluate(dict(zip(values, combination, strict=True))))
        if len(seen - {None}) == 2:
            return None
    return True in seen


def _collect(node: Node, values: dict[str, set[Any]]) -> bool:
    """Gather the literals each fact is compared with; False where that is not the whole story."""
    if isinstance(node, (And, Or)):
        found = [_collect(part, values) for part in node.parts]
        return all(found)
    if isinstance(node, Not):
        return _collect(node.part, values)
    if isinstance(node, (Holds, IsNull)):
        return True
    if isinstance(node, In):
        sides: tuple[Any, ...] = (node.value, *node.options)
    elif isinstance(node, Between):
        sides = (node.value, node.low, node.high)
    else:
        assert isinstance(node, Compare)
        sides = (node.left, node.right)
    facts = [side for side in sides if isinstance(side, Fact)]
    if len(facts) > 1 or any(isinstance(side, Arithmetic) for side in sides):
        return False
    for fact in facts:
        literals = (side.value for side in sides if isinstance(side, Literal))
        values[fact.spec.name].update(literals)
    return True


def _choices(spec: FactSpec, literals: set[Any]) -> list[Any]:
    if spec.kind == "boolean":
        return [None, True, False]
    if spec.codes is not None:
        return [None, *sorted(spec.codes)]
    if spec.kind == "number":
        return [None, *_numbers(spec, sorted(literals))]
    if spec.kind == "date":
        days = sorted(literals) or [date(2000, 1, 1)]
        around = {d + timedelta(days=n) for d in days for n in (-1, 0, 1)}
        return [None, *sorted(around)]
    return [None, *sorted(literals), "\0"]


def _numbers(spec: FactSpec, literals: list[Any]) -> list[Any]:
    """Every literal, something between and beyond them, inside the plausible limits."""
    if not literals:
        return [0]
    points = [literals[0] - 1, *literals, literals[-1] + 1]
    if spec.integer:
        found = {n for p in literals for n in (int(p) - 1, int(p), int(p) + 1)}
    else:
        found = set(points) | {(a + b) / 2 for a, b in pairwise(points)}
    plausible = spec.element.plausible
    if plausible is None or spec.suffix:
        return sorted(found)
    low, high = float(plausible.min), float(plausible.max)
    return sorted({n for n in found if low <= n <= high} | {low, high})
