"""The Jiulongpo document of 2020 as content: complete, dated, and deciding as it says."""

from datetime import date
from decimal import Decimal

import pytest

from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import completeness, price_on, split_shares

NUMBERED = [
    "一",
    "二",
    "二（一）",
    "二（二）",
    "三",
    "四",
    "五",
    "六",
    "六（一）",
    "六（一）1",
    "六（一）2",
    "六（一）3",
    "六（二）",
    "六（三）",
    "六（三）1",
    "六（三）2",
    "七",
    "八",
    "八（一）",
    "八（二）",
    "八（三）",
    "八（四）",
    "九",
]
HUAYAN, HANGU, GUIYANG = "500107102", "500107103", "520102"


@pytest.fixture(scope="module")
def lib() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def policy(lib: Library) -> Policy:
    return lib.policies["jiulongpo-2020"]


def decision(lib: Library, policy: Policy, on: date, **given: dict) -> str:
    couple = {"planning": True, "policy_compliant": True} | given.pop("couple", {})
    facts = build_facts(lib, "preconception", {**given, "couple": couple}, on, policy)
    return decide(policy, facts).answer


def test_every_numbered_section_of_the_document_is_listed_in_its_order(policy: Policy) -> None:
    refs = [clause.ref for clause in policy.clauses]
    assert [ref for ref in refs if ref not in ("印发通知", "前言", "附件")] == NUMBERED
    assert refs[:2] == ["印发通知", "前言"]
    assert refs[-1] == "附件"


def test_clause_texts_are_the_words_of_the_document(policy: Policy) -> None:
    text = {clause.ref: clause.text for clause in policy.clauses}
    assert "满半年的流动人口" in text["三"]
    assert "高新区直管区除外" in text["三"]
    assert "每孩次提供一次免费孕前优生健康检查" in text["四"]
    assert "460元/每对夫妇" in text["六（一）2"]
    assert "每半年结算一次" in text["六（一）2"]
    assert "96%以上（以市级下达任务量为基数）" in text["二（二）"]
    assert "〔2017〕336号" in text["九"]


def test_a_clause_that_is_not_implemented_says_why(policy: Policy) -> None:
    statuses = {clause.status for clause in policy.clauses}
    assert statuses == {"implemented", "exhortation", "open"}
    for clause in policy.clauses:
        assert clause.by if clause.status == "implemented" else clause.reason, clause.ref


@pytest.mark.requirement("A05")
def test_the_document_takes_over_on_the_day_it_was_issued(lib: Library) -> None:
    before = lib.policy_for(HUAYAN, "preconception", date(2020, 12, 9))
    after = lib.policy_for(HUAYAN, "preconception", date(2020, 12, 10))
    assert before is not None
    assert before.id == "jiulongpo-2017"
    assert before.stub
    assert after is not None
    assert after.id == "jiulongpo-2020"
    assert not after.stub
    assert decide(before, {}).answer == "unknown"


@pytest.mark.requirement("A03")
@pytest.mark.parametrize(
    ("wife", "husband", "on", "answer"),
    [
        (HUAYAN, GUIYANG, date(2021, 3, 1), "yes"),
        (GUIYANG, GUIYANG, date(2021, 2, 28), "no"),
        (GUIYANG, GUIYANG, date(2021, 3, 1), "yes"),
        (HANGU, HANGU, date(2021, 3, 1), "no"),
        (HANGU, GUIYANG, date(2021, 3, 1), "no"),
        (HANGU, HUAYAN, date(2021, 3, 1), "yes"),
        ("500107", GUIYANG, date(2021, 3, 1), "unknown"),
    ],
)
def test_hukou_and_six_full_months_decide_who_belongs(
    lib: Library, policy: Policy, wife: str, husband: str, on: date, answer: str
) -> None:
    home = {"residence_region": HUAYAN, "residence_since": date(2020, 9, 1)}
    given = {"wife": {"hukou_region": wife, **home}, "husband": {"hukou_region": husband, **home}}
    assert decision(lib, policy, on, **given) == answer


@pytest.mark.requirement("A03")
def test_a_blank_answer_about_the_birth_policy_is_asked_for_not_guessed(
    lib: Library, policy: Policy
) -> None:
    facts = build_facts(
        lib,
        "preconception",
        {"wife": {"hukou_region": HUAYAN}, "couple": {"planning": True}},
        date(2021, 3, 1),
        policy,
    )
    result = decide(policy, facts)
    assert result.answer == "unknown"
    assert result.missing == ("couple.policy_compliant",)
    assert "镇街" in result.clause_line
    assert "〔2020〕136号" in result.clause_line


@pytest.mark.requirement("A04")
@pytest.mark.parametrize(
    ("used", "grant"), [(0, "free"), (1, "own_cost"), (2, "own_cost"), (None, "unknown")]
)
def test_one_free_check_for_each_child_order(policy: Policy, used: int | None, grant: str) -> None:
    result = decide_entitlement(policy, {"couple.child_order": 1, "couple.free_checks_used": used})
    assert (result.grant, result.clause) == (grant, "四")


@pytest.mark.requirement("A04")
def test_without_the_child_order_nobody_can_tell_whether_it_is_free(policy: Policy) -> None:
    result = decide_entitlement(policy, {"couple.free_checks_used": 0})
    assert result.grant == "unknown"
    assert result.missing == ("couple.child_order",)


@pytest.mark.requirement("E01")
def test_a_couple_costs_460_yuan_all_from_the_district(policy: Policy) -> None:
    assert price_on(policy, date(2020, 12, 10)) == 46_000
    assert price_on(policy, date(2021, 6, 30)) == 46_000
    assert split_shares(policy, 46_000 * 202) == {"district_finance": 9_292_000}
    assert sum(Decimal(share.percent) for share in policy.shares) == 100


@pytest.mark.requirement("E01")
def test_the_price_is_unknown_before_the_document(policy: Policy) -> None:
    with pytest.raises(Exception, match="价格"):
        price_on(policy, date(2020, 12, 9))


@pytest.mark.requirement("B01")
def test_the_items_cover_the_nineteen_of_the_national_list(policy: Policy) -> None:
    assert {item.national for item in policy.items if item.national} == set(range(1, 20))
    own = {item.id: item.who for item in policy.items}
    assert own["gonococcus"] == own["chlamydia"] == own["thyroid"] == ["wife"]
    assert own["glucose"] == own["hepatitis_b"] == ["wife", "husband"]


@pytest.mark.requirement("B01")
def test_each_missing_result_names_its_item_and_person(policy: Policy) -> None:
    every = {
        f"{role}.{element}": "x"
        for item in policy.items
        for role in item.who
        for element in item.requires
    }
    assert completeness(policy, every) == []
    for name in every:
        missing = completeness(policy, every | {name: None})
        assert [fact for item in missing for fact in item.facts] == [name]
