"""Qikai pays a second check of the same child order after a lost pregnancy, and each check once."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sanyou.care import episodes
from sanyou.care.models import Episode, FreeCheck
from sanyou.finance import claims, ledger, statements
from sanyou.finance.models import Statement
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from tests import serving

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("A04"),
    pytest.mark.requirement("E02"),
]

TOWN, QIKAI = "220174001", "220174"
FIRST, AGAIN = date(2021, 3, 1), date(2021, 11, 8)
MARCH = (date(2021, 3, 1), date(2021, 3, 31))
NOVEMBER = (date(2021, 11, 1), date(2021, 11, 30))
SHARES = {"central_finance": 14_400, "provincial_finance": 6_000, "local_finance": 3_600}


@pytest.fixture
def at(actor: Callable[..., Any], regions: None) -> Callable[[str], Actor]:
    organisations.setup_district(QIKAI, "汽开区妇幼保健计划生育服务中心")
    return serving.at_work(actor, TOWN, QIKAI)


@pytest.fixture
def check(at: Callable[[str], Actor], library: Any) -> Callable[..., Episode]:
    """`check(couple, day)` -> registered, confirmed and, when it is free, examined."""

    def make(couple: Any, on: date, **told: Any) -> Episode:
        episode = serving.register(at, couple, TOWN, on, **told)
        if episodes.confirm(episode, at("registration"), on).grant == "free":
            serving.examine(at, episode, library, on)
        episode.refresh_from_db()
        return episode

    return make


@pytest.fixture
def pay(staff: Callable[..., Any], library: Any) -> Callable[..., Statement]:
    """`pay(MARCH)` -> drawn up by one, approved by another, paid."""

    def act(period: tuple[date, date]) -> Statement:
        people = [staff("finance", QIKAI, name) for name in ("qikai-clerk", "qikai-chief")]
        clerk, chief = (Actor.of(p, p.duties.get()) for p in people)
        centre = organisations.setup_district(QIKAI, "汽开区妇幼保健计划生育服务中心").centre
        drawn = statements.prepare(centre, library.policies["qikai-2021"], *period, clerk)
        approved = statements.approve(statements.submit(drawn, clerk), chief)
        return statements.mark_paid(approved, clerk, f"拨{period[0]:%Y%m}")

    return act


def test_after_a_miscarriage_the_second_check_is_claimed_and_paid(
    make_couple: Any, check: Any, at: Any, pay: Any, library: Any
) -> None:
    couple = make_couple(1, TOWN)
    first = check(couple, FIRST)
    before = pay(MARCH)
    serving.lose_pregnancy(at, first, library, date(2021, 5, 10), date(2021, 8, 2))
    second = check(couple, AGAIN)
    assert second.decisions.latest("pk").grant == "free"
    after = pay(NOVEMBER)
    assert (before.total, after.total) == (24_000, 24_000)
    assert before.shares == after.shares == SHARES
    units = [claims.claim(e, NOVEMBER[1]).unit for e in (first, second)]
    assert units == [f"couple:{couple.pk}|child_order:1|free_checks_used:{n}" for n in (0, 1)]
    rows = ledger.book_of(after).rows
    assert ledger.trial_balance(rows) == 0
    assert ledger.owed(rows) == 0


def test_a_first_check_known_from_an_older_systems_file_does_not_stand_in_the_way(
    make_couple: Any, check: Any, pay: Any
) -> None:
    couple = make_couple(1, TOWN)
    FreeCheck.objects.create(
        wife_index=couple.wife.id_index,
        husband_index=couple.husband.id_index,
        child_order=1,
        programme="preconception",
        examined_on=date(2020, 6, 1),
        source="history:1",
    )
    told = {
        "stated_earlier_check": True,
        "stated_conceived_within_year": True,
        "stated_pregnancy_end": "adverse",
    }
    episode = check(couple, AGAIN, **told)
    assert pay(NOVEMBER).claims.get().episode == episode


def test_a_check_found_out_later_is_asked_about_again(
    make_couple: Any, check: Any, pay: Any
) -> None:
    """The older system's file comes in after the check was given free: nobody was pregnant."""
    couple = make_couple(1, TOWN)
    episode = check(couple, AGAIN)
    FreeCheck.objects.create(
        wife_index=couple.wife.id_index,
        husband_index=couple.husband.id_index,
        child_order=1,
        programme="preconception",
        examined_on=date(2020, 6, 1),
        source="history:1",
    )
    claim = claims.claim(episode, NOVEMBER[1])
    assert claim.refusal["code"] == "entitlement_used"
    assert claim.refusal["clause"] == "一（六）"


def test_a_second_check_without_a_pregnancy_is_not_claimed(
    make_couple: Any, check: Any, at: Any
) -> None:
    couple = make_couple(1, TOWN)
    episodes.close(check(couple, FIRST), at("registration"), "随访结束")
    told = {"stated_earlier_check": True, "stated_conceived_within_year": False}
    second = check(couple, AGAIN, **told)
    assert second.decisions.latest("pk").grant == "own_cost"
    assert claims.claim(second, NOVEMBER[1]).refusal["code"] == "entitlement_used"


def test_two_confirmed_free_before_either_was_examined_are_paid_once(
    make_couple: Any, at: Any, pay: Any, library: Any
) -> None:
    couple = make_couple(1, TOWN)
    first = serving.register(at, couple, TOWN, FIRST)
    episodes.confirm(first, at("registration"), FIRST)
    episodes.close(first, at("registration"), "夫妇暂不检查")
    second = serving.register(at, couple, TOWN, AGAIN)
    assert episodes.confirm(second, at("registration"), AGAIN).grant == "free"
    Episode.objects.filter(pk=first.pk).update(status="open")  # as when its papers come in late
    serving.examine(at, first, library, FIRST)
    serving.examine(at, second, library, AGAIN)
    drawn = pay(NOVEMBER)
    assert [c.episode for c in drawn.claims.all()] == [first]
    refusal = claims.claim(second, NOVEMBER[1]).refusal
    assert (refusal["code"], refusal["clause"]) == ("entitlement_used", "一（六）")
