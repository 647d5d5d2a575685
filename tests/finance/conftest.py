"""Two people of the money, and a half year that has been approved or paid."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sanyou.finance import statements
from sanyou.finance.models import Statement
from sanyou.registry.access import Actor

FIRST = (date(2021, 1, 1), date(2021, 6, 30))
SECOND = (date(2021, 7, 1), date(2021, 12, 31))
THIRD = (date(2022, 1, 1), date(2022, 6, 30))


@pytest.fixture
def policy(library: Any) -> Any:
    return library.policies["jiulongpo-2020"]


@pytest.fixture
def clerk(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("finance", username="clerk")
    return found


@pytest.fixture
def chief(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("finance", username="chief")
    return found


@pytest.fixture
def draw_up(district: Any, policy: Any, clerk: Actor) -> Callable[..., Statement]:
    """`draw_up(SECOND)` -> the statement of that half year."""
    return lambda period: statements.prepare(district.centre, policy, *period, clerk)


@pytest.fixture
def settle(draw_up: Callable[..., Statement], clerk: Actor, chief: Actor) -> Callable[..., Any]:
    """`settle(FIRST)` -> drawn up, submitted, approved by another, and paid."""

    def act(period: tuple[date, date], pay: bool = True) -> Statement:
        drawn = statements.submit(draw_up(period), clerk)
        approved = statements.approve(drawn, chief)
        if not pay:
            return approved
        return statements.mark_paid(approved, clerk, f"拨字{period[0]:%Y%m}")

    return act
