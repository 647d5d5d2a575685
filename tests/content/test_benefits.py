"""Subsidies under the documents that grant them: Qijiang's aid, Guannan's delivery and screening."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.benefits import applications, decisions, notices
from sanyou.care import content, encounters, episodes
from sanyou.care.models import Episode
from sanyou.finance.models import Claim
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.registry.people import PersonData, register_person
from tests.benefits.conftest import child_answers
from tests.conftest import id_number

pytestmark = pytest.mark.django_db

QIJIANG, GUANNAN = "500110", "320724"
DAY = date(2021, 3, 1)
SUBSIDIES = {
    "congenital_aid",
    "congenital_insurance",
    "delivery_subsidy",
    "prenatal_subsidy",
    "newborn_free",
}
SEEN = {"originals_seen": ["identity"], "originals_agree": True}


@pytest.fixture
def at(regions: None, staff: Any) -> Callable[..., Actor]:
    def make(duty: str, county: str = QIJIANG) -> Actor:
        person = staff(duty, county, f"{duty}-{county}")
        return Actor.of(person, person.duties.get(duty=duty))

    return make


@pytest.fixture
def apply(at: Any) -> Callable[..., Episode]:
    """Bring an application through village, township and centre to the confirmation."""

    def make(
        county: str,
        programme: str,
        told: dict[str, Any],
        check: dict[str, Any],
        born: date = date(2018, 5, 20),
        hukou: str = "",
        on: date = DAY,
        number: int = 2,
    ) -> Episode:
        if not Region.objects.get(pk=county).organisation_set.exists():
            organisations.setup_district(county, "妇幼保健院")
        town = Region.objects.filter(parent_id=county).first()
        assert town is not None
        person = register_person(
            PersonData(
                name="王小宝",
                id_number=id_number(county, born, number),
                hukou_region=Region.objects.get(pk=hukou or county),
                residence_region=town,
            ),
            Actor.system("tests"),
        )
        clerk = at("registration", county)
        [role] = content.library().programmes[programme].roles
        row = episodes.nominate(clerk, programme, person, {role: told}, on=on, region=town)
        papers = {"papers_given": ["identity", "invoice"]}
        encounters.record(row, f"{programme}_papers", role, papers, on, clerk)
        episodes.review(row, at("township_officer", county), on)
        encounters.record(row, f"{programme}_check", role, SEEN | check, on, clerk)
        episodes.confirm(row, clerk, on)
        row.refresh_from_db()
        return row

    return make


@pytest.fixture
def approve(at: Any) -> Callable[..., Claim]:
    def make(episode: Episode, county: str = QIJIANG, on: date = DAY) -> Claim:
        clerk = at("registration", county)
        notice = notices.make(clerk, episode.programme, episode.policy, [episode], on, on=on)
        after = on + timedelta(days=7)
        notices.close(notice, clerk, after)
        decisions.approve(episode, at("manager", county), after)
        return Claim.objects.get(episode=episode)

    return make


def aid(apply: Any, **given: Any) -> Episode:
    keys = {"born", "hukou", "on", "number"} & given.keys()
    where = {k: given.pop(k) for k in keys}
    found: Episode = apply(
        QIJIANG, "congenital_aid", child_answers(**given), {"defect_confirmed": True}, **where
    )
    return found


def test_no_programme_of_a_subsidy_names_a_district(library: Any) -> None:
    for name in SUBSIDIES:
        folder = library.programmes[name].folder
        text = "".join(p.read_text() for p in folder.rglob("*") if p.is_file())
        assert not [word for word in ("綦江", "灌南", "重庆", "江苏") if word in text], name


def test_each_subsidy_ends_in_a_notice_an_approval_and_a_paper(library: Any) -> None:
    assert {p.id for p in applications.programmes()} == SUBSIDIES
    for name in SUBSIDIES:
        kinds = [s.kind for s in library.programmes[name].steps]
        assert kinds == [
            "form", "form", "review", "form", "confirm", "publish", "approve", "document",
        ]  # fmt: skip


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("cost", "insurance", "fen"),
    [("5000.04", "0", 1), ("6000", "0", 30_000), ("50000", "11666.66", 1_000_000)],
)
def test_the_aid_pays_thirty_percent_above_five_thousand(
    apply: Any, approve: Any, cost: str, insurance: str, fen: int
) -> None:
    episode = aid(apply, cost_total=cost, medical_insurance_paid=insurance)
    claim = approve(episode)
    assert (claim.status, claim.amount) == (Claim.Status.READY, fen)


@pytest.mark.requirement("E03")
def test_the_limit_is_reached_at_38333_34(apply: Any) -> None:
    below = aid(apply, cost_total="38333.33", medical_insurance_paid="0", number=2)
    at_it = aid(apply, cost_total="38333.34", medical_insurance_paid="0", number=4)
    beyond = aid(apply, cost_total="60000", medical_insurance_paid="0", number=6)
    fen = [applications.worth(e, DAY).fen for e in (below, at_it, beyond)]
    assert fen == [1_000_000, 1_000_000, 1_000_000]
    assert "最高" not in applications.worth(at_it, DAY).working.zh
    assert "最高 10000.00 元" in applications.worth(beyond, DAY).working.zh


@pytest.mark.requirement("E03")
def test_five_thousand_itself_is_refused_by_the_clause(apply: Any) -> None:
    episode = aid(apply, cost_total="5000", medical_insurance_paid="0")
    refusal = applications.refusal_of(episode)
    assert refusal is not None
    assert refusal.clause == "四（三）2"
    assert "没有超过 5,000 元" in refusal.reason


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("born", "status"), [(date(2016, 3, 2), "open"), (date(2016, 3, 1), "ineligible")]
)
def test_who_applies_on_the_fifth_birthday_is_too_old(apply: Any, born: date, status: str) -> None:
    assert aid(apply, born=born).status == status


def test_a_child_registered_elsewhere_is_refused(apply: Any) -> None:
    assert aid(apply, hukou="110101").status == "ineligible"


@pytest.mark.requirement("E03")
def test_the_second_aid_is_refused_by_the_clause(apply: Any, approve: Any, at: Any) -> None:
    first = aid(apply)
    approve(first)
    episodes.close(first, at("registration"), "办结")
    second = aid(apply)
    refusal = applications.refusal_of(second)
    assert refusal is not None
    assert refusal.clause == "四（三）2"
    assert "已享受过一次" in refusal.reason


@pytest.mark.requirement("E03")
def test_the_insurance_pays_what_the_insurer_decided(apply: Any, approve: Any) -> None:
    told = {
        "applicant_name": "欧阳秀英",
        "guardian_relation": "mother",
        "applicant_phone": "13800000001",
        "insurance_event": "newborn_death",
        "insurance_event_on": "2021-02-01",
        "insurance_policy_number": "P-1",
        "treatment_hospital": "区人民医院",
        "cost_total": "8000",
        "medical_insurance_paid": "0",
        "commercial_insurance_paid": "0",
        "account_holder": "欧阳秀英",
        "bank_name": "农商行",
        "bank_account": "6222",
    }
    check = {"insured_at_birth": True, "granted_amount": "20000"}
    born = date(2021, 1, 20)
    episode = apply(QIJIANG, "congenital_insurance", told, check, born=born)
    assert approve(episode).amount == 2_000_000


def mother(**given: Any) -> dict[str, Any]:
    return {
        "applicant_phone": "13800000002",
        "delivered_on": "2021-02-20",
        "delivered_in_hospital": True,
        "delivery_hospital": "县人民医院",
        "rural_hukou": True,
        "birth_group": "ordinary",
        "hardship": False,
        "account_holder": "李桂花",
        "bank_name": "农商行",
        "bank_account": "6222",
    } | given


def checked(amount: str, rural: bool = True) -> dict[str, Any]:
    return {"delivered_in_hospital": True, "rural_hukou": rural, "granted_amount": amount}


@pytest.mark.requirement("E03")
def test_a_rural_mother_gets_five_hundred(apply: Any, approve: Any) -> None:
    episode = apply(GUANNAN, "delivery_subsidy", mother(), checked("500"), born=date(1995, 1, 1))
    assert approve(episode, GUANNAN).amount == 50_000


@pytest.mark.requirement("E03")
def test_another_amount_for_a_rural_mother_is_refused(apply: Any) -> None:
    episode = apply(GUANNAN, "delivery_subsidy", mother(), checked("600"), born=date(1995, 1, 1))
    assert episode.status == "ineligible"


@pytest.mark.requirement("E03")
def test_free_screening_of_newborns_of_re_birth_families(apply: Any, approve: Any) -> None:
    told = {
        "applicant_name": "李桂花",
        "guardian_relation": "mother",
        "applicant_phone": "13800000002",
        "newborn_tests": ["hypothyroidism", "phenylketonuria", "hearing"],
        "newborn_tested_on": "2021-02-25",
        "newborn_hospital": "县妇幼保健院",
        "birth_group": "bereaved",
        "cost_total": "150",
        "account_holder": "李桂花",
        "bank_name": "农商行",
        "bank_account": "6222",
    }
    check = {"birth_group": "bereaved", "granted_amount": "150"}
    episode = apply(GUANNAN, "newborn_free", told, check, born=date(2021, 2, 20))
    assert episode.status == "open", episode.status_reason
    assert approve(episode, GUANNAN).amount == 15_000


@pytest.mark.requirement("E03")
def test_prenatal_screening_of_re_birth_families_in_hardship(apply: Any, approve: Any) -> None:
    told = {
        "applicant_phone": "13800000002",
        "prenatal_services": ["serum"],
        "prenatal_on": "2021-02-01",
        "treatment_hospital": "县妇幼保健院",
        "birth_group": "policy_second",
        "hardship": True,
        "cost_total": "600",
        "medical_insurance_paid": "0",
        "commercial_insurance_paid": "0",
        "account_holder": "李桂花",
        "bank_name": "农商行",
        "bank_account": "6222",
    }
    check = {"birth_group": "policy_second", "hardship": True, "granted_amount": "300"}
    episode = apply(GUANNAN, "prenatal_subsidy", told, check, born=date(1995, 1, 1))
    assert episode.status == "open", episode.status_reason
    assert approve(episode, GUANNAN).amount == 30_000


@pytest.mark.requirement("E04")
def test_the_twenty_five_programmes_each_have_their_funding(library: Any) -> None:
    policy = library.policies["hebei-2021"]
    assert len(policy.benefit_programmes) == 25
    for spec in policy.benefit_programmes:
        assert spec.funding, spec.id
        assert set(spec.funding) <= policy.funding.keys()
        assert str(spec.beneficiaries)
