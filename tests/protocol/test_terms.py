"""A document of several programmes: whose terms, which tier, what benefit."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.protocol.eligibility import decide
from sanyou.protocol.errors import Problem
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import amount_on, split_shares, tier_of
from tests.protocol.conftest import HERE, TINY

LIBRARY = Library.load(TINY, HERE / "several")
POLICY = LIBRARY.policies["several-2021"]
DAY = date(2021, 3, 1)


def benefit(**how: object) -> Policy:
    """The aid's terms with another way of working out the benefit."""
    part = POLICY.for_programme("aid")
    spec = part.spec.model_copy(update={"benefit": part.benefit.model_copy(update=how)})  # type: ignore[union-attr]
    return Policy(spec, part.starts, part.ends, part.scope, part.conditions)


def test_each_programme_is_judged_by_its_own_terms() -> None:
    aid = POLICY.for_programme("aid")
    assert (POLICY.programme, aid.programme) == ("tiny", "aid")
    assert [c.id for c in aid.eligibility] == ["local_child", "young"]
    assert (aid.document_number, aid.clauses) == (POLICY.document_number, POLICY.clauses)
    given_ = {"child": {"hukou_region": "220101", "birth_date": date(2016, 3, 2)}}
    facts = build_facts(LIBRARY, "aid", given_, DAY, aid)
    assert decide(aid, facts).answer == "yes"


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("paid", "fen"),
    [
        ("4999.99", 0),
        ("5000.00", 0),
        ("5000.01", 0),  # 30 % of one fen is less than half a fen
        ("5000.02", 1),  # 0.6 fen is rounded to one
        ("38333.33", 1_000_000),
        ("38333.34", 1_000_000),
        ("90000.00", 1_000_000),
    ],
)
def test_the_part_above_the_threshold_is_paid_up_to_the_limit(paid: str, fen: int) -> None:
    aid = POLICY.for_programme("aid")
    worth = amount_on(aid, {"child.self_paid": paid}, DAY)
    assert worth.fen == fen
    assert worth.clause == "三"
    assert paid in worth.working.zh


def test_an_amount_that_cannot_be_worked_out_names_what_is_missing() -> None:
    worth = amount_on(POLICY.for_programme("aid"), {}, DAY)
    assert (worth.fen, worth.missing) == (None, ("child.self_paid",))
    assert "自付费用" in worth.working.zh


def test_a_benefit_may_be_one_sum_for_all_or_decided_case_by_case() -> None:
    fixed = benefit(part=None, fixed="500.00")
    assert amount_on(fixed, {}, DAY).fen == 50_000
    decided = benefit(part=None, decided="child.self_paid")
    assert amount_on(decided, {"child.self_paid": "123.45"}, DAY).fen == 12_345


@pytest.mark.requirement("E01")
@pytest.mark.parametrize(
    ("region", "tier", "shares"),
    [
        ("220102001", "city", {"central": 14_400, "province": 6_000, "local": 3_600}),
        ("220122", "county", {"central": 14_400, "province": 7_200, "local": 2_400}),
        ("222401", "border", {"central": 19_200, "province": 3_360, "local": 1_440}),
    ],
)
def test_shares_follow_the_tier_of_the_region(
    region: str, tier: str, shares: dict[str, int]
) -> None:
    assert tier_of(POLICY, region) == tier
    assert split_shares(POLICY, 24_000, tier) == shares


def test_a_region_of_no_tier_is_told_and_never_guessed() -> None:
    assert tier_of(POLICY, "110101") is None
    with pytest.raises(Problem, match="不在任何一档"):
        split_shares(POLICY, 24_000, None)


@pytest.mark.requirement("E01")
@given(st.integers(-(10**12), 10**12), st.sampled_from(["city", "county", "border"]))
def test_shares_of_a_tier_add_up_also_when_money_is_taken_back(fen: int, tier: str) -> None:
    parts = split_shares(POLICY, fen, tier)
    assert sum(parts.values()) == fen
    assert {payer: -part for payer, part in parts.items()} == split_shares(POLICY, -fen, tier)


def test_the_nearest_district_lends_its_name_and_mark() -> None:
    found = LIBRARY.district_for("220102001")
    assert found is not None
    assert found.label.zh == "示例区"
    assert found.logo_svg.startswith("<svg")
    assert LIBRARY.district_for("110101") is None


def test_the_fingerprint_of_a_document_changes_with_its_text(tmp_path: Path) -> None:
    shutil.copytree(HERE / "several", tmp_path / "several")
    again = Library.load(TINY, tmp_path / "several").policies["several-2021"]
    assert again.sha256 == POLICY.sha256
    file = tmp_path / "several" / "policies" / "several-2021.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "# 批注\n", encoding="utf-8")
    changed = Library.load(TINY, tmp_path / "several").policies["several-2021"]
    assert changed.sha256 != POLICY.sha256
