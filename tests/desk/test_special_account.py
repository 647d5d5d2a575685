"""The special account: every yuan due or paid, with its statement."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sanyou.care.models import Episode
from sanyou.finance import ledger, statements
from sanyou.finance.models import Posting, Statement

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02")]
START, END = date(2021, 1, 1), date(2021, 6, 30)


@pytest.fixture
def approved(
    episode_at: Callable[..., Episode], district: Any, library: Any, actor: Callable[..., Any]
) -> Statement:
    episode_at("examined", 1)
    clerk, chief = actor("finance", username="clerk"), actor("finance", username="chief")
    policy = library.policies["jiulongpo-2020"]
    drawn = statements.prepare(district.centre, policy, START, END, clerk)
    return statements.approve(statements.submit(drawn, clerk), chief)


def text(client: Client) -> str:
    response = client.get(reverse("special-account"))
    assert response.status_code == 200
    return response.content.decode()


def test_what_is_approved_is_due_until_it_is_paid(
    approved: Statement, actor: Callable[..., Any]
) -> None:
    book = ledger.book_of(approved)
    assert ledger.owed(book.rows) == 46_000
    (fund,) = ledger.funds(book.rows, book.policy)
    assert (fund.received, fund.borne, fund.left) == (0, 46_000, -46_000)
    statements.mark_paid(approved, actor("finance", username="clerk"), "拨字2021-07")
    assert ledger.owed(book.rows) == 0
    paid = book.rows.get(kind="paid")
    assert (paid.voucher, paid.amount, paid.credit) == ("拨字2021-07", 46_000, "bank")
    assert ledger.trial_balance(book.rows) == 0


def test_a_draft_is_not_in_the_account(
    episode_at: Callable[..., Episode], district: Any, library: Any, actor: Callable[..., Any]
) -> None:
    episode_at("examined", 1)
    policy = library.policies["jiulongpo-2020"]
    statements.prepare(district.centre, policy, START, END, actor("finance"))
    assert not Posting.objects.exists()


def test_the_account_stands_payer_by_payer_and_each_line_opens_its_statement(
    approved: Statement, client_as: Callable[..., Client]
) -> None:
    html = text(client_as("finance"))
    assert "460.00" in html
    assert "区财政" in html
    assert "〔2020〕136号" in html
    journal = client_as("finance").get(reverse("ledger")).content.decode()
    assert reverse("statement", args=[approved.key]) in journal
    assert "借贷平衡" in journal


def test_an_empty_account_says_how_it_fills(
    district: Any, client_as: Callable[..., Client]
) -> None:
    assert "专账还没有记录" in text(client_as("manager"))


@pytest.mark.requirement("H01")
def test_another_district_sees_nothing_of_it(
    approved: Statement, client_as: Callable[..., Client]
) -> None:
    assert "专账还没有记录" in text(client_as("finance", region="500106", username="away"))
    assert client_as("physician").get(reverse("special-account")).status_code == 403
