"""Arithmetic of computed elements: + - * / over elements of the same person.

The answer is NULL where any value is unknown or a divisor is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sanyou.protocol.errors import ExpressionError

Values = Mapping[str, Decimal | None]


@dataclass(frozen=True)
class Formula:
    """A parsed formula; `names` are the elements it reads."""

    text: str
    names: tuple[str, ...]
    _run: Callable[[Values], Decimal | None]

    @classmethod
    def parse(cls, text: str) -> Formula:
        """Raises ExpressionError for anything but + - * / over names and numbers."""
        try:
            tree = sqlglot.parse_one(text, read="duckdb")
        except SqlglotError:
            raise _refused(text, text) from None
        names: dict[str, None] = {}
        run = _build(tree, text, names)
        return cls(text, tuple(names), run)

    def evaluate(self, values: Values, decimals: int | None = None) -> Decimal | None:
        """The result, rounded half up to `decimals` where given."""
        result = self._run(values)
        if result is None or decimals is None:
            return result
        return result.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _refused(part: str, text: str) -> ExpressionError:
    return ExpressionError(
        "formula",
        f"公式“{text}”中的“{part}”不允许；只能用加减乘除、括号、数字和同一人的数据元。",
        f'Formula "{text}": "{part}" is not allowed; only + - * / ( ), numbers and elements.',
    )


def _build(tree: exp.Expr, text: str, names: dict[str, None]) -> Callable[[Values], Decimal | None]:
    if isinstance(tree, exp.Paren):
        return _build(tree.this, text, names)
    if isinstance(tree, exp.Column) and not tree.table:
        name = tree.name
        names[name] = None
        return lambda values: values.get(name)
    if isinstance(tree, exp.Literal) and not tree.is_string:
        number = Decimal(str(tree.this))
        return lambda values: number
    if isinstance(tree, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        left, right = _build(tree.this, text, names), _build(tree.expression, text, names)
        return _binary(type(tree), left, right)
    raise _refused(tree.sql(), text)


def _binary(
    kind: type[exp.Expr],
    left: Callable[[Values], Decimal | None],
    right: Callable[[Values], Decimal | None],
) -> Callable[[Values], Decimal | None]:
    def run(values: Values) -> Decimal | None:
        a, b = left(values), right(values)
        if a is None or b is None:
            return None
        if kind is exp.Add:
            return a + b
        if kind is exp.Sub:
            return a - b
        if kind is exp.Mul:
            return a * b
        return a / b if b != 0 else None

    return run
