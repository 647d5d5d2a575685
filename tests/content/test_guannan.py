"""The Guannan document of 2014: six programmes, their groups, windows, amounts, targets and milestones."""

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import amount_on, split_shares

XINAN, ELSEWHERE = "320724100", "320723"
ON = date(2014, 11, 1)
REBIRTH = ["policy_second", "bereaved", "sick_child"]


@pytest.fixture(scope="module")
def lib() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def policy(lib: Library) -> Policy:
    return lib.policies["guannan-2014"]


def ask(lib: Library, policy: Policy, programme: str, on: date = ON, **given: Any) -> Any:
    part = policy.for_programme(programme)
    return decide(part, build_facts(lib, programme, given, on, part))


def test_the_programmes_each_have_their_own_terms(lib: Library, policy: Policy) -> None:
    assert policy.programmes[0] == "preconception"
    assert set(policy.programmes) >= {
        "premarital",
        "folic_acid",
        "delivery_subsidy",
        "prenatal_subsidy",
        "newborn_free",
        "maternity",
        "prenatal_screening",
        "newborn_screening",
        "child_health",
    }
    for name in policy.programmes:
        part = policy.for_programme(name)
        assert part.eligibility, name
        assert part.entitlement is not None, name
        assert lib.policy_for(XINAN, name, ON) is policy


@pytest.mark.requirement("A05")
@pytest.mark.parametrize(
    ("on", "found"),
    [
        (date(2014, 9, 16), False),
        (date(2014, 9, 17), True),
        (date(2014, 9, 18), True),
        (date(2021, 9, 6), True),
    ],
)
def test_the_document_is_in_force_from_the_day_it_was_issued(
    lib: Library, on: date, found: bool
) -> None:
    assert (lib.policy_for(XINAN, "preconception", on) is not None) is found


@pytest.mark.requirement("B07")
def test_the_two_checks_are_one_stop(policy: Policy) -> None:
    assert policy.one_stop is not None
    assert policy.one_stop.programmes == ["premarital", "preconception"]
    assert "采血一次性" in str(policy.one_stop.text)


@pytest.mark.requirement("B01")
def test_sixteen_examinations_and_five_services(policy: Policy) -> None:
    services = [i for i in policy.items if i.note and str(i.note).startswith("基本服务")]
    assert len(services) == 5
    assert len(policy.items) - len(services) == 16
    assert {i.national for i in policy.items} == set(range(1, 20))


@pytest.mark.requirement("A03")
@pytest.mark.parametrize(
    ("days", "answer"), [(-1, "yes"), (0, "yes"), (1, "no")], ids=["before", "on", "after"]
)
def test_folic_acid_begins_three_months_before_the_planned_pregnancy(
    lib: Library, policy: Policy, days: int, answer: str
) -> None:
    wife = {
        "hukou_region": XINAN,
        "rural_hukou": True,
        "pregnant": False,
        "preparing_pregnancy": True,
        "planned_pregnancy_on": date(2015, 2, 1) + timedelta(days=days),
    }
    assert ask(lib, policy, "folic_acid", wife=wife).answer == answer


@pytest.mark.requirement("A03")
@pytest.mark.parametrize(
    ("days", "answer"), [(90, "yes"), (91, "no"), (92, "no")], ids=["before", "on", "after"]
)
def test_folic_acid_ends_with_the_third_month_of_pregnancy(
    lib: Library, policy: Policy, days: int, answer: str
) -> None:
    wife = {
        "hukou_region": XINAN,
        "rural_hukou": True,
        "pregnant": True,
        "lmp": ON - timedelta(days=days),
    }
    assert ask(lib, policy, "folic_acid", wife=wife).answer == answer


@pytest.mark.requirement("A03")
@pytest.mark.parametrize(
    ("rural", "group", "answer"),
    [
        (True, "ordinary", "yes"),
        (False, "ordinary", "no"),
        *((False, group, "yes") for group in REBIRTH),
        (False, None, "unknown"),
        (None, "ordinary", "unknown"),
    ],
)
def test_folic_acid_is_for_rural_women_and_the_urban_rebirth_group(
    lib: Library, policy: Policy, rural: bool | None, group: str | None, answer: str
) -> None:
    wife = {
        "hukou_region": XINAN,
        "rural_hukou": rural,
        "birth_group": group,
        "pregnant": True,
        "lmp": ON - timedelta(days=30),
    }
    found = ask(lib, policy, "folic_acid", wife=wife)
    assert found.answer == answer
    if answer == "no":
        assert "三（三）一" in found.clause_line


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("rural", "amount", "answer"),
    [
        (True, 500, "yes"),
        (True, 499.99, "no"),
        (True, 500.01, "no"),
        (False, 300, "yes"),
        (False, 0, "no"),
        (True, None, "unknown"),
    ],
)
def test_a_rural_mother_gets_five_hundred_yuan_and_no_other_amount(
    lib: Library, policy: Policy, rural: bool, amount: float | None, answer: str
) -> None:
    wife = {
        "hukou_region": XINAN,
        "delivered_in_hospital": True,
        "delivered_on": date(2014, 10, 20),
        "rural_hukou": rural,
        "birth_group": "sick_child",
        "hardship": True,
        "granted_amount": amount,
    }
    assert ask(lib, policy, "delivery_subsidy", wife=wife).answer == answer


@pytest.mark.requirement("E03")
@pytest.mark.parametrize("programme", ["delivery_subsidy", "prenatal_subsidy", "newborn_free"])
def test_a_benefit_is_paid_as_decided_and_shared_to_the_fen(
    lib: Library, policy: Policy, programme: str
) -> None:
    part = policy.for_programme(programme)
    role = lib.programmes[programme].roles[0]
    facts = build_facts(lib, programme, {role: {"granted_amount": 860.55}}, ON, part)
    amount = amount_on(part, facts, ON)
    assert amount.fen == 86_055
    assert split_shares(part, 86_055) == {"county_finance": 86_055}
    nothing = amount_on(part, build_facts(lib, programme, {}, ON, part), ON)
    assert nothing.fen is None
    assert nothing.missing == (f"{role}.granted_amount",)


@pytest.mark.requirement("E03")
def test_prenatal_aid_needs_a_rebirth_family_in_hardship(lib: Library, policy: Policy) -> None:
    def answer(**wife: Any) -> str:
        given = {"hukou_region": XINAN, **wife}
        return str(ask(lib, policy, "prenatal_subsidy", wife=given).answer)

    assert answer(birth_group="bereaved", hardship=True) == "yes"
    assert answer(birth_group="bereaved", hardship=False) == "no"
    assert answer(birth_group="ordinary", hardship=True) == "no"
    assert answer(birth_group="bereaved") == "unknown"
    assert answer(birth_group="bereaved", hardship=True, hukou_region=ELSEWHERE) == "unknown"


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(("times", "grant"), [(0, "free"), (1, "own_cost"), (None, "unknown")])
def test_a_newborn_is_screened_free_once(policy: Policy, times: int | None, grant: str) -> None:
    part = policy.for_programme("newborn_free")
    assert decide_entitlement(part, {"child.times_granted": times}).grant == grant


@pytest.mark.requirement("A04")
@pytest.mark.parametrize(
    ("order", "used", "grant"),
    [(1, 0, "free"), (1, 1, "own_cost"), (2, 0, "free"), (2, 1, "own_cost"), (None, 0, "unknown")],
)
def test_the_second_child_has_a_free_check_of_its_own(
    policy: Policy, order: int | None, used: int, grant: str
) -> None:
    facts = {"couple.child_order": order, "couple.free_checks_used": used}
    assert decide_entitlement(policy, facts).grant == grant


@pytest.mark.requirement("F01")
def test_the_eight_targets_stand_as_written(policy: Policy) -> None:
    found = {t.id: (int(t.value), t.unit, t.direction) for t in policy.targets}
    assert found == {
        "birth_defects": (7, "‰", "lower"),
        "knowledge": (90, "%", "higher"),
        "rebirth_guidance": (100, "%", "higher"),
        "premarital": (75, "%", "higher"),
        "coverage": (90, "%", "higher"),
        "maternal_service": (95, "%", "higher"),
        "prenatal_high_risk": (85, "%", "higher"),
        "newborn_screening": (95, "%", "higher"),
    }


@pytest.mark.requirement("F01")
def test_a_target_that_cannot_be_counted_has_no_indicator_and_says_why(policy: Policy) -> None:
    for target in policy.targets:
        assert (
            target.indicator is not None
            or "数不出" in str(target.text)
            or "不据此" in str(target.text)
        )
    counted = {t.indicator for t in policy.targets if t.indicator}
    assert counted >= {
        "knowledge_rate",
        "rebirth_guidance_rate",
        "premarital_rate",
        "coverage_rate",
        "maternal_service_rate",
        "prenatal_high_risk_rate",
        "newborn_screening_rate",
    }


@pytest.mark.requirement("F01")
def test_guidance_of_rebirth_couples_counts_those_with_a_counselling_record(lib: Library) -> None:
    rate = lib.programmes["preconception"].indicators["rebirth_guidance_rate"]
    assert rate.numerator is not None
    assert rate.denominator is not None
    for group, counts in (("bereaved", True), ("sick_child", True), ("ordinary", False)):
        assert rate.denominator.evaluate({"couple.rebirth_group": group}) is counts
    assert rate.numerator.evaluate({"couple.counselling_on": None}) is False


@pytest.mark.requirement("F07")
def test_the_milestones_follow_the_steps_of_the_campaign(policy: Policy) -> None:
    found = [(m.id, m.from_, m.by) for m in policy.milestones]
    assert found == [
        ("survey", None, date(2014, 9, 20)),
        ("publicity", date(2014, 9, 21), date(2014, 10, 20)),
        ("rollout", date(2014, 10, 21), date(2014, 12, 31)),
        ("platform", None, date(2014, 11, 30)),
        ("summary", None, date(2014, 12, 31)),
    ]
    assert all(m.who.zh and m.evidence.zh and m.clause for m in policy.milestones)


def test_money_that_the_document_leaves_open_is_marked_as_an_example(policy: Policy) -> None:
    for part in policy.every_part():
        for entry in (*part.price, *part.shares):
            assert entry.source is not None
            assert entry.source.status == "example"
        if part.settlement is not None:
            assert part.settlement.source is not None
            assert part.settlement.source.status == "example"
    assert policy.for_programme("delivery_subsidy").benefit is not None


def test_the_county_shows_its_own_name_and_mark(lib: Library) -> None:
    county = lib.district_for(XINAN)
    assert county is not None
    assert county.label.zh == "灌南县"
    assert county.logo_svg.startswith("<svg")
    assert county.spec.centre.source is not None
    assert county.spec.centre.source.status == "example"
