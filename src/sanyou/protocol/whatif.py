"""A document as columns of one query: who is eligible, who pays, how much, for a whole population.

The same answers as `decide`, `decide_entitlement` and `amount_on`, three-valued as they are. The
table has a column per fact, named like the fact; see sanyou.protocol.population.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sanyou.protocol.expression import Expression
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.models import Area
from sanyou.protocol.policy import Policy
from sanyou.protocol.population import identifier
from sanyou.protocol.pricing import to_fen
from sanyou.protocol.scope import FactSpec

STATES = ("free", "own_cost", "unknown", "no")  # what may come of a couple
REGION = "region"  # column: code of the town that is responsible; it tells the tier of shares
DAY = "on"  # column: the day that is judged


@dataclass(frozen=True)
class Columns:
    """Column expressions of one document. `named` are the conditions, the others build on them."""

    named: dict[str, str]
    state: str
    why: str
    fen: str


def needed(policies: Iterable[Policy]) -> dict[str, FactSpec]:
    """The facts that the documents read, by name."""
    specs: dict[str, FactSpec] = {}
    for policy in policies:
        for expression in policy.conditions.values():
            specs.update(expression.specs)
        name = benefit_fact(policy)
        if name is not None and policy.scope is not None and name in policy.scope.facts:
            specs[name] = policy.scope.facts[name]
    return specs


def benefit_fact(policy: Policy) -> str | None:
    """The fact that a benefit is worked out from."""
    benefit = policy.benefit
    if benefit is None:
        return None
    return benefit.part.of if benefit.part is not None else benefit.decided


def columns(policy: Policy, mark: str) -> Columns:
    """Of one document; `mark` keeps the names of two documents apart."""
    eligible = [
        (c.id, f"{mark}:eligibility:{c.id}", policy.conditions[f"eligibility:{c.id}"])
        for c in policy.eligibility
    ]
    decisions = policy.entitlement.decisions if policy.entitlement is not None else []
    granting = [
        (d.id, d.grant, f"{mark}:entitlement:{d.id}", policy.conditions[f"entitlement:{d.id}"])
        for d in decisions
    ]
    named = {name: sql(expression) for _id, name, expression in eligible}
    named |= {name: sql(expression) for _id, _grant, name, expression in granting}
    answers = [identifier(name) for _id, name, _expression in eligible]
    # A benefit that comes to nothing is refused like a criterion that is not met.
    nothing = f"{fen_sql(policy)} = 0" if policy.benefit is not None else ""
    whens, whys = [], []
    if answers:
        whens = [
            f"WHEN {' OR '.join(f'NOT {a}' for a in answers)} THEN 'no'",
            *([f"WHEN {nothing} THEN 'no'"] if nothing else []),
            f"WHEN {' OR '.join(f'{a} IS NULL' for a in answers)} THEN 'unknown'",
        ]
        for template in ("NOT {}", "{} IS NULL"):
            for one, name, _expression in eligible:
                test = template.format(identifier(name))
                whys.append(f"WHEN {test} THEN {_text('eligibility:' + one)}")
            if nothing and template == "NOT {}":
                whys.append(f"WHEN {nothing} THEN {_text('eligibility:benefit')}")
    else:
        whens = ["WHEN TRUE THEN 'unknown'"]
        whys = ["WHEN TRUE THEN ''"]
    for one, grant, name, _expression in granting:
        column = identifier(name)
        whens += [
            f"WHEN {column} THEN {_text(grant)}",
            f"WHEN {column} IS NULL THEN 'unknown'",
        ]
        whys.append(f"WHEN {column} OR {column} IS NULL THEN {_text('entitlement:' + one)}")
    return Columns(
        named,
        f"CASE {' '.join(whens)} ELSE 'unknown' END",
        f"CASE {' '.join(whys)} ELSE '' END",
        fen_sql(policy),
    )


def sql(expression: Expression) -> str:
    return f"({expression.sql()})"


def fen_sql(policy: Policy) -> str:
    """What a case is worth in fen; NULL where a fact is missing or the day has no price."""
    benefit = policy.benefit
    if benefit is None:
        lines = sorted(policy.price, key=lambda p: p.from_, reverse=True)
        if not lines:
            return "CAST(NULL AS BIGINT)"
        column = identifier(DAY)
        whens = " ".join(
            f"WHEN {column} >= DATE '{p.from_.isoformat()}' THEN {to_fen(p.amount)}" for p in lines
        )
        return f"CAST(CASE {whens} END AS BIGINT)"
    if benefit.fixed is not None:
        return f"CAST({to_fen(benefit.fixed)} AS BIGINT)"
    given = f"CAST({identifier(benefit_fact(policy) or '')} AS DECIMAL(18, 6))"
    if benefit.part is None:
        return f"CAST(round({given} * 100, 0) AS BIGINT)"
    part = benefit.part
    above = f"greatest(CAST(0 AS DECIMAL(18, 6)), {given} - {_decimal(part.above, 2)})"
    worth = f"CAST(round({above} * {_decimal(part.percent, 4)}, 0) AS BIGINT)"
    if part.at_most is not None:
        worth = f"least({worth}, {to_fen(part.at_most)})"
    fact = identifier(benefit_fact(policy) or "")
    # least and greatest pass over NULL; an unknown amount stays unknown.
    return f"CASE WHEN {fact} IS NULL THEN NULL ELSE {worth} END"


def _decimal(number: str | Decimal, places: int) -> str:
    return f"CAST('{Decimal(number):f}' AS DECIMAL(18, {places}))"


def area_sql(column: str, area: Area) -> str:
    """`in_area` over a column of region codes: NULL where the code is too broad to tell."""
    code = identifier(column)
    # Codes of DuckDB's table are unpadded (see `region_column`); whole prefixes compare as text.
    included = _under_sql(code, area.include)
    if not area.exclude:
        return f"CASE WHEN {code} IS NULL THEN NULL ELSE {included} END"
    excluded = _under_sql(code, area.exclude)
    return (
        f"CASE WHEN {code} IS NULL THEN NULL WHEN NOT {included} OR {excluded} THEN FALSE "
        f"WHEN {included} IS NULL OR {excluded} IS NULL THEN NULL ELSE TRUE END"
    )


def _under_sql(code: str, prefixes: Sequence[str]) -> str:
    short = [region_prefix(prefix) for prefix in prefixes]
    inside = " OR ".join(f"starts_with({code}, {_text(p)})" for p in short)
    broader = sorted({p[:n] for p in short for n in (2, 4, 6, 9) if n < len(p)})
    if not broader:
        return f"({inside})"
    listed = ", ".join(_text(p) for p in broader)
    return f"(CASE WHEN {inside} THEN TRUE WHEN {code} IN ({listed}) THEN NULL ELSE FALSE END)"


def comparison_sql(
    base: Policy, draft: Policy, keys: Sequence[str], table: str = "facts", each: bool = False
) -> str:
    """Both documents over a table in one query.

    Grouped: `keys`, then base_/draft_ state, why and fen, and how many cases (`n`). With
    `each` one row per case in place of the groups. `keys` are columns of the table.
    """
    ours = {"base": columns(base, "base"), "draft": columns(draft, "draft")}
    kept = dict.fromkeys((*keys, DAY))
    facts = [name for name in map(benefit_fact, (base, draft)) if name]
    inner = [identifier(name) for name in (*kept, *dict.fromkeys(facts))]
    same: dict[str, str] = {}  # a condition both documents have is computed once
    for one in ours.values():
        for name, text in one.named.items():
            if text not in same:
                same[text] = name
                inner.append(f"{text} AS {identifier(name)}")
    outer = [identifier(name) for name in keys]
    for mark, one in ours.items():
        for column in ("state", "why", "fen"):
            text = getattr(one, column)
            for name, condition in one.named.items():
                text = text.replace(identifier(name), identifier(same[condition]))
            outer.append(f"{text} AS {mark}_{column}")
    judged = f"SELECT {', '.join(inner)} FROM {identifier(table)}"  # noqa: S608
    cases = f"SELECT {', '.join(outer)} FROM ({judged}) AS judged"  # noqa: S608
    if each:
        return cases
    return f"SELECT *, count(*) AS n FROM ({cases}) AS cases GROUP BY ALL"  # noqa: S608


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
