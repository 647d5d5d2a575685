"""Conditions as SQL over columns named like the facts."""

from __future__ import annotations

from sqlglot import exp

from sanyou.protocol.conditions import (
    And,
    Arithmetic,
    Between,
    Fact,
    Holds,
    In,
    IsNull,
    Node,
    Not,
    Or,
    Value,
)

COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_SQL_COMPARE = {op: node for node, op in COMPARE.items()}


def _sql_value(value: Value, double: bool = False) -> exp.Expr:
    if isinstance(value, Fact):
        column = exp.column(exp.to_identifier(value.spec.name, quoted=True))
        return exp.cast(column, "DOUBLE") if double and value.spec.integer else column
    if isinstance(value, Arithmetic):
        node = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}[value.op]
        left, right = _sql_value(value.left, True), _sql_value(value.right, True)
        return exp.paren(node(this=left, expression=right), copy=False)
    if value.kind == "number":
        return _sql_number(value.value, double)
    if value.kind == "date":
        return exp.cast(exp.Literal.string(value.value.isoformat()), "DATE")
    if value.kind == "boolean":
        return exp.Boolean(this=value.value)
    return exp.Literal.string(value.value)


def _sql_number(number: int | float, double: bool) -> exp.Expr:
    # 0.27 alone is a DECIMAL in SQL; 0.27e0 is the double that Python compares with.
    size = abs(number)
    text = f"{size!r}" if isinstance(size, int) and not double else f"{float(size)!r}"
    if "e" not in text and not (isinstance(size, int) and not double):
        text += "e0"
    literal = exp.Literal.number(text)
    return exp.Neg(this=literal) if number < 0 else literal


def to_sqlglot(node: Node) -> exp.Expr:
    """The condition as a sqlglot tree over quoted columns."""
    if isinstance(node, (And, Or)):
        parts = [exp.paren(to_sqlglot(part), copy=False) for part in node.parts]
        join = exp.and_ if isinstance(node, And) else exp.or_
        return join(*parts, copy=False)
    if isinstance(node, Not):
        return exp.Not(this=exp.paren(to_sqlglot(node.part), copy=False))
    if isinstance(node, Holds):
        return _sql_value(node.value)
    if isinstance(node, IsNull):
        return exp.Is(this=_sql_value(node.fact), expression=exp.Null())
    if isinstance(node, In):
        options = [_sql_value(option) for option in node.options]
        return exp.In(this=_sql_value(node.value), expressions=options)
    if isinstance(node, Between):
        low, high = _sql_value(node.low), _sql_value(node.high)
        return exp.Between(this=_sql_value(node.value), low=low, high=high)
    return _SQL_COMPARE[node.op](this=_sql_value(node.left), expression=_sql_value(node.right))
