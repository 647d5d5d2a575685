"""Text to a condition tree: only the allowed part of SQL, checked against the dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

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
    Value,
)
from sanyou.protocol.errors import ExpressionError
from sanyou.protocol.scope import FactSpec, Kind, Scope
from sanyou.protocol.sql import COMPARE

_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_KIND_LABEL = {
    "boolean": ("是否", "yes/no"),
    "number": ("数值", "number"),
    "code": ("代码", "code"),
    "text": ("文字", "text"),
    "region": ("行政区划代码", "region code"),
    "date": ("日期", "date"),
}


class Parser:
    def __init__(self, text: str, scope: Scope) -> None:
        self.text, self.scope = text, scope
        self.specs: dict[str, FactSpec] = {}

    def tree(self) -> exp.Expr:
        try:
            trees = sqlglot.parse(self.text, read="duckdb")
        except SqlglotError as error:
            errors = getattr(error, "errors", None)
            detail = errors[0] if errors else {}
            near = str(detail.get("highlight") or "").strip()
            where = f"，在“{near}”附近" if near else ""
            raise ExpressionError(
                "expression_syntax",
                f"条件“{self.text}”写法有误{where}，请检查引号、括号和 AND/OR。",
                f'"{self.text}" is not a valid condition'
                + (f' near "{near}"' if near else "")
                + "; check quotes, parentheses and AND/OR.",
            ) from None
        if len(trees) != 1 or trees[0] is None:
            raise ExpressionError(
                "expression_syntax",
                f"“{self.text}”应当是一个条件，不能为空，也不能用分号写多个。",
                f'"{self.text}" must be exactly one condition.',
            )
        return trees[0]

    def condition(self, tree: exp.Expr) -> Node:
        """A boolean-valued node."""
        if isinstance(tree, exp.Paren):
            return self.condition(tree.this)
        if isinstance(tree, (exp.And, exp.Or)):
            parts = tuple(self.condition(part) for part in _flatten(tree, type(tree)))
            return And(parts) if isinstance(tree, exp.And) else Or(parts)
        if isinstance(tree, exp.Not):
            return Not(self.condition(tree.this))
        if type(tree) in COMPARE:
            return self._compare(tree)
        if isinstance(tree, exp.In):
            return self._in(tree)
        if isinstance(tree, exp.Between):
            return self._between(tree)
        if isinstance(tree, exp.Is):
            return self._is_null(tree)
        value = self.value(tree)
        if value.kind != "boolean" or isinstance(value, Arithmetic):
            shown = _KIND_LABEL[value.kind]
            raise ExpressionError(
                "expression_type",
                f"“{tree.sql()}”是{shown[0]}，不能单独作条件，请补上比较，如 = 或 >。",
                f'"{tree.sql()}" is a {shown[1]}, not a condition; compare it with something.',
            )
        return Holds(value)

    def value(self, tree: exp.Expr) -> Value:
        """A number, text, date or boolean: fact, literal or arithmetic."""
        if isinstance(tree, exp.Paren):
            return self.value(tree.this)
        if isinstance(tree, exp.Column):
            return self._fact(tree)
        if isinstance(tree, exp.Boolean):
            return Literal(bool(tree.this), "boolean")
        if isinstance(tree, exp.Literal):
            return self._literal(tree)
        if isinstance(tree, exp.Neg) and isinstance(tree.this, exp.Literal):
            literal = self._literal(tree.this)
            if literal.kind == "number":
                return Literal(-literal.value, "number")
        if isinstance(tree, exp.Cast):
            return self._date(tree)
        if type(tree) in _ARITHMETIC:
            left, right = self.value(tree.this), self.value(tree.expression)
            for side, part in ((left, tree.this), (right, tree.expression)):
                if side.kind != "number":
                    raise self._mismatch(part, side.kind, "number")
            return Arithmetic(_ARITHMETIC[type(tree)], left, right)
        raise self._refused(tree)

    def _fact(self, tree: exp.Column) -> Fact:
        quoted = isinstance(tree.this, exp.Identifier) and tree.this.quoted
        if (
            not tree.table
            or tree.args.get("db")
            or quoted
            or not isinstance(tree.this, exp.Identifier)
        ):
            raise ExpressionError(
                "not_a_fact",
                f"“{tree.sql()}”不是事实名，请写成 角色.数据元，如 wife.alt；文字要用单引号。",
                f'"{tree.sql()}" is not a fact; write ROLE.ELEMENT; put text in single quotes.',
            )
        spec = self.scope.lookup(tree.table, tree.name)
        self.specs.setdefault(spec.name, spec)
        return Fact(spec)

    def _literal(self, tree: exp.Literal) -> Literal:
        if tree.is_string:
            return Literal(str(tree.this), "text")
        text = str(tree.this)
        number: int | float = int(text) if text.isdigit() else float(text)
        return Literal(number, "number")

    def _date(self, tree: exp.Cast) -> Literal:
        inner = tree.this
        if tree.to.this != exp.DataType.Type.DATE or not isinstance(inner, exp.Literal):
            raise self._refused(tree)
        try:
            return Literal(date.fromisoformat(str(inner.this)), "date")
        except ValueError:
            raise ExpressionError(
                "bad_date",
                f"“{inner.this}”不是日期，请写成 DATE '2021-01-31' 的样子。",
                f"\"{inner.this}\" is not a date; write it as DATE '2021-01-31'.",
            ) from None

    def _compare(self, tree: exp.Expr) -> Node:
        op = COMPARE[type(tree)]
        left, right = self.value(tree.this), self.value(tree.expression)
        self._same_kind(left, right, tree)
        ordered = left.kind in ("number", "date")
        if op not in ("=", "<>") and not ordered:
            shown = _KIND_LABEL[left.kind]
            raise ExpressionError(
                "expression_type",
                f"“{tree.sql()}”：{shown[0]}只能用 = 或 <> 比较。",
                f'"{tree.sql()}": a {shown[1]} can only be compared with = or <>.',
            )
        return Compare(op, left, right)

    def _in(self, tree: exp.In) -> Node:
        options = tree.args.get("expressions") or []
        extra = [k for k, v in tree.args.items() if v and k not in ("this", "expressions")]
        if not options or extra:
            raise self._refused(tree)
        value = self.value(tree.this)
        literals: list[Literal] = []
        for option in options:
            literal = self.value(option)
            if not isinstance(literal, Literal):
                raise self._refused(tree)
            self._same_kind(value, literal, tree)
            literals.append(literal)
        return In(value, tuple(literals))

    def _between(self, tree: exp.Between) -> Node:
        if tree.args.get("symmetric"):
            raise self._refused(tree)
        value = self.value(tree.this)
        low, high = self.value(tree.args["low"]), self.value(tree.args["high"])
        for end in (low, high):
            self._same_kind(value, end, tree)
        if value.kind not in ("number", "date"):
            raise self._mismatch(tree.this, value.kind, "number")
        return Between(value, low, high)

    def _is_null(self, tree: exp.Is) -> Node:
        value = self.value(tree.this)
        if not isinstance(tree.expression, exp.Null) or not isinstance(value, Fact):
            raise self._refused(tree)
        return IsNull(value)

    def _same_kind(self, left: Value, right: Value, tree: exp.Expr) -> None:
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Fact) and isinstance(other, Literal) and other.kind == "text":
                self._check_code(one, other)
        kinds = {"text" if k in ("code", "region") else k for k in (left.kind, right.kind)}
        if len(kinds) > 1:
            raise self._mismatch(tree, left.kind, right.kind)

    def _check_code(self, fact: Fact, literal: Literal) -> None:
        codes = fact.spec.codes
        if codes is not None and literal.value not in codes:
            shown = "、".join(sorted(codes))
            raise ExpressionError(
                "unknown_code",
                f"“{fact.spec.label}”（{fact.spec.name}）没有代码“{literal.value}”，可用代码：{shown}。",
                f'"{fact.spec.name}" has no code "{literal.value}"; it has: '
                f"{', '.join(sorted(codes))}.",
            )

    def _mismatch(self, tree: exp.Expr, left: Kind, right: Kind) -> ExpressionError:
        (left_zh, left_en), (right_zh, right_en) = _KIND_LABEL[left], _KIND_LABEL[right]
        return ExpressionError(
            "expression_type",
            f"“{tree.sql()}”：{left_zh}不能与{right_zh}比较或运算，请核对类型和引号。",
            f'"{tree.sql()}": {left_en} and {right_en} do not go together; check types and quotes.',
        )

    def _refused(self, tree: exp.Expr) -> ExpressionError:
        return ExpressionError(
            "expression_not_allowed",
            f"“{tree.sql()}”不在允许的写法之内；可用比较、BETWEEN、IN（列出的值）、IS NULL、"
            "AND、OR、NOT、加减乘和括号，不能用函数、除法和子查询。",
            f'"{tree.sql()}" is outside the allowed subset: comparisons, BETWEEN, IN (literals), '
            "IS NULL, AND, OR, NOT, + - * and parentheses; no functions, division or subqueries.",
        )


def _flatten(tree: exp.Expr, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Parts of a chain of the same connector, without recursion on its left side."""
    stack = [tree]
    while stack:
        part = stack.pop()
        if type(part) is kind:
            stack.extend((part.expression, part.this))
        else:
            yield part
