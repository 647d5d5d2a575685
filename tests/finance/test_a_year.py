"""A year of money adds up to the fen: in every district, and over months made up at random."""

import datetime as dt
import importlib.util
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from sanyou.care import content
from sanyou.care.models import Consent, Encounter, Episode
from sanyou.finance import claims, ledger, statements
from sanyou.finance.models import Claim, Posting, Statement
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import split_shares
from sanyou.registry.models import Region

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E01"), pytest.mark.requirement("E02")]


def _benchmark() -> Any:
    """benchmarks/settlement.py as a module: the same year, only smaller."""
    path = Path(__file__).parents[2] / "benchmarks" / "settlement.py"
    spec = importlib.util.spec_from_file_location("settlement_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


settlement = _benchmark()
Year = settlement.Year
DISTRICTS = ["jiulongpo-2020", "qikai-2021", "qijiang-2018", "guannan-2014", "hebei-2021"]


@pytest.mark.parametrize("policy_id", DISTRICTS)
def test_a_synthetic_year_settles_to_the_fen(policy_id: str, regions: None, library: Any) -> None:
    (policy,) = [p for p in settlement.priced(library.policies.values()) if p.id == policy_id]
    year = Year.begin(policy)
    year.serve(200)
    year.settle()
    assert year.wrong(year.plain_sum()) == []
    assert year.changed
    assert all(year.checked.values())


@pytest.mark.parametrize(
    ("kind", "percents"),
    [("city_district", (60, 25, 15)), ("county", (60, 30, 10)), ("yanbian", (80, 14, 6))],
)
def test_the_tiers_of_qikai_share_as_the_document_says(
    kind: str, percents: tuple[int, ...], library: Any
) -> None:
    policy = library.policies["qikai-2021"]
    assert split_shares(policy, 24_000, kind) == dict(
        zip(
            ("central_finance", "provincial_finance", "local_finance"),
            (240 * p for p in percents),
            strict=True,
        )
    )
    odd = split_shares(policy, -24_001, kind)
    assert sum(odd.values()) == -24_001


# --- months made up at random --------------------------------------------------------------------

KINDS = ["complete"] * 6 + ["no_consent", "own_cost", "not_eligible", "unsigned", "items_missing"]
CHANGES = ["", "", "", "amended", "voided", "restored", "withdrawn", "cancelled"]


@st.composite
def months(draw: DrawFn) -> list[list[tuple[str, str, int]]]:
    """Months of couples: (what comes of it, what changes after its approval, days into it)."""
    couple = st.tuples(st.sampled_from(KINDS), st.sampled_from(CHANGES), st.integers(0, 27))
    return draw(st.lists(st.lists(couple, max_size=6), min_size=1, max_size=4))


def priced_oddly(library: Library, cents: tuple[int, int], tier: str) -> Policy:
    """The Qikai document with two prices in the year, and its district in one of the tiers."""
    policy = library.policies["qikai-2021"]
    spec = policy.spec
    price = [
        spec.price[0].model_copy(update={"from_": day, "amount": f"{fen // 100}.{fen % 100:02d}"})
        for day, fen in zip((dt.date(2021, 1, 1), dt.date(2021, 3, 1)), cents, strict=True)
    ]
    tiers = [
        t.model_copy(update={"include": [policy.region] if t.id == tier else ["99"]})
        for t in spec.tiers
    ]
    changed = spec.model_copy(update={"price": price, "tiers": tiers})
    return replace(policy, spec=changed)


@pytest.fixture
def random_district(regions: None, library: Library) -> Callable[..., Any]:
    def begin(cents: tuple[int, int], tier: str) -> Any:
        policy = priced_oddly(library, cents, tier)
        changed = {**library.policies, policy.id: policy}
        content.set_library(replace(library, policies=changed))
        year = Year.begin(policy)
        year.year = 2021
        return year

    return begin


def serve(year: Any, month: int, rows: list[tuple[str, str, int]], made: int) -> list[Episode]:
    """A month's couples, each as drawn."""
    towns = list(Region.objects.filter(parent=year.county)) or [year.county]
    plain = {"complete": 0, "items_missing": 3, "no_consent": 23, "own_cost": 37,
             "not_eligible": 59, "unsigned": 71}  # fmt: skip
    found = []
    for n, (kind, _change, days) in enumerate(rows):
        number = 100 * (made + n) + plain[kind]
        on = dt.date(2021, month, 1) + dt.timedelta(days=days)
        year.day = lambda _number, _couples, on=on: on  # type: ignore[method-assign]
        year._serve(range(number, number + 1), 1, towns)
        found.append(Episode.objects.latest("pk"))
    return found


def change(episode: Episode, how: str) -> None:
    """What happens to a record after its month was approved."""
    record = episode.encounters.filter(status="signed").order_by("pk").first()
    if how in {"amended", "voided", "restored"} and record is not None:
        status = "amended" if how == "amended" else "void"
        Encounter.objects.filter(pk=record.pk).update(status=status)
        if how == "amended":
            new = Encounter.objects.get(pk=record.pk)
            new.pk, new.key, new.status, new.replaces = None, uuid.uuid4(), "signed", record
            new.save()
    elif how == "withdrawn":
        Consent.objects.create(
            episode=episode, role="wife", kind="withdraw", on=episode.opened_on, text_version="1",
            method="paper",
        )  # fmt: skip
    elif how == "cancelled":
        Episode.objects.filter(pk=episode.pk).update(status="cancelled")


def undo(episode: Episode, how: str) -> None:
    """A void record turns out to have been right."""
    if how == "restored":
        episode.encounters.filter(status="void").update(status="signed")


def worth(year: Any, episode: Episode) -> int:
    """What an episode is worth by its records as they are now, worked out by hand (in fen)."""
    decision = episode.decisions.get()
    roles = claims.consenting_roles(content.library().programmes[episode.programme])
    answers = {c.role: c.kind for c in episode.consents.order_by("pk")}
    signed: dict[str, Any] = {}
    for row in episode.encounters.filter(status="signed"):
        signed |= {f"{row.role}.{name}": value for name, value in row.data.items()}
    needed = {f"{role}.{name}" for _form, role, data in year.records for name in data}
    holds = (
        episode.status != "cancelled"
        and (decision.answer, decision.grant) == ("yes", "free")
        and all(answers.get(role) == "grant" for role in roles)
        and needed <= signed.keys()
    )
    first = episode.encounters.filter(status="signed").order_by("occurred_on").first()
    if not holds or first is None:
        return 0
    later = first.occurred_on >= dt.date(2021, 3, 1)
    price = year.policy.price[1 if later else 0].amount
    return int(price.replace(".", ""))


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    drawn=months(),
    cents=st.tuples(st.integers(1, 99_999), st.integers(1, 99_999)),
    tier=st.sampled_from(["city_district", "county", "yanbian"]),
)
def test_whatever_happens_in_the_months_the_money_adds_up(
    drawn: list[list[tuple[str, str, int]]],
    cents: tuple[int, int],
    tier: str,
    random_district: Callable[..., Any],
) -> None:
    try:
        with transaction.atomic():  # each example begins with an empty district
            _whatever_happens(random_district(cents, tier), drawn, tier)
            transaction.set_rollback(True)
    finally:
        content.set_library(None)


def _whatever_happens(year: Any, drawn: list[list[tuple[str, str, int]]], tier: str) -> None:
    everybody: list[tuple[Episode, str]] = []
    stated: list[Statement] = []
    for month in [*range(1, len(drawn) + 1), len(drawn) + 1, len(drawn) + 2]:
        rows = drawn[month - 1] if month <= len(drawn) else []
        new = list(zip(serve(year, month, rows, len(everybody)), (r[1] for r in rows), strict=True))
        start, end = statements.period_of(year.policy, dt.date(2021, month, 1))
        paid = settle(year, start, end)
        for episode, how in everybody:
            undo(episode, how)  # what was void last month is found again
        for episode, how in new:
            change(episode, how)
        everybody += new
        stated += [paid] if paid is not None else []
        balanced(year, stated, tier)
    # After two quiet months all that was ever stated is what the records are worth.
    episodes = [Episode.objects.get(pk=e.pk) for e, _how in everybody]
    assert sum(s.total for s in stated) == sum(worth(year, e) for e in episodes)
    assert (
        Claim.objects.filter(status="paid").count()
        == Posting.objects.filter(kind="paid", claim__isnull=False).count()
    )


def settle(year: Any, start: dt.date, end: dt.date) -> Statement | None:
    drawn = statements.prepare(year.centre, year.policy, start, end, year.clerk)
    if not drawn.claims.exists() and not drawn.corrections.exists():
        return None
    statements.submit(drawn, year.clerk)
    statements.approve(drawn, year.chief)
    return statements.mark_paid(drawn, year.clerk, f"拨{start:%Y%m}")


def balanced(year: Any, stated: list[Statement], tier: str) -> None:
    """Every statement adds up, is shared to the fen, and the ledger holds."""
    for one in stated:
        lines = [*one.claims.values_list("amount", flat=True)]
        lines += one.corrections.values_list("amount", flat=True)
        assert sum(lines) == one.total == sum(one.shares.values())
        assert one.shares == split_shares(year.policy, one.total, tier)
    rows = ledger.Book(year.county, year.policy.id).rows
    total = sum(s.total for s in stated)
    sums = {b.account: b.balance for b in ledger.balances(rows)}
    assert ledger.trial_balance(rows) == 0
    assert ledger.owed(rows) == 0
    assert -sums.get("bank", 0) == total
    assert sum(f.borne for f in ledger.funds(rows, year.policy.id)) == total
    paid = Claim.objects.filter(status="paid")
    assert paid.values("unit").distinct().count() == paid.count()
