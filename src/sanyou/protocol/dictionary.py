"""The data dictionary: elements and value sets, in an order where inputs come first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sanyou.protocol.formula import Formula
from sanyou.protocol.models import Element, ValueSet


@dataclass(frozen=True)
class Dictionary:
    """`elements` is ordered so that a computed element follows what it is computed from."""

    elements: Mapping[str, Element]
    value_sets: Mapping[str, ValueSet]
    formulas: Mapping[str, Formula] = field(default_factory=dict, repr=False)


def inputs_of(element: Element, formulas: Mapping[str, Formula]) -> tuple[str, ...]:
    """Elements a computed element reads (`today` is not one)."""
    if element.derived is None:
        return ()
    between = element.derived.between
    if between is not None:
        return tuple(end for end in between[1] if end != "today")
    derived = element.derived
    if derived.later is not None:
        later = derived.later
        return (later.than, later.days) if later.days else (later.than,)
    if derived.earlier is not None:
        return (derived.earlier.than,)
    if derived.growth is not None:
        return tuple(derived.growth.inputs)
    if (listed := derived.first_of or derived.score) is not None:
        return tuple(listed)
    formula = formulas.get(element.id)
    return formula.names if formula else ()


# What the register knows of people; an organisation has none of it.
OF_PEOPLE = ("sex", "birth_date", "hukou_region", "residence_since")


def personal(elements: Mapping[str, Element], formulas: Mapping[str, Formula]) -> frozenset[str]:
    """Elements that tell of people only: what the register knows of them, and what is computed
    from it."""
    found = set(OF_PEOPLE) & elements.keys()
    while True:
        more = {n for n, e in elements.items() if found & set(inputs_of(e, formulas))} - found
        if not more:
            return frozenset(found)
        found |= more


def in_order(
    elements: Mapping[str, Element], formulas: Mapping[str, Formula]
) -> tuple[dict[str, Element], list[str]]:
    """Elements with inputs first, and the ids that depend on themselves."""
    ordered: dict[str, Element] = {}
    circular: list[str] = []
    waiting = dict(elements)
    while waiting:
        ready = [
            name
            for name, element in waiting.items()
            if all(i in ordered or i not in elements for i in inputs_of(element, formulas))
        ]
        if not ready:
            circular = list(waiting)
            ordered.update(waiting)
            break
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered, circular
