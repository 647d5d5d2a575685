"""Sums exact to the fen, and as vouchers write them."""

from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.finance import money
from sanyou.protocol.pricing import split_shares

pytestmark = pytest.mark.requirement("E01")


@given(st.integers(-(10**12), 10**12))
def test_yuan_and_fen_are_the_same_sum(amount: int) -> None:
    assert money.fen(money.yuan(amount)) == amount
    assert Decimal(money.yuan(amount)) * 100 == amount


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "零元整"),
        (46000, "肆佰陆拾元整"),
        (9292000, "玖万贰仟玖佰贰拾元整"),
        (10000, "壹佰元整"),
        (100500, "壹仟零伍元整"),
        (1000000000, "壹仟万元整"),
        (1000050000, "壹仟万零伍佰元整"),
        (10000000500, "壹亿零伍元整"),
        (10500, "壹佰零伍元整"),
        (150, "壹元伍角整"),
        (105, "壹元零伍分"),
        (1234567, "壹万贰仟叁佰肆拾伍元陆角柒分"),
        (7, "柒分"),
        (-46000, "负肆佰陆拾元整"),
    ],
)
def test_sums_are_written_in_capital_figures(amount: int, words: str) -> None:
    assert money.capitals(amount) == words


def _policy(percents: list[Decimal]) -> Any:
    shares = [SimpleNamespace(payer=f"p{n}", percent=p, tier=None) for n, p in enumerate(percents)]
    return SimpleNamespace(shares=shares)


@st.composite
def hundreds(draw: st.DrawFn) -> list[Decimal]:
    """Percentages with up to two decimals that make one hundred."""
    cuts = sorted(draw(st.lists(st.integers(0, 10000), max_size=5)))
    edges = [0, *cuts, 10000]
    return [Decimal(b - a) / 100 for a, b in pairwise(edges)]


@given(hundreds(), st.integers(-(10**12), 10**12))
def test_shares_add_up_to_the_fen_and_none_is_a_fen_away_from_its_percentage(
    percents: list[Decimal], amount: int
) -> None:
    parts = split_shares(_policy(percents), amount)
    assert sum(parts.values()) == amount
    for (_payer, part), percent in zip(parts.items(), percents, strict=True):
        assert abs(part - Decimal(amount) * percent / 100) < 1


def test_a_split_among_three_payers_is_exact() -> None:
    assert split_shares(_policy([Decimal(60), Decimal(25), Decimal(15)]), 24000 * 3 + 1) == {
        "p0": 43201,
        "p1": 18000,
        "p2": 10800,
    }


def test_the_district_pays_all(library: Any) -> None:
    policy = library.policies["jiulongpo-2020"]
    assert split_shares(policy, 9292000) == {"district_finance": 9292000}
