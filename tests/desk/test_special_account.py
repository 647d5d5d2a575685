"""The special account: every yuan due or paid, with its statement."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sanyou.care.models import Episode
from sanyou.finance import account, statements
from sanyou.finance.models import Statement

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
    (due,) = account.entries(approved.organisation, approved.policy)
    assert (due.owed, due.paid, due.balance) == (46_000, 0, 46_000)
    assert due.number == approved.number
    statements.mark_paid(approved, actor("finance", username="clerk"), "拨字2021-07")
    due, paid = account.entries(approved.organisation, approved.policy)
    assert (paid.owed, paid.paid, paid.balance) == (0, 46_000, 0)
    assert paid.number == "拨字2021-07"
    assert due.on <= paid.on


def test_a_draft_is_not_in_the_account(
    episode_at: Callable[..., Episode], district: Any, library: Any, actor: Callable[..., Any]
) -> None:
    episode_at("examined", 1)
    policy = library.policies["jiulongpo-2020"]
    statements.prepare(district.centre, policy, START, END, actor("finance"))
    assert account.entries(district.centre, policy.id) == []


def test_each_line_opens_its_statement(
    approved: Statement, client_as: Callable[..., Client]
) -> None:
    html = text(client_as("finance"))
    assert "2021年上半年结算审核通过" in html
    assert reverse("statement", args=[approved.key]) in html
    assert "460.00" in html
    assert "〔2020〕136号" in html
    assert "支出在单位会计账中核算" in html


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
