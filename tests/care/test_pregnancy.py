"""One pregnancy in Guannan through the services: booked, screened, assessed, managed, delivered."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.care import assessments, content, documents, encounters, episodes
from sanyou.care.errors import NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode, Task
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.registry.people import PersonData, register_person

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("C01"), pytest.mark.requirement("C02")]

COUNTY, TOWN = "320724", "320724100"
LMP = date(2020, 12, 1)
EDD = date(2021, 9, 7)
NONE = ["none"]


def day(n: int) -> date:
    """The day on which she is n days pregnant."""
    return LMP + timedelta(days=n)


BOOKED = day(70)


@pytest.fixture
def at(district: Any, actor: Any) -> Callable[[str], Actor]:
    organisations.setup_district(COUNTY, "灌南县妇幼保健院")

    def make(duty: str) -> Actor:
        found: Actor = actor(duty, TOWN if duty == "maternity_doctor" else COUNTY)
        return found

    return make


@pytest.fixture
def woman(at: Any, make_id: Any) -> Any:
    town = Region.objects.get(pk=TOWN)
    return register_person(
        PersonData(
            name="欧阳慧敏",
            id_number=make_id(COUNTY, date(1995, 4, 2), 248),
            hukou_region=town,
            hukou_text=town.full_name,
            residence_region=town,
            residence_text=town.full_name,
            residence_since=date(2018, 5, 1),
        ),
        Actor.system("tests"),
    )


@pytest.fixture
def booked(at: Any, woman: Any) -> Episode:
    told = {
        "lmp_certainty": "certain",
        "lmp": LMP.isoformat(),
        "cycle_days": 28,
        "conception_way": "natural",
        "gravidity": 1,
        "parity": 1,
        "caesareans": 0,
        "last_delivery_on": "2018-06-01",
        "height": 160,
        "prepregnancy_weight": 55,
        "birth_group": "policy_second",
        "spouse_name": "司马建国",
    }
    doctor = at("maternity_doctor")
    episode = episodes.nominate(
        doctor,
        "maternity",
        woman,
        {"wife": told},
        on=BOOKED,
        region=Region.objects.get(pk=TOWN),
        source="file:1",
    )
    decision = episodes.confirm(episode, doctor, on=BOOKED)
    assert (decision.answer, decision.grant) == ("yes", "free")
    return episode


@pytest.fixture
def sign(booked: Episode, at: Any) -> Callable[..., Any]:
    def make(form: str, on: date, duty: str = "maternity_doctor", **told: Any) -> Any:
        source = f"{form}:{on}:{len(told)}"
        return encounters.record(booked, form, "wife", told, on, at(duty), source=source)

    return make


def examine(sign: Any, on: date, **more: Any) -> None:
    """Screening, first visit, laboratory and the doctor's form, all unremarkable but for `more`."""
    history = "spontaneous_abortions induced_abortions medical_terminations preterm_births"
    counts = dict.fromkeys(
        [*history.split(), "stillbirths", "neonatal_deaths", "ectopic_pregnancies"], 0
    )
    screens = "screen_history screen_current screen_gynaecology screen_family screen_past"
    sign(
        "pregnancy_screening",
        on,
        birth_disability=False,
        child_with_defect=False,
        other_uterine_surgeries=0,
        family_hypertension=False,
        family_diabetes=False,
        **counts,
        **dict.fromkeys([*screens.split(), "screen_signs"], NONE),
    )
    sign("first_visit", on, weight=56, sbp=110, dbp=70, danger_signs=NONE)
    laboratory = {
        "hemoglobin": 120,
        "platelet": 200,
        "abo": "A",
        "rh": "positive",
        "ferritin": 40,
        "urine_protein": "negative",
        "urine_glucose": "negative",
        "glucose": 4.8,
        "alt": 20,
        "creatinine": 50,
        "hbsag": "negative",
        "syphilis": "negative",
        "hiv": "negative",
    }
    sign("pregnancy_laboratory", on, "laboratory", **laboratory)
    fields = content.library().programmes["maternity"].forms["risk_assessment"].fields_for("wife")
    groups = {f.element: NONE for f in fields if f.default == NONE}
    sign("risk_assessment", on, **(groups | more))


def assessed(episode: Episode, at: Any, on: date) -> Any:
    return assessments.confirm(assessments.propose(episode, on), at("maternity_doctor"))


def open_tasks(episode: Episode, kind: str, on: date) -> dict[str, tuple[str, date | None]]:
    rows = episode.tasks.filter(kind=kind, status=Task.Status.OPEN, opens__lte=on)
    return {t.name: (t.duty, t.due) for t in rows}


def loops(episode: Episode, on: date) -> dict[str, tuple[str, str]]:
    rows = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    return {t.name: (t.occurrence.rpartition(":")[0], t.duty) for t in rows}


def test_booking_is_one_sitting_and_opens_the_first_examination(booked: Episode) -> None:
    steps = open_tasks(booked, Task.Kind.STEP, BOOKED)
    assert set(steps) == {"screening", "first_visit", "laboratory"}
    facts = facts_of(booked, BOOKED)
    assert facts["wife.edd"] == EDD
    assert facts["wife.registered_gestation"] == 70
    assert facts["wife.pregnancy_registered_on"] == BOOKED
    planned = {t.name for t in booked.tasks.filter(kind=Task.Kind.SCHEDULE)}
    assert {"visit_2", "visit_3", "visit_4", "visit_5", "ogtt", "epds_late"} <= planned
    assert {"one_to_one_early", "one_to_one_middle", "one_to_one_late"} <= planned


def test_nothing_found_is_green_and_the_handbook_bears_the_stamp(
    booked: Episode, sign: Any, at: Any
) -> None:
    examine(sign, BOOKED)
    sign("dating", BOOKED, dating_scan_on=BOOKED, dating_scan_weeks=10, dating_scan_days=0, fetus_count=1)  # fmt: skip
    row = assessed(booked, at, BOOKED)
    assert (row.cls, row.level) == ("green", "low")
    assert [f["rule"] for f in row.result["findings"]] == ["plan_normal"]
    assert row.result["undetermined"] == []
    html = documents.render(documents.issue(booked, "handbook", at("maternity_doctor"), BOOKED))
    assert "符合政策再生育专用章" in html
    assert EDD.isoformat() in html
    assert "绿色 低风险" in html
    assert day(112).isoformat() in html


def test_only_what_the_doctor_may_tell_stands_on_the_papers(
    booked: Episode, sign: Any, at: Any
) -> None:
    examine(sign, BOOKED, risk_infection=["hiv"], risk_heart=["nyha2"])
    row = assessed(booked, at, BOOKED)
    assert (row.cls, row.level) == ("orange", "high")
    for kind in ("handbook", "risk_notice", "referral"):
        html = documents.render(documents.issue(booked, kind, at("maternity_doctor"), BOOKED))
        assert "橙色" in html, kind
        assert "紫色" in html, kind
        for word in ("HIV", "艾滋"):
            assert word not in html, (kind, word)


def test_a_red_case_is_reported_managed_and_closed_after_the_birth(
    booked: Episode, sign: Any, at: Any
) -> None:
    examine(sign, BOOKED, risk_heart=["pulmonary_severe"])
    assert assessed(booked, at, BOOKED).cls == "red"
    assert loops(booked, BOOKED)["red_case"] == ("report", "case_manager")
    due = booked.tasks.get(kind=Task.Kind.LOOP, name="red_case").due
    assert due == BOOKED + timedelta(days=1)
    report = {
        "case_class": "red",
        "case_reported_on": BOOKED.isoformat(),
        "case_factors": "肺动脉高压",
        "case_hospital": "市第一人民医院",
        "case_outcome": "ongoing",
    }
    sign("case_report", BOOKED, "case_manager", **report)
    assert loops(booked, BOOKED)["red_case"][0] == "manage"
    manage = {"case_contact_way": "phone", "case_situation": "已住院", "case_outcome": "ongoing"}
    sign("case_management", day(72), "case_manager", case_contact_on=day(72).isoformat(), **manage)
    assert loops(booked, day(72))["red_case"][0] == "follow"
    # The next due day follows the last time she was seen.
    task = booked.tasks.get(kind=Task.Kind.LOOP, name="red_case", status=Task.Status.OPEN)
    assert task.due == day(79)
    # While new results wait for the doctor, the case does not drop out of the list.
    sign("antenatal_visit", day(80), weight=57, sbp=150, dbp=95, danger_signs=NONE)
    assert facts_of(booked, day(80))["wife.assessed_class"] is None
    assert loops(booked, day(80))["red_case"][0] == "follow"
    assert loops(booked, day(80))["hypertension"] == ("confirm", "maternity_doctor")
    with pytest.raises(NotAllowedNow):
        episodes.close(booked, at("registration"), "办完")


def test_a_visit_in_the_window_takes_that_visit_and_no_other_off_the_list(
    booked: Episode, sign: Any
) -> None:
    sign("antenatal_visit", day(120), weight=58, sbp=110, dbp=70, danger_signs=NONE)
    planned = open_tasks(booked, Task.Kind.SCHEDULE, day(300))
    assert "visit_2" not in planned
    assert {"visit_3", "visit_4", "visit_5"} <= set(planned)
    sign("antenatal_visit", day(150), weight=59, sbp=110, dbp=70, danger_signs=NONE)
    assert "visit_3" not in open_tasks(booked, Task.Kind.SCHEDULE, day(300))
    assert facts_of(booked, day(150))["wife.antenatal_visits"] == 2


def test_after_the_birth_the_visits_of_pregnancy_give_way_to_those_after_it(
    booked: Episode, sign: Any
) -> None:
    born = day(275)
    sign(
        "delivery",
        born,
        pregnancy_ended_on=born.isoformat(),
        pregnancy_ending="live_birth",
        infants_delivered=1,
        delivered_in_hospital=True,
        delivery_mode="vaginal",
        delivery_complications=NONE,
        mother_condition="good",
        discharged_on=(born + timedelta(days=3)).isoformat(),
    )
    planned = open_tasks(booked, Task.Kind.SCHEDULE, date(2022, 6, 1))
    wanted = {"infant_1", "home_visit", "home_visit_28", "check_42", "epds_42", "pelvic_floor"}
    assert wanted | {"one_to_one_after", "infection_untested"} == set(planned)
    assert planned["home_visit"] == ("maternity_doctor", born + timedelta(days=10))
    sign(
        "infant",
        born,
        infant_born_on=born.isoformat(),
        infant_sex="female",
        infant_order=1,
        birth_plurality="single",
        infant_condition="alive",
        birth_weight=3200,
        infant_defect_seen=False,
    )
    facts = facts_of(booked, born)
    assert facts["wife.infant_gestation"] == 275
    assert "infant_1" not in open_tasks(booked, Task.Kind.SCHEDULE, date(2022, 6, 1))
    begun = {e.programme: e for e in Episode.objects.filter(person__birth_date=born)}
    assert set(begun) == {"newborn_screening", "child_health"}  # what Guannan runs
    child = facts_of(begun["child_health"], born)
    assert (child["child.birth_weight"], child["child.birth_gestation_days"]) == (3200, 275)


@pytest.mark.requirement("C03")
def test_thoughts_of_self_harm_are_on_a_list_the_same_day(booked: Episode, sign: Any) -> None:
    low = dict.fromkeys((f"epds_{n}" for n in (3, 4, 5, 7, 8, 9)), "never")
    sign("epds", BOOKED, epds_1="same", epds_2="same", epds_6="always", epds_10="rarely", **low)
    assert facts_of(booked, BOOKED)["wife.epds_total"] == 1
    found = loops(booked, BOOKED)
    assert found["self_harm"] == ("safety", "maternity_doctor")
    assert "mood" not in found
    assert booked.tasks.get(kind=Task.Kind.LOOP, name="self_harm").due == BOOKED
