"""Eligibility, entitlement, price: the answer, the clause it rests on, what is missing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.errors import Problem
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import completeness, price_on, split_shares, to_fen, to_yuan
from tests.protocol.conftest import TINY

LIBRARY = Library.load(TINY)


@pytest.fixture
def policy(tiny: Library) -> Policy:
    return tiny.policies["tiny-2020"]


def facts_of(tiny: Library, on: date = date(2021, 3, 1), **roles: Any) -> dict[str, Any]:
    return build_facts(tiny, "tiny", roles, on, tiny.policies["tiny-2020"])


@pytest.mark.requirement("A03")
def test_one_local_spouse_who_plans_is_enough(tiny: Library, policy: Policy) -> None:
    facts = facts_of(tiny, couple={"planning": True}, husband={"hukou_region": "500107002"})
    decision = decide(policy, facts)
    assert decision.answer == "yes"
    assert decision.missing == ()
    assert (
        decision.clause_line == "符合《测试方案》（测府发〔2020〕1号）“三”：计划怀孕、户籍或居住。"
    )
    used = decision.criteria[1].facts
    assert used == {"husband.hukou_region__in_served": True}


@pytest.mark.requirement("A03")
def test_a_refusal_quotes_the_clause_and_says_why(tiny: Library, policy: Policy) -> None:
    decision = decide(policy, facts_of(tiny, couple={"planning": False}))
    assert decision.answer == "no"
    assert decision.refused_by is not None
    assert decision.refused_by.id == "planning"
    assert "“三”：没有怀孕计划" in decision.clause_line
    assert decision.as_json()["criteria"][0]["truth"] is False


@pytest.mark.requirement("A03")
def test_what_is_not_known_is_asked_for_and_never_refused(tiny: Library, policy: Policy) -> None:
    decision = decide(policy, facts_of(tiny, wife={"hukou_region": "500107001"}))
    assert decision.answer == "unknown"
    assert decision.missing == ("couple.planning",)
    assert decision.criteria[0].text.zh == "请询问夫妇是否计划怀孕"


@pytest.mark.parametrize(
    ("on", "answer"),
    [(date(2021, 2, 27), "no"), (date(2021, 2, 28), "yes"), (date(2021, 3, 1), "yes")],
)
def test_six_months_of_residence_are_full_on_the_day(
    tiny: Library, policy: Policy, on: date, answer: str
) -> None:
    home = {"residence_region": "500107001", "residence_since": date(2020, 8, 31)}
    elsewhere = {"hukou_region": "110101"}
    facts = facts_of(tiny, on, couple={"planning": True, **home}, wife=elsewhere, husband=elsewhere)
    assert decide(policy, facts).answer == answer


def test_a_document_kept_as_a_stub_decides_nothing(tiny: Library) -> None:
    old = tiny.policies["tiny-2017"]
    assert decide(old, {}).answer == "unknown"
    assert "人工核对原文" in decide(old, {}).clause_line
    assert decide_entitlement(old, {}).grant == "unknown"


@pytest.mark.requirement("A04")
@pytest.mark.parametrize(("used", "grant"), [(0, "free"), (1, "own_cost"), (None, "unknown")])
def test_the_first_check_is_free_and_the_next_is_not(
    tiny: Library, policy: Policy, used: Any, grant: str
) -> None:
    found = decide_entitlement(policy, facts_of(tiny, couple={"free_checks_used": used}))
    assert found.grant == grant
    assert found.clause == "四"
    assert (found.missing == ("couple.free_checks_used",)) == (grant == "unknown")


@pytest.mark.requirement("A05")
def test_the_policy_in_force_is_found_by_region_and_day(tiny: Library) -> None:
    def found(code: str, on: date) -> str | None:
        policy = tiny.policy_for(code, "tiny", on)
        return policy.id if policy else None

    assert found("500107001003", date(2020, 12, 10)) == "tiny-2020"
    assert found("500107000000", date(2020, 12, 9)) == "tiny-2017"
    assert found("500107", date(2016, 12, 31)) is None
    assert found("500108", date(2021, 1, 1)) is None


@pytest.mark.requirement("E01")
def test_the_price_is_that_of_the_day(policy: Policy) -> None:
    assert price_on(policy, date(2021, 12, 31)) == 46000
    assert price_on(policy, date(2022, 1, 1)) == 48050
    with pytest.raises(Problem, match="没有价格"):
        price_on(policy, date(2020, 12, 9))


def test_an_item_is_complete_when_all_its_results_are_there(tiny: Library, policy: Policy) -> None:
    facts = facts_of(tiny, wife={"alt": 20})
    missing = [(m.item, m.role, m.elements) for m in completeness(policy, facts)]
    assert missing == [("liver", "husband", ("alt",)), ("exposure", "wife", ("exposure",))]
    done = facts_of(tiny, wife={"alt": 20, "exposure": []}, husband={"alt": 20})
    assert completeness(policy, done) == []


@pytest.mark.requirement("E01")
@given(st.integers(0, 10**12))
def test_shares_always_add_up_to_the_last_fen(fen: int) -> None:
    parts = split_shares(LIBRARY.policies["tiny-2020"], fen)
    assert sum(parts.values()) == fen
    assert abs(parts["city"] - fen * 333 / 1000) <= 1


@given(st.integers(-(10**12), 10**12))
def test_fen_and_yuan_are_the_same_money(fen: int) -> None:
    assert to_fen(to_yuan(fen)) == fen
