"""Builds facts: one flat mapping "role.element" -> value, complete for the programme.

Values are bool, int, float, str, datetime.date, or None where not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sanyou.protocol import growth
from sanyou.protocol.dates import BETWEEN, add, back
from sanyou.protocol.models import Area, Element, Later

if TYPE_CHECKING:
    from sanyou.protocol.library import Library
    from sanyou.protocol.policy import Policy
    from sanyou.protocol.programme import Programme


MANY_DAYS = 100_000  # a shift beyond this is a slip of the pen


@dataclass(frozen=True, slots=True)
class Observation:
    """A value with the laboratory's own reference range, which wins over the dictionary's."""

    value: Any
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str | None = None

    def as_json(self) -> dict[str, Any]:
        from sanyou.protocol.expression import json_value

        return {
            "value": json_value(self.value),
            "low": json_value(self.low),
            "high": json_value(self.high),
            "unit": self.unit,
        }


Observations = Mapping[str, Mapping[str, Any]]


def build_facts(
    lib: Library,
    programme: Programme | str,
    observations: Observations,
    on: date,
    policy: Policy | None = None,
) -> dict[str, Any]:
    """Facts on the day `on`. Areas of the policy give the `__in_<area>` facts.

    A value that does not fit its element (wrong type, other unit) is not known: None.
    """
    programme = lib.programmes[programme] if isinstance(programme, str) else programme
    areas = policy.areas if policy is not None else {}
    facts: dict[str, Any] = {}
    for role, entries in programme.fact_entries.items():
        given = observations.get(role) or {}
        sex = programme.role_sex.get(role) or _sex_of(given)
        numbers: dict[str, Decimal | None] = {}
        for entry in entries:
            entry.add(lib, facts, numbers, given, sex, on, areas)
    return facts


class FactEntry:
    """One element of a role: how its raw value becomes facts. Names are made once."""

    __slots__ = ("codes", "element", "flag_name", "id", "kind", "name", "role")

    def __init__(self, element: Element, role: str) -> None:
        self.element, self.role, self.id = element, role, element.id
        self.name = f"{role}.{element.id}"
        self.flag_name = f"{self.name}__flag"
        self.kind = "number" if element.is_number else element.type
        value_set = element.value_set
        listed = value_set.codes if value_set and element.type == "codes" else ()
        self.codes = tuple((code.code, f"{self.name}__{code.code}") for code in listed)

    def add(
        self,
        lib: Library,
        facts: dict[str, Any],
        numbers: dict[str, Decimal | None],
        given: Mapping[str, Any],
        sex: str | None,
        on: date,
        areas: Mapping[str, Area],
    ) -> None:
        """Write the facts of this element; `numbers` keeps exact values for formulas."""
        element, kind, low, high = self.element, self.kind, None, None
        value = None
        if element.derived is not None:
            value = _derive(lib, element, self.role, numbers, facts, on, sex)
        elif (raw := given.get(self.id)) is not None:
            value, low, high = read_observation(element, raw)
        if kind == "number":
            exact = value if value is None or isinstance(value, Decimal) else Decimal(str(value))
            numbers[self.id] = exact
            facts[self.name] = exact if exact is None else _plain(element, exact)
            facts[self.flag_name] = flag(element, exact, sex, low, high)
        elif kind == "codes":
            for code, name in self.codes:
                facts[name] = None if value is None else code in value
        elif kind == "region":
            facts[self.name] = value
            for area_id, area in areas.items():
                facts[f"{self.name}__in_{area_id}"] = in_area(value, area)
        elif kind != "image":
            facts[self.name] = value


def _sex_of(given: Mapping[str, Any]) -> str | None:
    sex = given.get("sex")
    return sex if sex in ("female", "male") else None


def _plain(element: Element, number: Decimal) -> int | float:
    return int(number) if element.type == "integer" else float(number)


def _derive(
    lib: Library,
    element: Element,
    role: str,
    numbers: Mapping[str, Decimal | None],
    facts: Mapping[str, Any],
    on: date,
    sex: str | None,
) -> Any:
    derived = element.derived
    if derived is None:
        return None
    between = derived.between
    if between is not None:
        unit, ends = between
        start, end = (on if e == "today" else facts.get(f"{role}.{e}") for e in ends)
        if not isinstance(start, date) or not isinstance(end, date):
            return None
        return BETWEEN[unit](start, end)
    if derived.later is not None:
        return _later(derived.later, role, numbers, facts)
    if derived.earlier is not None:
        start = facts.get(f"{role}.{derived.earlier.than}")
        return back(start, derived.earlier.by) if isinstance(start, date) else None
    if derived.first_of is not None:
        known = (facts.get(f"{role}.{name}") for name in derived.first_of)
        return next((value for value in known if value is not None), None)
    if derived.score is not None:
        return _score(lib, derived.score, role, facts)
    if derived.growth is not None:
        position = facts.get(f"{role}.{derived.growth.position}")
        return growth.score(lib.charts, derived.growth, sex, numbers, position)
    formula = lib.dictionary.formulas[element.id]
    return formula.evaluate(numbers, derived.decimals)


def _later(
    spec: Later, role: str, numbers: Mapping[str, Decimal | None], facts: Mapping[str, Any]
) -> date | None:
    start = facts.get(f"{role}.{spec.than}")
    if not isinstance(start, date):
        return None
    if spec.days is None:
        return add(start, spec.by)
    days = numbers.get(spec.days)
    if days is None or abs(days) > MANY_DAYS:
        return None
    return add(start, spec.by) + timedelta(days=int(days))


def _score(lib: Library, names: list[str], role: str, facts: Mapping[str, Any]) -> Decimal | None:
    """Sum of the points of the answers; None while one is not given."""
    total = Decimal(0)
    for name in names:
        codes = lib.dictionary.elements[name].value_set
        given = facts.get(f"{role}.{name}")
        code = codes.find(given) if codes is not None and isinstance(given, str) else None
        if code is None or code.points is None:
            return None
        total += code.points
    return total


def read_observation(element: Element, raw: Any) -> tuple[Any, Decimal | None, Decimal | None]:
    """(value, low, high) of a plain value, an Observation, or {value, low, high, unit}."""
    if isinstance(raw, Mapping):
        raw = Observation(raw.get("value"), raw.get("low"), raw.get("high"), raw.get("unit"))
    if isinstance(raw, Observation):
        if raw.unit and element.unit and not same_unit(raw.unit, element.unit):
            return None, None, None
        return coerce(element, raw.value), _decimal(raw.low), _decimal(raw.high)
    return coerce(element, raw), None, None


def coerce(element: Element, value: Any) -> Any:
    """A stored value (also as JSON stores it) in the element's own type; None if it does not fit.

    Numbers become Decimal (decimal) or int (integer), codes a tuple, dates `date`.
    """
    if value is None or value == "":
        return None
    kind = element.type
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "decimal":
        return _decimal(value)
    if kind == "integer":
        return value if type(value) is int else _whole(_decimal(value))
    if kind == "date":
        return _date(value)
    if kind == "codes":
        return _codes(element, value)
    if not isinstance(value, str):
        return None
    if kind == "code":
        return current_code(element, value)
    return value


def _whole(number: Decimal | None) -> int | None:
    if number is None or number != number.to_integral_value():
        return None
    return int(number)


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def _date(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _codes(element: Element, value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, (list, tuple, set, frozenset)):
        return None
    found = [current_code(element, item) for item in value if isinstance(item, str)]
    return None if None in found else tuple(code for code in found if code is not None)


def current_code(element: Element, value: str) -> str | None:
    """The code itself, or the code that carries it as an alias (old codes stay readable)."""
    value_set = element.value_set
    if value_set is None:
        return None
    return value_set.current_codes.get(value)


def flag(
    element: Element,
    value: Decimal | None,
    sex: str | None,
    low: Decimal | None = None,
    high: Decimal | None = None,
) -> str | None:
    """'low', 'normal' or 'high' by the given range, else the dictionary's; a bound is normal."""
    if value is None:
        return None
    if low is None and high is None:
        usual = element.range_for(sex)
        if usual is None:
            return None
        low, high = usual.low, usual.high
        if low is None and high is None:
            return None
    if low is not None and value < low:
        return "low"
    if high is not None and value > high:
        return "high"
    return "normal"


def region_prefix(code: str) -> str:
    """A region code without padding: 500000 -> 50, 500107000000 -> 500107."""
    for length, tail in ((12, "000"), (9, "000"), (6, "00"), (4, "00")):
        if len(code) == length and code.endswith(tail):
            code = code[: -len(tail)]
    return code


def in_area(code: str | None, area: Area) -> bool | None:
    """Whether the region lies in the area; None where its code is too broad to tell."""
    if code is None or not code.isdigit():
        return None
    code = region_prefix(code)
    included = _under(code, area.include)
    excluded = _under(code, area.exclude)
    if included is False or excluded is True:
        return False
    return None if included is None or excluded is None else True


def _under(code: str, prefixes: list[str]) -> bool | None:
    broader = False
    for prefix in prefixes:
        short = region_prefix(prefix)
        if code.startswith(short):
            return True
        broader = broader or short.startswith(code)
    return None if broader else False


_UNIT = str.maketrans({"μ": "u", "µ": "u", "×": "", "*": "", "^": "", " ": "", "／": "/", "℃": "c"})


def same_unit(one: str, other: str) -> bool:
    """The same unit in another spelling: μmol/L = umol/L, 10^9/L = 10*9/L = x10^9/L."""
    return _unit(one) == _unit(other)


def _unit(unit: str) -> str:
    text = unit.strip().lower().translate(_UNIT)
    return text[1:] if text.startswith("x10") else text
