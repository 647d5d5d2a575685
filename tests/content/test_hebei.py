"""The Hebei District document of 2021: three programmes, 13 duties, 25 benefit programmes."""

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy

YUEYAHE, HONGQIAO = "120105010", "120106"
ON = date(2021, 9, 1)


@pytest.fixture(scope="module")
def lib() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def policy(lib: Library) -> Policy:
    return lib.policies["hebei-2021"]


def ask(lib: Library, policy: Policy, programme: str, on: date = ON, **given: Any) -> str:
    part = policy.for_programme(programme)
    return str(decide(part, build_facts(lib, programme, given, on, part)).answer)


@pytest.mark.requirement("A05")
@pytest.mark.parametrize(
    ("on", "found"),
    [
        (date(2021, 7, 13), False),
        (date(2021, 7, 14), True),
        (date(2030, 12, 31), True),
        (date(2031, 1, 1), False),
    ],
)
def test_the_document_holds_from_its_issue_to_the_end_of_the_plan(
    lib: Library, on: date, found: bool
) -> None:
    for programme in ("preconception", "premarital", "folic_acid"):
        assert (lib.policy_for(YUEYAHE, programme, on) is not None) is found


@pytest.mark.requirement("A03")
@pytest.mark.parametrize(
    ("hukou", "home", "answer"),
    [
        (YUEYAHE, HONGQIAO, "yes"),
        (HONGQIAO, YUEYAHE, "yes"),
        (HONGQIAO, HONGQIAO, "no"),
        (HONGQIAO, None, "unknown"),
    ],
)
def test_residents_of_the_district_are_served_whatever_their_hukou(
    lib: Library, policy: Policy, hukou: str, home: str | None, answer: str
) -> None:
    wife = {"hukou_region": hukou, "residence_region": home}
    away = {"hukou_region": HONGQIAO, "residence_region": HONGQIAO}
    both = {"planning": True, "premarital_told": True}
    for programme in ("preconception", "premarital"):
        found = ask(lib, policy, programme, wife=wife, husband=away, couple=both)
        assert found == answer


@pytest.mark.requirement("B08")
@pytest.mark.parametrize(
    ("days", "answer"), [(-1, "yes"), (0, "yes"), (1, "no")], ids=["before", "on", "after"]
)
def test_folic_acid_begins_three_months_before_for_every_resident(
    lib: Library, policy: Policy, days: int, answer: str
) -> None:
    wife = {
        "residence_region": YUEYAHE,
        "rural_hukou": False,
        "birth_group": "ordinary",
        "pregnant": False,
        "preparing_pregnancy": True,
        "planned_pregnancy_on": date(2021, 12, 1) + timedelta(days=days),
    }
    assert ask(lib, policy, "folic_acid", wife=wife) == answer


@pytest.mark.requirement("B08")
def test_the_folate_level_is_one_of_the_items(policy: Policy) -> None:
    items = {i.id: i for i in policy.for_programme("folic_acid").items}
    assert items["folate_test"].clause == "一（二）1"


@pytest.mark.requirement("B07")
def test_the_premarital_check_screens_for_infections_in_the_same_visit(policy: Policy) -> None:
    assert policy.one_stop is not None
    assert set(policy.one_stop.programmes) == {"premarital", "preconception"}
    items = {i.id: i for i in policy.for_programme("premarital").items}
    assert items["premarital_infection"].requires == ["hbsag", "syphilis"]
    assert items["premarital_infection"].clause == "一（二）1"


@pytest.mark.requirement("A04")
@pytest.mark.parametrize(
    ("last", "grant"), [(None, "free"), (date(2021, 8, 31), "own_cost")], ids=["first", "again"]
)
def test_a_premarital_check_is_free_once(policy: Policy, last: date | None, grant: str) -> None:
    part = policy.for_programme("premarital")
    assert decide_entitlement(part, {"couple.last_check_on": last}).grant == grant


@pytest.mark.requirement("F06")
def test_the_thirteen_departments_have_their_duties_each_by_its_clause(policy: Policy) -> None:
    numbers = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三"]
    assert [d.clause for d in policy.duties] == [f"二（{n}）" for n in numbers]
    for duty in policy.duties:
        clause = policy.clause(duty.clause)
        assert clause is not None
        assert duty.label.zh in clause.text


@pytest.mark.requirement("E04")
def test_twenty_five_benefit_programmes_as_an_example_set(lib: Library, policy: Policy) -> None:
    found = policy.benefit_programmes
    assert len(found) == 25
    for entry in found:
        assert entry.source is not None
        assert entry.source.status == "example"
        assert entry.beneficiaries.zh
        assert set(entry.funding) <= set(policy.funding)
    run = {e.programme for e in found if e.programme}
    assert run <= set(policy.programmes)
    assert {f for e in found for f in e.funding} == set(policy.funding)


@pytest.mark.requirement("E04")
def test_the_sources_of_money_are_those_the_document_names(policy: Policy) -> None:
    clause = policy.clause("三（二）")
    assert clause is not None
    for fund in policy.funding.values():
        assert fund.label.zh in clause.text
    assert clause.status == "open", "the list itself is the district's to give"
    assert "示例" in clause.reason


@pytest.mark.parametrize(
    ("ref", "programmes"),
    [
        (
            "一（一）3",
            "severe_case emergency_referral maternal_death child_death safety_interview safety_drill",
        ),
        ("一（三）2", "cervical_screening breast_screening women_census"),
    ],
)
def test_the_tasks_of_the_plan_name_their_programmes(
    policy: Policy, ref: str, programmes: str
) -> None:
    clause = policy.clause(ref)
    assert clause is not None
    assert clause.status == "implemented"
    assert {f"programme:{name}" for name in programmes.split()} <= set(clause.by)


def test_the_district_shows_its_own_name_and_mark(lib: Library) -> None:
    district = lib.district_for(YUEYAHE)
    assert district is not None
    assert district.label.zh == "河北区"
    assert district.logo_svg.startswith("<svg")
