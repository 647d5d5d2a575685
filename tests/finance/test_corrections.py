"""A record that changes after its claim was approved is set right in the next statement."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sanyou.care import encounters
from sanyou.care.models import Consent, Encounter, Episode, FreeCheck
from sanyou.finance import claims, ledger, statements
from sanyou.finance.models import Claim, Correction, Statement
from sanyou.registry.access import Actor
from tests.conftest import TODAY
from tests.finance.conftest import FIRST, SECOND, THIRD

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02")]

Settle = Callable[..., Statement]
Draw = Callable[..., Statement]


@pytest.fixture
def examined(episode_at: Callable[..., Episode]) -> Episode:
    return episode_at("examined")


@pytest.fixture
def amend(actor: Callable[..., Any]) -> Callable[..., Encounter]:
    def act(episode: Episode, form: str, role: str, **changes: Any) -> Encounter:
        row = episode.encounters.get(form=form, role=role, status="signed")
        return encounters.amend(row.key, changes, "录入有误", actor("laboratory"))

    return act


def take_away(episode: Episode) -> str:
    """The wife's laboratory record turns out not to be hers."""
    row = episode.encounters.get(form="laboratory", role="wife", status="signed")
    Encounter.objects.filter(pk=row.pk).update(status="void")
    return str(row.key)


def only(statement: Statement) -> Correction:
    return statement.corrections.get()


def test_a_record_voided_after_payment_is_taken_back_in_the_next_statement(
    examined: Episode, settle: Settle, draw_up: Draw
) -> None:
    paid = settle(FIRST)
    key = take_away(examined)
    later = draw_up(SECOND)
    correction = only(later)
    assert (correction.amount, correction.code) == (-46_000, "items_missing")
    assert correction.clause == "五"
    assert key in correction.before
    assert key not in correction.after
    assert (later.total, later.shares) == (-46_000, {"district_finance": -46_000})
    paid.refresh_from_db()
    claim = paid.claims.get()
    assert (paid.total, claim.amount, claim.status) == (46_000, 46_000, "paid")


def test_a_statement_below_nought_is_approved_and_the_money_comes_back(
    examined: Episode, settle: Settle
) -> None:
    settle(FIRST)
    take_away(examined)
    returned = settle(SECOND)
    book = ledger.book_of(returned)
    back = book.rows.get(statement=returned, kind="paid")
    assert (back.debit, back.amount, back.correction) == ("bank", 46_000, only(returned))
    assert ledger.owed(book.rows) == 0
    assert ledger.trial_balance(book.rows) == 0
    assert all(b.balance == 0 for b in ledger.balances(book.rows))


def test_an_amendment_that_changes_no_money_still_shows_both_records(
    examined: Episode, settle: Settle, draw_up: Draw, amend: Any
) -> None:
    settle(FIRST)
    old = examined.encounters.get(form="laboratory", role="wife", status="signed")
    new = amend(examined, "laboratory", "wife", tsh=2.5)
    correction = only(draw_up(SECOND))
    assert (correction.amount, correction.code) == (0, "amended")
    assert str(old.key) in correction.before
    assert str(new.key) in correction.after
    assert claims.remedy(correction.code)


def test_it_is_set_right_once_and_back_again_when_the_record_returns(
    examined: Episode, settle: Settle, draw_up: Draw, clerk: Actor
) -> None:
    settle(FIRST)
    key = take_away(examined)
    settle(SECOND)
    assert not draw_up(THIRD).corrections.exists()
    Encounter.objects.filter(key=key).update(status="signed")
    again = only(draw_up(THIRD))
    assert (again.amount, again.code) == (46_000, "amended")


def test_drawing_up_again_makes_no_second_correction(
    examined: Episode, settle: Settle, draw_up: Draw
) -> None:
    settle(FIRST)
    take_away(examined)
    assert draw_up(SECOND).total == draw_up(SECOND).total == -46_000
    assert Correction.objects.count() == 1


def test_two_open_statements_do_not_both_take_it_back(
    examined: Episode, settle: Settle, draw_up: Draw
) -> None:
    settle(FIRST)
    take_away(examined)
    assert draw_up(SECOND).total == -46_000
    assert draw_up(THIRD).total == 0


@pytest.mark.parametrize("how", ["consent withdrawn", "not eligible", "cancelled", "used before"])
def test_other_reasons_that_turn_up_later(
    how: str, examined: Episode, settle: Settle, draw_up: Draw
) -> None:
    settle(FIRST)
    if how == "consent withdrawn":
        Consent.objects.create(
            episode=examined, role="wife", kind="withdraw", on=TODAY, text_version="1",
            method="paper",
        )  # fmt: skip
    elif how == "not eligible":
        examined.decisions.create(on=TODAY, policy=examined.policy, answer="no", result={})
    elif how == "cancelled":
        Episode.objects.filter(pk=examined.pk).update(status="cancelled")
    else:
        assert examined.couple is not None
        FreeCheck.objects.create(
            wife_index=examined.couple.wife.id_index,
            husband_index=examined.couple.husband.id_index,
            child_order=1,
            examined_on=TODAY - timedelta(days=90),
            source="history",
        )
    code = {
        "consent withdrawn": "no_consent",
        "used before": "entitlement_used",
    }.get(how, "not_eligible")
    correction = only(draw_up(SECOND))
    assert (correction.amount, correction.code) == (-46_000, code)


def test_what_is_only_submitted_is_stopped_at_approval_and_not_corrected(
    examined: Episode, draw_up: Draw, clerk: Actor
) -> None:
    statements.submit(draw_up(FIRST), clerk)
    take_away(examined)
    assert not draw_up(SECOND).corrections.exists()
    assert statements.problems(Statement.objects.get(period_from=FIRST[0]))


def test_corrections_and_new_claims_add_up(
    examined: Episode, episode_at: Any, settle: Settle, draw_up: Draw
) -> None:
    settle(FIRST)
    take_away(examined)
    episode_at("examined", 2, on=SECOND[0])
    later = draw_up(SECOND)
    assert (later.claims.count(), later.corrections.count(), later.total) == (1, 1, 0)


def test_a_correction_whose_record_changed_again_stops_the_approval(
    examined: Episode, settle: Settle, draw_up: Draw, amend: Any
) -> None:
    settle(FIRST)
    amend(examined, "laboratory", "wife", tsh=2.5)
    later = draw_up(SECOND)
    amend(examined, "laboratory", "wife", tsh=2.7)
    assert any("更正" in text for text in statements.problems(later))


def queries(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as seen:
        act()
    return len(seen)


def test_a_statement_needs_no_more_queries_for_more_couples(
    episode_at: Any, draw_up: Draw, settle: Settle
) -> None:
    for number in (1, 2):
        episode_at("examined", number)
    draw_up(FIRST)  # content and regions are read once for the process
    few = queries(lambda: draw_up(FIRST))
    for number in range(3, 8):
        episode_at("examined", number)
    first = queries(lambda: draw_up(FIRST))  # five are claimed for the first time
    assert queries(lambda: draw_up(FIRST)) == few
    assert first <= few + 2  # their claims are written at once
    assert Claim.objects.filter(status="stated").count() == 7


def test_finding_corrections_needs_no_more_queries_for_more_couples(
    episode_at: Any, draw_up: Draw, settle: Settle
) -> None:
    made = [episode_at("examined", number) for number in range(1, 6)]
    settle(FIRST)
    take_away(made[0])
    draw_up(SECOND)
    one = queries(lambda: draw_up(SECOND))
    for episode in made[1:]:
        take_away(episode)
    assert queries(lambda: draw_up(SECOND)) == one
    assert draw_up(SECOND).corrections.count() == 5


def test_an_earlier_statement_drawn_up_late_leaves_later_checks_alone(
    examined: Episode, settle: Settle, draw_up: Draw, amend: Any
) -> None:
    settle(FIRST)
    amend(examined, "laboratory", "wife", tsh=2.5)
    before = (date(2020, 7, 1), date(2020, 12, 31))
    assert not draw_up(before).corrections.exists()
    assert only(draw_up(SECOND)).amount == 0
