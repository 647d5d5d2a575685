"""The Qikai document of 2021: a second free check after a pregnancy, and shares by tier."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.errors import Problem
from sanyou.protocol.facts import build_facts, in_area
from sanyou.protocol.indicator import evaluate
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import amount_on, price_on, split_shares, tier_of

LIBRARY = Library.load()
POLICY = LIBRARY.policies["qikai-2021"]
JINCHENG = "220174001"
REGIONS = (
    Path(__file__).parent.parent.parent / "src" / "sanyou" / "registry" / "data" / "regions.csv.gz"
)


def granted(**couple: Any) -> tuple[str, str]:
    facts = build_facts(LIBRARY, "preconception", {"couple": couple}, date(2021, 6, 1), POLICY)
    result = decide_entitlement(POLICY, facts)
    return result.grant, result.id


@pytest.mark.requirement("A05")
def test_it_is_in_force_from_the_first_day_of_its_year() -> None:
    assert LIBRARY.policy_for(JINCHENG, "preconception", date(2020, 12, 31)) is None
    found = LIBRARY.policy_for(JINCHENG, "preconception", date(2021, 1, 1))
    assert found is not None
    assert found.id == "qikai-2021"


@pytest.mark.requirement("A04")
def test_pregnant_within_a_year_and_then_lost_is_free_here_and_at_own_cost_in_jiulongpo() -> None:
    couple = {
        "child_order": 1,
        "free_checks_used": 1,
        "conceived_within_year": True,
        "last_pregnancy_ended": "adverse",
    }
    assert granted(**couple) == ("free", "after_pregnancy")
    elsewhere = LIBRARY.policies["jiulongpo-2020"]
    facts = build_facts(LIBRARY, "preconception", {"couple": couple}, date(2021, 6, 1), elsewhere)
    assert decide_entitlement(elsewhere, facts).grant == "own_cost"


@pytest.mark.requirement("A04")
@given(
    st.one_of(st.none(), st.integers(1, 3)),
    st.one_of(st.none(), st.integers(0, 3)),
    st.one_of(st.none(), st.booleans()),
    st.sampled_from([None, "delivered", "adverse", "ongoing", "other"]),
)
def test_every_history_has_an_answer_and_a_second_free_check_needs_an_ended_pregnancy(
    order: int | None, used: int | None, conceived: bool | None, ended: str | None
) -> None:
    grant, decision = granted(
        child_order=order,
        free_checks_used=used,
        conceived_within_year=conceived,
        last_pregnancy_ended=ended,
    )
    assert decision  # some decision always speaks, if only to say what is missing
    if order is None or used is None:
        assert grant == "unknown"
    elif used == 0 or (conceived and ended in ("delivered", "adverse")):
        assert grant == "free"
    elif conceived is False or (conceived and ended is not None):
        assert grant == "own_cost"
    else:
        assert grant == "unknown"


@pytest.mark.requirement("A04")
def test_each_further_free_check_is_a_unit_of_its_own() -> None:
    assert POLICY.entitlement is not None
    assert POLICY.entitlement.unit == ["couple", "child_order", "free_checks_used"]


@pytest.mark.requirement("E01")
@pytest.mark.parametrize(
    ("region", "tier", "fen"),
    [
        ("220174", "city_district", (14_400, 6_000, 3_600)),
        ("220174001", "city_district", (14_400, 6_000, 3_600)),
        ("220122", "county", (14_400, 7_200, 2_400)),
        ("220184", "county", (14_400, 7_200, 2_400)),
        ("222401", "yanbian", (19_200, 3_360, 1_440)),
        ("222426", "yanbian", (19_200, 3_360, 1_440)),
    ],
)
def test_a_couple_costs_240_yuan_shared_by_tier(
    region: str, tier: str, fen: tuple[int, int, int]
) -> None:
    worth = amount_on(POLICY, {}, date(2021, 3, 8))
    assert (worth.fen, worth.clause) == (24_000, "一（七）")
    assert tier_of(POLICY, region) == tier
    parts = split_shares(POLICY, 24_000, tier)
    assert parts == dict(
        zip(("central_finance", "provincial_finance", "local_finance"), fen, strict=True)
    )


@pytest.mark.requirement("E01")
@given(st.integers(-(10**9), 10**9), st.sampled_from(["city_district", "county", "yanbian"]))
def test_the_shares_add_up_to_the_fen(fen: int, tier: str) -> None:
    assert sum(split_shares(POLICY, fen, tier).values()) == fen


@pytest.mark.requirement("E01")
def test_every_county_of_the_province_is_in_exactly_one_tier() -> None:
    counties = [code for code, level in regions() if level == "county" and code.startswith("22")]
    assert len(counties) > 60
    for code in counties:
        fitting = [t.id for t in POLICY.tiers if any(code.startswith(p) for p in t.include)]
        assert len(fitting) == 1, code
    known = {code for code, _level in regions()}
    named = {code for tier in POLICY.tiers for code in tier.include}
    assert {code for code in named if f"{code:0<6}" not in known} == set()


def regions() -> list[tuple[str, str]]:
    with gzip.open(REGIONS, "rt", encoding="utf-8") as file:
        return [(row["code"], row["level"]) for row in csv.DictReader(file)]


@pytest.mark.requirement("E01")
def test_outside_the_province_no_tier_fits_and_nobody_is_charged() -> None:
    assert tier_of(POLICY, "230102") is None
    with pytest.raises(Problem, match="按地区分档"):
        split_shares(POLICY, 24_000, None)


@pytest.mark.requirement("E01")
def test_the_price_is_unknown_before_the_year() -> None:
    with pytest.raises(Problem, match="价格"):
        price_on(POLICY, date(2020, 12, 31))
    assert price_on(POLICY, date(2021, 1, 1)) == 24_000


@pytest.mark.requirement("B01")
def test_the_items_are_the_nineteen_of_the_national_list() -> None:
    assert [item.national for item in POLICY.items] == list(range(1, 20))
    assert {i.id: i.who for i in POLICY.items}["glucose"] == ["wife"]


@pytest.mark.requirement("A03")
def test_the_district_is_its_six_streets() -> None:
    served = POLICY.areas["served"]
    assert in_area("220174006", served) is True
    assert in_area("220106001", served) is False
    assert in_area("220100", served) is None


@pytest.mark.requirement("F01")
def test_the_targets_are_80_80_and_30() -> None:
    targets = {t.id: (t.indicator, t.value, t.base) for t in POLICY.targets}
    assert targets["knowledge"] == ("knowledge_rate", 80, None)
    assert targets["coverage"] == ("coverage_rate", 80, None)
    assert targets["one_year_pregnancy"] == ("pregnant_within_year_rate", 30, None)
    assert targets["task"] == ("examined_free_couples", 100, "task_number")


@pytest.mark.requirement("F02")
def test_the_calendar_names_the_days_of_the_chain() -> None:
    periods = {c.id: c.period for c in POLICY.calendar}
    assert periods["to_city"] == "每月5日前"
    assert periods["to_province"] == "每月10日前"
    assert POLICY.settlement is not None
    assert POLICY.settlement.period == "month"


# --- the one-year pregnancy rate ------------------------------------------------------------------

CHECK, YEAR_LATER = date(2021, 3, 1), date(2022, 3, 1)


def case(result: str | None, lmp: date | None = None, examined: bool = True) -> dict[str, Any]:
    given_ = {
        "wife": {
            "consented_on": CHECK,
            "examined": examined,
            "pregnancy_result": result,
            "lmp": lmp,
        },
        "husband": {"examined": examined},
    }
    return build_facts(LIBRARY, "preconception", given_, date(2022, 4, 1))


def pregnancy_rate(*cases: dict[str, Any], policy: Policy = POLICY) -> tuple[int, int | None, int]:
    target = next(t for t in policy.targets if t.id == "one_year_pregnancy")
    indicator = LIBRARY.programmes["preconception"].indicators[target.indicator or ""]
    found = evaluate(indicator, cases, YEAR_LATER, date(2022, 3, 31))
    return found.numerator, found.denominator, found.unknown


@pytest.mark.requirement("F01")
@pytest.mark.parametrize(
    ("lmp", "counted"),
    [
        (date(2021, 2, 20), 1),  # conceived on 6 March, days after the check
        (date(2022, 2, 15), 1),  # conceived on the very day a year later
        (date(2022, 2, 16), 0),  # a day too late
    ],
)
def test_pregnant_within_a_year_is_reckoned_from_the_last_period(lmp: date, counted: int) -> None:
    assert pregnancy_rate(case("pregnant", lmp)) == (counted, 1, 0)


@pytest.mark.requirement("F01")
def test_the_lost_are_left_out_and_those_not_yet_asked_are_counted_apart() -> None:
    cases = [
        case("pregnant", date(2021, 6, 1)),
        case("not_pregnant"),
        case("lost"),
        case(None),
        case("pregnant", date(2021, 6, 1), examined=False),
    ]
    assert pregnancy_rate(*cases) == (1, 2, 1)


@pytest.mark.requirement("F01")
def test_a_couple_belongs_to_the_month_its_year_is_over() -> None:
    facts = case("not_pregnant")
    assert facts["wife.year_after_check"] == YEAR_LATER
    indicator = LIBRARY.programmes["preconception"].indicators["pregnant_within_year_rate"]
    assert evaluate(indicator, [facts], CHECK, date(2021, 3, 31)).denominator == 0
