"""Conditions: SQL boolean expressions over facts with three-valued logic.

One text answers in two places: `evaluate` for one case in Python, `sql` for a table.
Only the part of SQL that means the same everywhere is accepted:
facts, literals, DATE 'yyyy-mm-dd', = <> < <= > >=, + - *, BETWEEN, IN (literals),
IS [NOT] NULL, AND, OR, NOT, parentheses. NULL is UNKNOWN. Numbers are compared as doubles
on both sides, so that 0.1 + 0.2 is the same thing at the desk and in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sanyou.protocol.errors import ExpressionError
from sanyou.protocol.scope import FactSpec, Kind, Scope

Facts = Mapping[str, Any]
Truth = bool | None

_COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_PYTHON = {"=": "==", "<>": "!="}
_KIND_LABEL = {
    "boolean": ("是否", "yes/no"),
    "number": ("数值", "number"),
    "code": ("代码", "code"),
    "text": ("文字", "text"),
    "region": ("行政区划代码", "region code"),
    "date": ("日期", "date"),
}


# --- the tree -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact:
    spec: FactSpec

    @property
    def kind(self) -> Kind:
        return self.spec.kind


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any
    kind: Kind


@dataclass(frozen=True, slots=True)
class Arithmetic:
    op: str
    left: Value
    right: Value
    kind: Kind = "number"


Value = Fact | Literal | Arithmetic


@dataclass(frozen=True, slots=True)
class Compare:
    op: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class In:
    value: Value
    options: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Between:
    value: Value
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class IsNull:
    fact: Fact


@dataclass(frozen=True, slots=True)
class Holds:
    """A bare boolean fact or TRUE/FALSE as a condition."""

    value: Fact | Literal


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


Node = Compare | In | Between | IsNull | Holds | And | Or | Not


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
        parser = _Parser(text, scope)
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


# --- parsing and checking -----------------------------------------------------


class _Parser:
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
        if type(tree) in _COMPARE:
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
        op = _COMPARE[type(tree)]
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


# --- one case: compiled Python ------------------------------------------------


class Coder:
    """Writes Python source for nodes. Every fact becomes a local variable, read once.

    A condition becomes two ordinary Python conditions, "is TRUE" and "is FALSE"; where
    neither holds it is UNKNOWN. That is three-valued logic without a single extra object.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.specs: dict[str, FactSpec] = {}
        self.constants: dict[str, Any] = {}

    def fact(self, spec: FactSpec) -> str:
        self.specs[spec.name] = spec
        return self.names.setdefault(spec.name, f"v{len(self.names)}")

    def constant(self, value: Any) -> str:
        if isinstance(value, (bool, int, str)):
            return repr(value)
        if isinstance(value, float):
            return repr(value)
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def loads(self) -> list[str]:
        """Statements that read the facts; Decimal becomes float, as in the database."""
        lines = []
        for name, variable in self.names.items():
            lines.append(f"{variable} = get({name!r})")
            if self.specs[name].kind == "number":
                lines.append(f"if {variable}.__class__ is Decimal: {variable} = float({variable})")
        return lines

    def value(self, value: Value) -> str:
        if isinstance(value, Fact):
            return self.fact(value.spec)
        if isinstance(value, Literal):
            return self.constant(value.value)
        return f"({self._double(value.left)} {value.op} {self._double(value.right)})"

    def _double(self, value: Value) -> str:
        if isinstance(value, Arithmetic):
            return self.value(value)
        if isinstance(value, Literal):
            return repr(float(value.value))
        return f"float({self.value(value)})"

    def known(self, *values: Value) -> list[str]:
        """Tests that every fact inside is known."""
        tests: list[str] = []
        for value in values:
            for spec in _specs_of(value):
                test = f"{self.fact(spec)} is not None"
                if test not in tests:
                    tests.append(test)
        return tests

    def is_true(self, node: Node) -> str:
        if isinstance(node, And):
            return f"({' and '.join(self.is_true(part) for part in node.parts)})"
        if isinstance(node, Or):
            return f"({' or '.join(self.is_true(part) for part in node.parts)})"
        if isinstance(node, Not):
            return self.is_false(node.part)
        if isinstance(node, Holds):
            return f"{self.value(node.value)} is True"
        if isinstance(node, IsNull):
            return f"{self.value(node.fact)} is None"
        if isinstance(node, Compare):
            op = _PYTHON.get(node.op, node.op)
            test = f"{self.value(node.left)} {op} {self.value(node.right)}"
            if node.op == "=" and _simple_equality(node):
                return test
            return self._guarded(test, node.left, node.right)
        if isinstance(node, In):
            return self._guarded(self._membership(node, "in"), node.value)
        low, value, high = self.value(node.low), self.value(node.value), self.value(node.high)
        return self._guarded(f"{low} <= {value} <= {high}", node.value, node.low, node.high)

    def is_false(self, node: Node) -> str:
        if isinstance(node, And):
            return f"({' or '.join(self.is_false(part) for part in node.parts)})"
        if isinstance(node, Or):
            return f"({' and '.join(self.is_false(part) for part in node.parts)})"
        if isinstance(node, Not):
            return self.is_true(node.part)
        if isinstance(node, Holds):
            return f"{self.value(node.value)} is False"
        if isinstance(node, IsNull):
            return f"{self.value(node.fact)} is not None"
        if isinstance(node, Compare):
            op = _PYTHON.get(node.op, node.op)
            test = f"not {self.value(node.left)} {op} {self.value(node.right)}"
            return self._guarded(test, node.left, node.right)
        if isinstance(node, In):
            return self._guarded(self._membership(node, "not in"), node.value)
        # SQL: BETWEEN is value >= low AND value <= high, so one known failing end decides.
        return self.is_false(_ends(node))

    def support(self, node: Node, truth: bool) -> list[str]:
        """Statements that collect the facts on which this truth of the node rests."""
        if isinstance(node, Not):
            return self.support(node.part, not truth)
        if isinstance(node, (And, Or)):
            # AND that is TRUE and OR that is FALSE rest on every part; else on those that decide.
            every = isinstance(node, And) is truth
            lines: list[str] = []
            for part in node.parts:
                inner = self.support(part, truth)
                test = self.is_true(part) if truth else self.is_false(part)
                if every or not inner:
                    lines += inner
                else:
                    lines += [f"if {test}:", *(f"    {line}" for line in inner)]
            return lines
        lines = []
        for spec in _leaf_specs(node):
            keep = f"found[{spec.name!r}] = {self.fact(spec)}"
            known = f"if {self.fact(spec)} is not None: "
            lines.append(keep if isinstance(node, IsNull) else known + keep)
        return lines

    def missing(self, node: Node) -> list[str]:
        """Statements that collect the unknown facts of a node that is UNKNOWN."""
        lines: list[str] = []
        for part in _children(node):
            inner = [f"    {line}" for line in self.missing(part)]
            if inner:
                test = f"if not ({self.is_true(part)}) and not ({self.is_false(part)}):"
                lines += [test, *inner]
        if isinstance(node, IsNull):
            return lines
        for spec in _leaf_specs(node):
            lines.append(f"if {self.fact(spec)} is None: found[{spec.name!r}] = None")
        return lines

    def _membership(self, node: In, word: str) -> str:
        values = tuple(option.value for option in node.options)
        if all(isinstance(v, (str, int, float)) for v in values):
            return f"{self.value(node.value)} {word} {values!r}"
        return f"{self.value(node.value)} {word} {self.constant(values)}"

    def _guarded(self, test: str, *values: Value) -> str:
        return f"({' and '.join([*self.known(*values), test])})"


def _ends(node: Between) -> And:
    return And((Compare(">=", node.value, node.low), Compare("<=", node.value, node.high)))


def _simple_equality(node: Compare) -> bool:
    """fact = literal needs no guard: None equals no literal."""
    pair = (node.left, node.right)
    return any(isinstance(v, Fact) for v in pair) and any(isinstance(v, Literal) for v in pair)


def _specs_of(value: Value) -> Iterator[FactSpec]:
    if isinstance(value, Fact):
        yield value.spec
    elif isinstance(value, Arithmetic):
        yield from _specs_of(value.left)
        yield from _specs_of(value.right)


def run_source(lines: list[str], constants: Mapping[str, Any], name: str) -> Callable[..., Any]:
    """Define the function written in `lines` and return it."""
    namespace: dict[str, Any] = {"Decimal": Decimal, "__builtins__": {"float": float}, **constants}
    # The source is generated from the checked tree above, never from text of a content file.
    exec(compile("\n".join(lines), "<conditions>", "exec"), namespace)  # noqa: S102
    function: Callable[..., Any] = namespace[name]
    return function


def compile_closure(node: Node, specs: Mapping[str, FactSpec]) -> Callable[[Facts], Truth]:
    """One condition as a Python function of the facts."""
    coder = Coder()
    for spec in specs.values():
        coder.fact(spec)
    true, false = coder.is_true(node), coder.is_false(node)
    body = ["get = facts.get", *coder.loads(), f"if {true}: return True"]
    body += [f"if {false}: return False", "return None"]
    lines = ["def condition(facts):", *(f"    {line}" for line in body)]
    return run_source(lines, coder.constants, "condition")


def compile_reasons(
    node: Node, specs: Mapping[str, FactSpec]
) -> tuple[Callable[[Facts], Any], Callable[[Facts], Any]]:
    """(facts that carry the answer, facts that are missing for one) as two functions."""
    coder = Coder()
    for spec in specs.values():
        coder.fact(spec)
    true, false = coder.is_true(node), coder.is_false(node)
    support = [f"if {true}:", *(f"    {line}" for line in coder.support(node, True) or ["pass"])]
    support += [f"elif {false}:"]
    support += [f"    {line}" for line in coder.support(node, False) or ["pass"]]
    missing = [f"if not ({true}) and not ({false}):"]
    missing += [f"    {line}" for line in coder.missing(node) or ["pass"]]
    functions = []
    for name, body in (("support", support), ("missing", missing)):
        whole = ["get = facts.get", "found = {}", *coder.loads(), *body, "return found"]
        lines = [f"def {name}(facts):", *(f"    {line}" for line in whole)]
        functions.append(run_source(lines, coder.constants, name))
    return functions[0], functions[1]


# --- evidence: a walk over the tree, used only where an answer is shown --------


def _truth(node: Node, facts: Facts) -> Truth:
    if isinstance(node, And):
        truths = [_truth(part, facts) for part in node.parts]
        return False if False in truths else None if None in truths else True
    if isinstance(node, Or):
        truths = [_truth(part, facts) for part in node.parts]
        return True if True in truths else None if None in truths else False
    if isinstance(node, Not):
        inner = _truth(node.part, facts)
        return None if inner is None else not inner
    if isinstance(node, IsNull):
        return facts.get(node.fact.spec.name) is None
    if isinstance(node, Between):
        return _truth(_ends(node), facts)
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


def _leaf_specs(node: Node) -> Iterator[FactSpec]:
    if isinstance(node, Compare):
        yield from _specs_of(node.left)
        yield from _specs_of(node.right)
    elif isinstance(node, (In, Holds)):
        yield from _specs_of(node.value)
    elif isinstance(node, Between):
        for value in (node.value, node.low, node.high):
            yield from _specs_of(value)
    elif isinstance(node, IsNull):
        yield node.fact.spec


def _children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, (And, Or)):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()


def _explain(node: Node, facts: Facts) -> Evidence:
    parts = tuple(_explain(child, facts) for child in _children(node))
    read = {spec.name: facts.get(spec.name) for spec in _leaf_specs(node)}
    return Evidence(to_text(node), _truth(node, facts), read, parts)


# --- SQL ----------------------------------------------------------------------


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


_SQL_COMPARE = {op: node for node, op in _COMPARE.items()}


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
