"""Conditions as Python functions with three-valued logic, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sanyou.protocol.conditions import (
    And,
    Arithmetic,
    Compare,
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
    specs_of,
)
from sanyou.protocol.scope import FactSpec

_PYTHON = {"=": "==", "<>": "!="}


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
        if isinstance(value, (bool, int, float, str)):
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
            for spec in specs_of(value):
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
        return self.is_false(ends(node))

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
        for spec in leaf_specs(node):
            keep = f"found[{spec.name!r}] = {self.fact(spec)}"
            known = f"if {self.fact(spec)} is not None: "
            lines.append(keep if isinstance(node, IsNull) else known + keep)
        return lines

    def missing(self, node: Node) -> list[str]:
        """Statements that collect the unknown facts of a node that is UNKNOWN."""
        lines: list[str] = []
        for part in children(node):
            inner = [f"    {line}" for line in self.missing(part)]
            if inner:
                test = f"if not ({self.is_true(part)}) and not ({self.is_false(part)}):"
                lines += [test, *inner]
        if isinstance(node, IsNull):
            return lines
        for spec in leaf_specs(node):
            lines.append(f"if {self.fact(spec)} is None: found[{spec.name!r}] = None")
        return lines

    def _membership(self, node: In, word: str) -> str:
        values = tuple(option.value for option in node.options)
        if all(isinstance(v, (str, int, float)) for v in values):
            return f"{self.value(node.value)} {word} {values!r}"
        return f"{self.value(node.value)} {word} {self.constant(values)}"

    def _guarded(self, test: str, *values: Value) -> str:
        return f"({' and '.join([*self.known(*values), test])})"


def _simple_equality(node: Compare) -> bool:
    """fact = literal needs no guard: None equals no literal."""
    pair = (node.left, node.right)
    return any(isinstance(v, Fact) for v in pair) and any(isinstance(v, Literal) for v in pair)


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
