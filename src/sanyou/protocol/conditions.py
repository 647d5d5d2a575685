"""The tree of a condition, as parsed and type-checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sanyou.protocol.scope import FactSpec, Kind

Facts = Mapping[str, Any]
Truth = bool | None


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


def ends(node: Between) -> And:
    return And((Compare(">=", node.value, node.low), Compare("<=", node.value, node.high)))


def specs_of(value: Value) -> Iterator[FactSpec]:
    if isinstance(value, Fact):
        yield value.spec
    elif isinstance(value, Arithmetic):
        yield from specs_of(value.left)
        yield from specs_of(value.right)


def leaf_specs(node: Node) -> Iterator[FactSpec]:
    if isinstance(node, Compare):
        yield from specs_of(node.left)
        yield from specs_of(node.right)
    elif isinstance(node, (In, Holds)):
        yield from specs_of(node.value)
    elif isinstance(node, Between):
        for value in (node.value, node.low, node.high):
            yield from specs_of(value)
    elif isinstance(node, IsNull):
        yield node.fact.spec


def children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, (And, Or)):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()
