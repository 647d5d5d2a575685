"""An invented population for trying a policy: drawn inside DuckDB, the same for the same seed.

Shares come from content/synth: base.yaml (published shares), the district's file (where people
live) and whatif.yaml (what a policy asks). Nobody in it exists, and no record is read.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from sanyou.protocol.dates import add_months
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.library import PACKAGED
from sanyou.protocol.policy import Policy
from sanyou.protocol.population import identifier
from sanyou.protocol.scope import FactSpec
from sanyou.protocol.whatif import DAY, REGION, area_sql

SYNTH = PACKAGED / "synth"
SEED = 20210301
ELSEWHERE = "elsewhere"  # column: both spouses' hukou lies outside the district


@cache
def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Place:
    """Where the invented couples live: weight per town, and the counties others come from."""

    towns: Mapping[str, float]
    elsewhere: Sequence[str]


def place_of(region_code: str, towns: Sequence[str], neighbours: Sequence[str]) -> Place:
    """The district's own weights where content/synth has them, else all towns alike."""
    here = region_prefix(region_code)
    for path in sorted(SYNTH.glob("*.yaml")):
        given = _read(path)
        if "towns" in given and region_prefix(str(given.get("region", ""))) == here:
            return Place({str(k): float(v) for k, v in given["towns"].items()}, given["elsewhere"])
    return Place(dict.fromkeys(towns or [region_code], 1.0), neighbours or [region_code])


@dataclass
class Drawn:
    """The query that draws the population, and the facts nobody knows in it."""

    sql: str
    unknown: list[str] = field(default_factory=list)


def population(
    specs: Mapping[str, FactSpec],
    roles: Sequence[str],
    policy: Policy,
    place: Place,
    couples: int,
    on: date,
    seed: int = SEED,
) -> Drawn:
    """`couples` rows with the facts of `specs`, for a day. Columns: i, region, on, elsewhere, facts."""
    shares = _read(SYNTH / "base.yaml")
    draws = _read(SYNTH / "whatif.yaml")["draws"] + list(_of_results(shares))
    process = shares["process"]
    base = {name.partition("__")[0] for name in specs} | set(_behind(specs))
    columns: dict[str, str] = {}
    for draw in draws:
        name = draw["fact"]
        if name in base or any(name in other.get("when", {}) for other in draws):
            text = _draw(draw, process, shares["ages"], on, seed)
            if draw.get("when") and name in columns:
                text = f"coalesce({columns[name]}, {text})"
            columns[name] = text
    town = _choice("town", list(place.towns), list(place.towns.values()), seed)
    away = _choice("from", list(place.elsewhere), [1.0] * len(place.elsewhere), seed)
    elsewhere = f"{_dice('elsewhere', seed)} < {process['hukou_elsewhere']['share']}"
    first = [
        "i",
        f"{town} AS {identifier(REGION)}",
        f"DATE '{on.isoformat()}' AS {identifier(DAY)}",
        f"{elsewhere} AS {identifier(ELSEWHERE)}",
        f"CASE WHEN {elsewhere} THEN {away} END AS _away",
    ]
    sql = f"SELECT {', '.join(first)} FROM range({int(couples)}) AS t(i)"  # noqa: S608
    sql = _layered(sql, columns)
    people = {f"{role}.hukou_region": f"coalesce(_away, {identifier(REGION)})" for role in roles}
    people |= {f"{role}.residence_region": identifier(REGION) for role in roles}
    named = ", ".join(f"{text} AS {identifier(name)}" for name, text in people.items())
    sql = f"SELECT *, {named} FROM ({sql}) AS drawn"  # noqa: S608
    last, unknown = [], []
    ready = {*columns, *people}
    for name, spec in specs.items():
        text_or_none = _fact(name, spec, ready, policy, on)
        if text_or_none is None:
            unknown.append(name)
        last.append(f"{text_or_none or f'CAST(NULL AS {spec.sql_type})'} AS {identifier(name)}")
    kept = ["i", identifier(REGION), identifier(DAY), identifier(ELSEWHERE)]
    order = f"{identifier('couple.child_order')}" if "couple.child_order" in columns else "NULL"
    kept.append(f"{order} AS child_order")
    return Drawn(f"SELECT {', '.join([*kept, *last])} FROM ({sql}) AS people", unknown)  # noqa: S608


def _layered(sql: str, columns: Mapping[str, str]) -> str:
    """A SELECT around the other for each column, so that later ones may look at earlier ones."""
    for name, text in columns.items():
        sql = f"SELECT *, {text} AS {identifier(name)} FROM ({sql}) AS d"  # noqa: S608
    return sql


def _behind(specs: Mapping[str, FactSpec]) -> Iterator[str]:
    """Facts from which others are computed, and the child order, which every table groups by."""
    yield "couple.child_order"
    for spec in specs.values():
        derived = spec.element.derived
        between = derived.between if derived is not None else None
        if between is not None:
            yield from (f"{spec.role}.{end}" for end in between[1] if end != "today")


def _of_results(shares: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Results whose shares are published, where no other result decides them."""
    for one in shares.get("values", ()):
        if "when" in one:
            continue
        for role in one["roles"]:
            yield {k: v for k, v in one.items() if k != "roles"} | {
                "fact": f"{role}.{one['element']}"
            }


def _draw(
    draw: Mapping[str, Any],
    process: Mapping[str, Any],
    ages: Mapping[str, Any],
    on: date,
    seed: int,
) -> str:
    """SQL for one fact."""
    name = f"{draw['fact']}{sorted(draw.get('when', {}).items())}"
    if "share" in draw:
        text = _shares(draw, process, _dice(name, seed))
    elif "days" in draw:
        text = f"{_day(on)} - CAST({_days(draw['days'], name, seed)} AS INTEGER)"
    elif "age" in draw:
        age = ages[draw["age"]]
        years = f"greatest(21, least(44, {age['mean']} + {age['sd']} * {_normal(name, seed)}))"
        text = f"{_day(on)} - CAST({years} * 365.25 AS INTEGER)"
    elif "normal" in draw:
        text = f"{draw['normal']['mean']} + {draw['normal']['sd']} * {_normal(name, seed)}"
    else:
        given = draw["lognormal"]
        text = f"{given['median']} * exp({given['ln_sd']} * {_normal(name, seed)})"
    tests = [
        f"CAST({identifier(fact)} AS VARCHAR) = '{value}'"
        for fact, value in draw.get("when", {}).items()
    ]
    return f"CASE WHEN {' AND '.join(tests)} THEN {text} END" if tests else text


def _shares(draw: Mapping[str, Any], process: Mapping[str, Any], dice: str) -> str:
    whens, upto = [], 0.0
    for value, share in draw["share"].items():
        upto += process[share]["share"] if isinstance(share, str) else float(share)
        whens.append(f"WHEN {dice} < {upto} THEN {_literal(str(value))}")
    rest = draw.get("otherwise")
    tail = f" ELSE {_literal(str(rest))}" if rest is not None else ""
    return f"CASE {' '.join(whens)}{tail} END"


def _literal(value: str) -> str:
    return value if value in ("true", "false") or value.isdigit() else f"'{value}'"


def _days(given: Mapping[str, Any], name: str, seed: int) -> str:
    if "median" in given:
        return f"{given['median']} * exp({given['ln_sd']} * {_normal(name, seed)})"
    low, high = given["from"], given["to"]
    return f"{low} + floor({_dice(name, seed)} * {high - low})"


def _dice(name: str, seed: int) -> str:
    """A number in [0, 1) that depends on the row, the name and the seed alone, in any thread."""
    salt = zlib.crc32(f"{seed}:{name}".encode()) * 10_000_000
    return f"((hash(i + {salt}) >> 11) * 1.1102230246251565e-16)"


def _normal(name: str, seed: int) -> str:
    """Standard normal, by Box and Muller."""
    one, two = _dice(f"{name}/r", seed), _dice(f"{name}/a", seed)
    return f"(sqrt(-2 * ln(1 - {one})) * cos(6.283185307179586 * {two}))"


def _choice(name: str, values: list[str], weights: list[float], seed: int) -> str:
    dice, whole, upto, whens = _dice(name, seed), sum(weights), 0.0, []
    for value, weight in zip(values[:-1], weights, strict=False):
        upto += weight / whole
        whens.append(f"WHEN {dice} < {upto} THEN '{region_prefix(value)}'")
    last = f"'{region_prefix(values[-1])}'"
    return f"CASE {' '.join(whens)} ELSE {last} END" if whens else last


def _day(on: date) -> str:
    return f"DATE '{on.isoformat()}'"


def _fact(name: str, spec: FactSpec, ready: set[str], policy: Policy, on: date) -> str | None:
    """SQL of a fact over what was drawn; None where nothing tells it."""
    if name in ready:
        return f"CAST({identifier(name)} AS {spec.sql_type})"
    if spec.kind == "boolean" and spec.suffix.startswith("in_") and spec.base in ready:
        area = policy.areas.get(spec.suffix.removeprefix("in_"))
        return area_sql(spec.base, area) if area is not None else None
    derived = spec.element.derived
    between = derived.between if derived is not None else None
    if between is None or spec.suffix:
        return None
    unit, (start, end) = between
    begins = f"{spec.role}.{start}"
    if end != "today" or begins not in ready:
        return None
    return _between(identifier(begins), unit, on)


def _between(start: str, unit: str, on: date) -> str:
    """Full units from a date to the day, counted as sanyou.protocol.dates counts them."""
    if unit == "days":
        return f"date_diff('day', {start}, {_day(on)})"
    if unit == "weeks":
        return f"date_diff('day', {start}, {_day(on)}) // 7"
    last = (add_months(on.replace(day=1), 1) - timedelta(days=1)).day
    months = (
        f"({on.year * 12 + on.month} - year({start}) * 12 - month({start})"
        f" - CASE WHEN least(day({start}), {last}) <= {on.day} THEN 0 ELSE 1 END)"
    )
    return months if unit == "months" else f"{months} // 12"
