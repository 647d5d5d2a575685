"""The Qijiang document of 2018: several programmes in one, in force thirty days after its issue."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sanyou.protocol.eligibility import Decision, decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.errors import Problem
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.pricing import amount_on, price_on, split_shares

LIBRARY = Library.load()
POLICY = LIBRARY.policies["qijiang-2018"]
AID = POLICY.for_programme("congenital_aid")
INSURANCE = POLICY.for_programme("congenital_insurance")
GUNAN, ELSEWHERE = "500110001", "520322"
DAY = date(2021, 3, 1)
PROGRAMMES = ("preconception", "folic_acid", "congenital_aid", "congenital_insurance")


@pytest.mark.requirement("A05")
@pytest.mark.parametrize("programme", PROGRAMMES)
@pytest.mark.parametrize(
    ("on", "document"),
    [
        (date(2018, 5, 28), "qijiang-2013"),  # issued
        (date(2018, 6, 26), "qijiang-2013"),
        (date(2018, 6, 27), "qijiang-2018"),  # thirty days later
        (date(2018, 6, 28), "qijiang-2018"),
    ],
)
def test_it_takes_over_thirty_days_after_its_issue(programme: str, on: date, document: str) -> None:
    found = LIBRARY.policy_for(GUNAN, programme, on)
    assert found is not None
    assert found.id == document


def test_the_repealed_document_is_known_by_number_only() -> None:
    old = LIBRARY.policies["qijiang-2013"]
    assert (old.stub, old.ends) == (True, date(2018, 6, 26))
    assert old.document_number == "綦江府办发〔2013〕78号"
    assert decide(old, {}).answer == "unknown"


# --- 四（一）1 ------------------------------------------------------------------------------------


def couple(wife: dict[str, Any], husband: dict[str, Any], on: date = DAY) -> Decision:
    given = {
        "wife": wife,
        "husband": husband,
        "couple": {"planning": True, "policy_compliant": True},
    }
    return decide(POLICY, build_facts(LIBRARY, "preconception", given, on, POLICY))


def resident(since: date, hukou: str = ELSEWHERE) -> dict[str, Any]:
    return {"hukou_region": hukou, "residence_region": GUNAN, "residence_since": since}


SIX_MONTHS, A_DAY_SHORT = date(2020, 9, 1), date(2020, 9, 2)


@pytest.mark.requirement("A03")
@pytest.mark.parametrize(
    ("wife", "husband", "answer"),
    [
        (resident(SIX_MONTHS), resident(SIX_MONTHS), "yes"),
        (resident(A_DAY_SHORT), resident(SIX_MONTHS), "no"),
        (resident(SIX_MONTHS), resident(A_DAY_SHORT), "no"),
        (resident(A_DAY_SHORT, GUNAN), resident(A_DAY_SHORT), "yes"),
        ({"hukou_region": ELSEWHERE}, {"hukou_region": GUNAN}, "yes"),
        ({"hukou_region": ELSEWHERE}, {}, "unknown"),
    ],
)
def test_one_local_hukou_or_both_six_months_resident(
    wife: dict[str, Any], husband: dict[str, Any], answer: str
) -> None:
    assert couple(wife, husband).answer == answer


@pytest.mark.requirement("A03")
def test_one_spouse_resident_is_enough_in_jiulongpo_and_not_here() -> None:
    jiulongpo = LIBRARY.policies["jiulongpo-2020"]
    there = {"hukou_region": ELSEWHERE, "residence_region": "500107008"}
    given = {
        "wife": there | {"residence_since": SIX_MONTHS},
        "husband": {"hukou_region": ELSEWHERE, "residence_region": ELSEWHERE},
        "couple": {"planning": True, "policy_compliant": True},
    }
    facts = build_facts(LIBRARY, "preconception", given, DAY, jiulongpo)
    assert decide(jiulongpo, facts).answer == "yes"
    away = {"hukou_region": ELSEWHERE, "residence_region": ELSEWHERE}
    assert couple(resident(SIX_MONTHS), away).answer == "no"


@pytest.mark.requirement("A04")
def test_once_per_child_order_rests_on_the_national_rule() -> None:
    assert POLICY.entitlement is not None
    for decision in POLICY.entitlement.decisions:
        assert not decision.clause  # the document says nothing about how often
        assert decision.source is not None
        assert "每孩次" in decision.source.ref


@pytest.mark.requirement("B01")
def test_nine_laboratory_and_four_pathogen_items() -> None:
    kinds = [item.kind for item in POLICY.items]
    assert kinds.count("laboratory") == 9
    assert kinds.count("pathogen") == 4
    text = next(c.text for c in POLICY.clauses if c.ref == "四（一）1")
    for item in POLICY.items:
        if item.kind in ("laboratory", "pathogen"):
            assert item.label.zh in text, item.id


@pytest.mark.requirement("E01")
def test_what_the_document_leaves_open_is_marked_as_an_example() -> None:
    assert price_on(POLICY, date(2018, 6, 27)) == 40_000
    with pytest.raises(Problem, match="价格"):
        price_on(POLICY, date(2018, 6, 26))
    for entry in (*POLICY.price, *POLICY.shares, POLICY.settlement):
        assert entry is not None
        assert entry.source is not None
        assert entry.source.status == "example"


# --- 四（三）2 ------------------------------------------------------------------------------------


def child(**given: Any) -> dict[str, Any]:
    known = {
        "hukou_region": GUNAN,
        "birth_date": date(2016, 3, 10),
        "defect_confirmed": True,
        "cost_total": Decimal(30_000),
        "medical_insurance_paid": Decimal(0),
        "commercial_insurance_paid": Decimal(0),
    }
    on = given.pop("on", DAY)
    return build_facts(LIBRARY, "congenital_aid", {"child": known | given}, on, AID)


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("applied", "answer"),
    [(date(2021, 3, 9), "yes"), (date(2021, 3, 10), "no"), (date(2021, 3, 11), "no")],
)
def test_under_five_on_the_day_of_the_application(applied: date, answer: str) -> None:
    # Whoever applied in time is not turned away because the office took until May.
    for on in (applied, date(2021, 5, 1)):
        assert decide(AID, child(applied_on=applied, on=on)).answer == answer


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("paid", "answer", "fen"),
    [
        ("5000", "no", 0),
        ("5000.01", "no", 0),
        ("5000.02", "yes", 1),
        ("25000", "yes", 600_000),
        ("38333.30", "yes", 999_999),
        ("38333.34", "yes", 1_000_000),
        ("90000", "yes", 1_000_000),
    ],
)
def test_thirty_percent_above_5000_yuan_and_at_most_10000(paid: str, answer: str, fen: int) -> None:
    facts = child(applied_on=DAY, cost_total=Decimal(paid))
    assert decide(AID, facts).answer == answer
    worth = amount_on(AID, facts, DAY)
    assert (worth.fen, worth.clause) == (fen, "四（三）2")
    assert sum(split_shares(AID, fen).values()) == fen


@pytest.mark.requirement("E03")
def test_what_insurance_paid_comes_off_first() -> None:
    facts = child(
        cost_total=Decimal(60_000),
        medical_insurance_paid=Decimal(30_000),
        commercial_insurance_paid=Decimal(5_000),
    )
    assert amount_on(AID, facts, DAY).fen == 600_000
    unknown = child(commercial_insurance_paid=None)
    assert amount_on(AID, unknown, DAY).fen is None
    assert decide(AID, unknown).missing == ("child.self_paid",)


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(("times", "grant"), [(0, "free"), (1, "own_cost"), (None, "unknown")])
def test_one_subsidy_for_a_child(times: int | None, grant: str) -> None:
    assert decide_entitlement(AID, {"child.times_granted": times}).grant == grant
    assert AID.entitlement is not None
    assert AID.entitlement.unit == ["child"]


# --- 四（三）1 ------------------------------------------------------------------------------------


@pytest.mark.requirement("E03")
def test_the_insurer_decides_the_compensation_of_each_event() -> None:
    assert amount_on(INSURANCE, {"child.granted_amount": Decimal("1234.56")}, DAY).fen == 123_456
    assert amount_on(INSURANCE, {}, DAY).missing == ("child.granted_amount",)
    assert INSURANCE.entitlement is not None
    assert INSURANCE.entitlement.unit == ["child", "insurance_event", "insurance_event_on"]


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"insured_at_birth": True, "insurance_event": "newborn_death"}, "yes"),
        ({"insured_at_birth": False, "insurance_event": "newborn_death"}, "no"),
        ({"insured_at_birth": True, "insurance_event": "defect_treatment"}, "unknown"),
    ],
)
def test_hospital_births_are_compensated_whatever_the_hukou(
    given: dict[str, Any], answer: str
) -> None:
    facts = build_facts(LIBRARY, "congenital_insurance", {"child": given}, DAY, INSURANCE)
    assert decide(INSURANCE, facts).answer == answer


# --- 四（一）2, 四（二） ---------------------------------------------------------------------------


@pytest.mark.requirement("B08")
@pytest.mark.parametrize(
    ("lmp", "answer"), [(date(2020, 12, 1), "yes"), (date(2020, 11, 30), "no")]
)
def test_folic_acid_until_the_end_of_the_twelfth_week_for_anyone_living_here(
    lmp: date, answer: str
) -> None:
    policy = POLICY.for_programme("folic_acid")
    wife = {"pregnant": True, "lmp": lmp, "hukou_region": ELSEWHERE, "residence_region": GUNAN}
    facts = build_facts(LIBRARY, "folic_acid", {"wife": wife}, DAY, policy)
    assert decide(policy, facts).answer == answer


@pytest.mark.requirement("C04")
def test_the_second_level_tests_every_woman_and_cares_for_the_positive_and_their_children() -> None:
    clause = POLICY.clause("四（二）")
    assert clause is not None
    assert clause.status == "implemented"
    for programme in ("infection_test", "infection_blocking", "infection_infant"):
        assert f"programme:{programme}" in clause.by
        terms = POLICY.for_programme(programme)
        assert terms.entitlement is not None
        assert [d.grant for d in terms.entitlement.decisions] == ["free"]


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("born", "birthday"),
    [
        (date(2016, 3, 10), date(2021, 3, 10)),
        (date(2016, 2, 29), date(2021, 2, 28)),  # no such day in 2021: the last of its month
        (None, None),
    ],
)
def test_the_fifth_birthday_is_the_corresponding_day(
    born: date | None, birthday: date | None
) -> None:
    assert child(birth_date=born)["child.fifth_birthday"] == birthday
