"""What a draft would change: couples, yuan, laboratory load, and who gains or loses.

Both documents are applied to the same cases in one DuckDB query: to a past year of the district's
own records, or to an invented population. Prices are those of the draft's first day on both sides.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from sanyou.care import content
from sanyou.care.facts import facts_table
from sanyou.care.models import EligibilityDecision, Episode
from sanyou.figures.models import TaskNumber
from sanyou.figures.whatif_people import Drawn, Place, population
from sanyou.protocol.facts import in_area, region_prefix
from sanyou.protocol.policy import Policy
from sanyou.protocol.population import identifier
from sanyou.protocol.pricing import split_shares, tier_of
from sanyou.protocol.scope import FactSpec
from sanyou.protocol.whatif import DAY, REGION, comparison_sql, needed
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import Region

LARGEST = 1_000_000
USUAL = 100_000
KEYS = (REGION, "elsewhere", "child_order", "examined")
STATES = ("free", "own_cost", "unknown", "no")
_RANK = {"no": 1, "own_cost": 2, "free": 3}
MEMORY = "1GB"


@dataclass
class Side:
    """What one document leads to."""

    couples: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    examined: int = 0  # free, and examined in the records
    fen: int = 0
    payers: dict[str, int] = field(default_factory=dict)  # payer -> fen
    towns: dict[str, int] = field(default_factory=dict)  # region -> free couples
    load: dict[tuple[str, str], int] = field(default_factory=dict)  # (region, item) -> tests
    unpriced: int = 0  # free, but the amount cannot be told

    @property
    def eligible(self) -> int:
        return self.couples["free"] + self.couples["own_cost"]


@dataclass
class Group:
    """Cases of one kind that fare otherwise under the draft."""

    kind: str  # criterion | town | child_order | hukou
    name: str
    gains: int = 0
    loses: int = 0
    uncertain: int = 0
    total: int = 0


@dataclass
class Comparison:
    """Both sides, and the difference."""

    base: Side
    draft: Side
    cases: int
    gains: int = 0
    loses: int = 0
    uncertain: int = 0  # cannot be told under one of the two
    groups: list[Group] = field(default_factory=list)
    moves: dict[tuple[str, str], int] = field(default_factory=dict)  # (state, state) -> couples
    unknown_facts: tuple[str, ...] = ()
    cases_changed: list[tuple[int, str, str, str]] = field(
        default_factory=list
    )  # index, moves, why


def invented(
    base: Policy, draft: Policy, place: Place, couples: int, roles: Sequence[str]
) -> Comparison:
    """On an invented population of that many couples."""
    specs = needed((base, draft))
    drawn: Drawn = population(specs, roles, base, place, couples, draft.starts)
    with duckdb.connect(config={"memory_limit": MEMORY}) as duck:
        source = f"SELECT *, FALSE AS examined FROM ({drawn.sql}) AS drawn"  # noqa: S608
        duck.execute(f"CREATE TEMP VIEW facts AS {source}")
        rows = duck.execute(comparison_sql(base, draft, KEYS)).fetchall()
    made = summarise(base, draft, rows)
    made.unknown_facts = tuple(drawn.unknown)
    return made


def recorded(
    base: Policy, draft: Policy, episodes: Sequence[Episode], roles: Sequence[str]
) -> Comparison:
    """On real cases, each as it was known on the day it was decided."""
    specs = needed((base, draft))
    table = facts_at_decision(episodes)
    keys = [_keys(e, facts, base, roles) for e, facts in zip(episodes, table, strict=True)]
    for facts in table:
        _add_areas(facts, specs, base)
    with duckdb.connect(config={"memory_limit": MEMORY}) as duck:
        fill(duck, specs, table, keys, draft.starts)
        query = comparison_sql(base, draft, ("i", *KEYS), each=True)
        rows = duck.execute(f"SELECT *, 1 FROM ({query}) ORDER BY i").fetchall()  # noqa: S608
    made = summarise(base, draft, [row[1:] for row in rows])
    for row in rows:
        before, after = row[5], row[8]
        if before != after:
            why = row[9] if _move(before, after) == "loses" else row[6]
            made.cases_changed.append((row[0], before, after, why))
    return made


def fill(
    duck: duckdb.DuckDBPyConnection,
    specs: Mapping[str, FactSpec],
    table: Sequence[Mapping[str, Any]],
    keys: Sequence[Mapping[str, Any]],
    day: dt.date,
) -> None:
    """The table `facts` from Python rows, column by column."""
    kinds = {
        "i": "BIGINT",
        REGION: "VARCHAR",
        "elsewhere": "BOOLEAN",
        "child_order": "BIGINT",
        "examined": "BOOLEAN",
        DAY: "DATE",
    } | {name: spec.sql_type for name, spec in specs.items()}
    listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in kinds.items())
    duck.execute(f"CREATE TEMP TABLE facts ({listed})")
    if not table:
        return
    values: list[list[Any]] = [
        list(range(len(table))),
        *([key[name] for key in keys] for name in KEYS),
        [day] * len(table),
        *([facts.get(name) for facts in table] for name in specs),
    ]
    parts = ", ".join(f"unnest(CAST(${n} AS {kind}[]))" for n, kind in enumerate(kinds.values(), 1))
    parameters = {str(n): column for n, column in enumerate(values, 1)}
    duck.execute(f"INSERT INTO facts SELECT {parts}", parameters)


def _keys(
    episode: Episode, facts: Mapping[str, Any], base: Policy, roles: Sequence[str]
) -> dict[str, Any]:
    codes = [facts.get(f"{role}.hukou_region") for role in roles]
    home = region_prefix(base.region)
    known = all(codes)
    return {
        REGION: episode.origin_id,  # whose document and tier it is, wherever she lives now
        "elsewhere": all(not str(code).startswith(home) for code in codes) if known else None,
        "child_order": episode.child_order,
        "examined": facts.get("couple.exam_on") is not None,
    }


def _add_areas(facts: dict[str, Any], specs: Mapping[str, FactSpec], base: Policy) -> None:
    """Areas of this document, also for a case that was decided by an earlier one."""
    for name, spec in specs.items():
        if spec.suffix.startswith("in_") and spec.base in facts:
            area = base.areas.get(spec.suffix.removeprefix("in_"))
            facts[name] = in_area(facts[spec.base], area) if area is not None else None


def facts_at_decision(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """Facts of each case on the day of its latest decision, or when it was opened."""
    decided = dict(
        EligibilityDecision.objects.filter(episode__in=[e.pk for e in episodes])
        .order_by("pk")
        .values_list("episode", "on")
    )
    days: dict[dt.date, list[int]] = defaultdict(list)
    for index, episode in enumerate(episodes):
        days[decided.get(episode.pk, episode.opened_on)].append(index)
    table: list[dict[str, Any]] = [{} for _e in episodes]
    for day, indexes in days.items():
        for index, facts in zip(
            indexes, facts_table([episodes[i] for i in indexes], day), strict=True
        ):
            table[index] = facts
    return table


def episodes_of(actor: Actor, base: Policy, programme: str, year: int) -> list[Episode]:
    """Cases of a year that were opened where the document applies, as far as the actor reaches."""
    rows = visible(actor, Episode.objects.filter(programme=programme, opened_on__year=year))
    return list(
        rows.filter(origin__code__startswith=region_prefix(base.region))
        .exclude(status=Episode.Status.CANCELLED)
        .select_related("region", "couple", "person")
        .order_by("pk")
    )


def years_of(actor: Actor, base: Policy, programme: str) -> list[int]:
    """Years with records, latest first."""
    rows = visible(actor, Episode.objects.filter(programme=programme))
    rows = rows.filter(origin__code__startswith=region_prefix(base.region))
    return [d.year for d in rows.dates("opened_on", "year", order="DESC")]


# --- adding up ----------------------------------------------------------------------------------


def summarise(base: Policy, draft: Policy, rows: Iterable[Sequence[Any]]) -> Comparison:
    """Rows of KEYS, then state, why and fen of each document, then how many cases."""
    ours = {"base": Side(), "draft": Side()}
    made = Comparison(ours["base"], ours["draft"], 0)
    groups: dict[tuple[str, str], Group] = {}
    paid: dict[str, dict[tuple[str, int], int]] = {
        "base": defaultdict(int),
        "draft": defaultdict(int),
    }
    moves: dict[tuple[str, str], int] = defaultdict(int)
    for region, elsewhere, order, examined, b_state, b_why, b_fen, d_state, d_why, d_fen, n in rows:
        made.cases += n
        for name, state, fen in (("base", b_state, b_fen), ("draft", d_state, d_fen)):
            side = ours[name]
            side.couples[state] += n
            if state == "free":
                side.towns[region] = side.towns.get(region, 0) + n
                side.examined += n if examined else 0
                if fen is None:
                    side.unpriced += n
                else:
                    paid[name][region, fen] += n
        moves[b_state, d_state] += n
        move = _move(b_state, d_state)
        places = [("town", region), ("child_order", str(order)), ("hukou", str(elsewhere))]
        if move:
            places.append(("criterion", d_why if move == "loses" else b_why))
            setattr(made, move, getattr(made, move) + n)
        for key in places:
            group = groups.setdefault(key, Group(*key))
            group.total += n
            if move:
                setattr(group, move, getattr(group, move) + n)
    for name, policy in (("base", base), ("draft", draft)):
        _pay(ours[name], policy, paid[name])
        for item in policy.items:
            for region, n in ours[name].towns.items():
                ours[name].load[region, item.id] = n * len(item.who)
    made.groups = sorted(groups.values(), key=lambda g: (g.kind, -(g.gains + g.loses), g.name))
    made.moves = dict(moves)
    return made


def _move(before: str, after: str) -> str:
    """gains | loses | uncertain, "" where nothing changes."""
    if before == after:
        return ""
    if "unknown" in (before, after):
        return "uncertain"
    return "gains" if _RANK[after] > _RANK[before] else "loses"


def _pay(side: Side, policy: Policy, paid: Mapping[tuple[str, int], int]) -> None:
    """Shares of each amount, split as a claim is split, times how often it is paid."""
    for (region, fen), n in paid.items():
        side.fen += fen * n
        for payer, part in split_shares(policy, fen, tier_of(policy, region)).items():
            side.payers[payer] = side.payers.get(payer, 0) + part * n


# --- targets ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coverage:
    """A target measured by the year's task number, under both documents."""

    label: str
    number: int
    base_target: str
    draft_target: str
    base: int
    draft: int

    @property
    def base_percent(self) -> float:
        return round(100 * self.base / self.number, 1)

    @property
    def draft_percent(self) -> float:
        return round(100 * self.draft / self.number, 1)


def coverage(
    base: Policy, draft: Policy, made: Comparison, region: Region, year: int
) -> list[Coverage]:
    """Targets that count against the region's task number of the year; none where it has none."""
    number = TaskNumber.objects.filter(
        region=region, year=year, organisation=None, programme=base.programme
    ).first()
    if number is None or not number.number:
        return []
    new = {t.id: t for t in draft.targets}
    found = []
    for target in base.targets:
        if target.base != "task_number":
            continue
        other = new.get(target.id)
        label = str(target.label) if target.label else target.id
        found.append(
            Coverage(
                label,
                number.number,
                f"{target.value:f}",
                f"{other.value:f}" if other else "",
                made.base.examined,
                made.draft.examined,
            )
        )
    return found


def roles_of(programme: str) -> tuple[str, ...]:
    return content.library().programmes[programme].roles
