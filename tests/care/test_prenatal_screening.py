"""Prenatal screening in Guannan through the services: from the booking to the outcome."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.care import assessments, consents, content, documents, encounters, episodes, tasks
from sanyou.care.errors import NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode, Task
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Person, Region
from sanyou.registry.people import PersonData, register_person

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("C05")]

COUNTY, TOWN = "320724", "320724100"
LMP = date(2021, 1, 4)
NONE = ["none"]


def day(n: int) -> date:
    """The day on which she is n days pregnant."""
    return LMP + timedelta(days=n)


SEEN = day(70)


@pytest.fixture
def at(district: Any, actor: Any) -> Callable[[str], Actor]:
    organisations.setup_district(COUNTY, "灌南县妇幼保健院")
    return lambda duty: actor(duty, COUNTY)


@pytest.fixture
def woman(at: Any, make_id: Any) -> Person:
    town = Region.objects.get(pk=TOWN)
    return register_person(
        PersonData(
            name="欧阳慧敏",
            id_number=make_id(COUNTY, date(1995, 4, 2), 248),
            hukou_region=town,
            residence_region=town,
            residence_text=town.full_name,
            residence_since=date(2018, 5, 1),
        ),
        Actor.system("tests"),
    )


@pytest.fixture
def registered(at: Any, woman: Person) -> Episode:
    nurse = at("screening_nurse")
    told = {"lmp_certainty": "certain", "lmp": LMP.isoformat(), "conception_way": "natural"}
    episode = episodes.nominate(
        nurse,
        "prenatal_screening",
        woman,
        {"wife": {**told, "fetus_count": 1, "birth_group": "bereaved", "hardship": True}},
        on=SEEN,
        region=Region.objects.get(pk=TOWN),
        source="file:1",
    )
    decision = episodes.confirm(episode, nurse, on=SEEN, own_cost=True)
    assert (decision.answer, decision.grant) == ("yes", "own_cost")
    return episode


@pytest.fixture
def sign(registered: Episode, at: Any) -> Callable[..., Any]:
    def make(form: str, on: date, duty: str = "screening_nurse", **told: Any) -> Any:
        source = f"{form}:{on}"
        return encounters.record(registered, form, "wife", told, on, at(duty), source=source)

    return make


@pytest.fixture
def screened(registered: Episode, sign: Any, at: Any) -> Episode:
    """Consented, asked, assessed, a way chosen."""
    consents.grant(registered, "wife", at("screening_nurse"), SEEN, "paper")
    asked = "parent_chromosome child_with_chromosomal child_with_ntd child_with_defect"
    more = "fetal_genetic_risk malignancy_active donor_cells_year teratogen_exposed"
    no = dict.fromkeys([*asked.split(), *more.split()], False)
    sign("prenatal_history", SEEN, **no, invasive_contraindications=NONE, rh="positive")
    row = assessments.confirm(assessments.propose(registered, SEEN), at("maternity_doctor"))
    assert (row.cls, row.level) == ("", "low")
    sign("prenatal_plan", SEEN, "maternity_doctor", prenatal_told=True, prenatal_path="serum")
    return registered


def waiting(episode: Episode, kind: str) -> dict[str, tuple[str, str, date | None]]:
    rows = episode.tasks.filter(kind=kind, status=Task.Status.OPEN)
    return {t.name: (t.occurrence.rpartition(":")[0], t.duty, t.due) for t in rows}


def serum(sign: Any, t21: int, afp: float = 1.0) -> None:
    sign("serum_specimen", day(118), serum_draw="taken", serum_taken_on=day(118).isoformat(),
         serum_number="B1", weight=60)  # fmt: skip
    sign("serum_dispatch", day(118), serum_sent_on=day(118).isoformat())
    received = day(119).isoformat()
    sign("serum_reception", day(119), "laboratory", serum_received_on=received, serum_state="accepted")  # fmt: skip
    sign("serum_result", day(125), "laboratory", serum_reported_on=day(125).isoformat(),
         t21_risk=t21, t18_risk=9000, afp_mom=afp, afp_cutoff=2.5)  # fmt: skip


def test_nothing_is_planned_before_she_agrees(registered: Episode) -> None:
    assert waiting(registered, Task.Kind.SCHEDULE) == {}
    assert set(waiting(registered, Task.Kind.STEP)) == {"consent"}


def test_the_windows_follow_the_last_period_and_the_way_she_chose(screened: Episode) -> None:
    planned = {t.name: (t.opens, t.due) for t in screened.tasks.filter(kind=Task.Kind.SCHEDULE)}
    assert planned == {
        "nt": (day(77), day(97)),
        "serum": (day(105), day(146)),
        "structural": (day(140), day(174)),
        "outcome": (day(280), day(322)),
    }


def test_a_rejected_serum_is_taken_again_and_one_duty_has_it_at_a_time(
    screened: Episode, sign: Any
) -> None:
    def held() -> tuple[str, str]:
        leg, duty, _due = waiting(screened, Task.Kind.LOOP)["serum_specimen"]
        return leg, duty

    sign("serum_specimen", day(118), serum_draw="taken", serum_taken_on=day(118).isoformat(),
         serum_number="B1", weight=60)  # fmt: skip
    assert held() == ("send", "screening_nurse")
    sign("serum_dispatch", day(118), serum_sent_on=day(118).isoformat())
    assert held() == ("receive", "laboratory")
    sign("serum_reception", day(120), "laboratory", serum_received_on=day(120).isoformat(),
         serum_state="rejected", serum_reject_reason="haemolysis")  # fmt: skip
    assert held() == ("retake", "screening_nurse")
    sign("serum_specimen", day(121), serum_draw="taken", serum_taken_on=day(121).isoformat(),
         serum_number="B2", weight=60)  # fmt: skip
    sign("serum_dispatch", day(121), serum_sent_on=day(121).isoformat())
    sign("serum_reception", day(122), "laboratory", serum_received_on=day(122).isoformat(),
         serum_state="accepted")  # fmt: skip
    assert held() == ("report", "laboratory")
    sign("serum_result", day(127), "laboratory", serum_reported_on=day(127).isoformat(),
         t21_risk=9000, t18_risk=9000, afp_mom=1.0, afp_cutoff=2.5)  # fmt: skip
    assert "serum_specimen" not in waiting(screened, Task.Kind.LOOP)
    assert facts_of(screened, day(127))["wife.serum_takings"] == 2


def test_high_risk_is_followed_from_the_recall_to_the_end_of_the_pregnancy(
    screened: Episode, sign: Any, at: Any
) -> None:
    serum(sign, t21=120)
    assert waiting(screened, Task.Kind.LOOP) == {
        "serum_high": ("recall", "screening_nurse", day(128))
    }
    # The doctor is asked again: the result was not there when she judged.
    assert assessments.standing(screened) is None
    row = assessments.confirm(assessments.propose(screened, day(125)), at("maternity_doctor"))
    assert (row.cls, row.level) == ("diagnosis", "high")
    report = documents.render(
        documents.issue(screened, "prenatal_report", at("screening_nurse"), day(125))
    )
    assert "1/120" in report
    assert "不提供胎儿性别" in report
    referral = documents.render(
        documents.issue(screened, "diagnosis_referral", at("maternity_doctor"), day(125))
    )
    assert "唐氏综合征高风险" in referral

    sign("prenatal_recall", day(126), prenatal_recalled_on=day(126).isoformat(), prenatal_recall_way="phone")  # fmt: skip
    assert waiting(screened, Task.Kind.LOOP)["serum_high"][:2] == ("counsel", "maternity_doctor")
    sign("prenatal_counselling", day(128), "maternity_doctor",
         genetic_counselled_on=day(128).isoformat(), genetic_choice="diagnosis",
         invasive_planned="amnio")  # fmt: skip
    assert waiting(screened, Task.Kind.LOOP)["serum_high"][0] == "amnio"
    sign("diagnosis_sampling", day(130), "maternity_doctor", invasive_consented=True,
         invasive_on=day(130).isoformat(), invasive_used="amnio", invasive_complication="none")  # fmt: skip
    assert waiting(screened, Task.Kind.LOOP)["serum_high"] == ("result", "maternity_doctor", day(158))  # fmt: skip
    sign("diagnosis_result", day(155), "maternity_doctor",
         diagnosis_reported_on=day(155).isoformat(), prenatal_finding="t21")  # fmt: skip
    assert waiting(screened, Task.Kind.LOOP) == {
        "confirmed_gene": ("advice", "maternity_doctor", day(162))
    }
    sign("medical_advice", day(156), "maternity_doctor", advised_on=day(156).isoformat(),
         medical_advice="explain", medical_advice_text="21-三体", medical_advice_by="甲、乙")  # fmt: skip
    advice = documents.render(
        documents.issue(screened, "prenatal_advice", at("maternity_doctor"), day(156))
    )
    assert "21-三体" in advice
    sign("prenatal_decision", day(160), "maternity_doctor", decided_on=day(160).isoformat(),
         pregnancy_decision="terminate")  # fmt: skip
    assert waiting(screened, Task.Kind.LOOP)["confirmed_gene"][0] == "ended"
    with pytest.raises(NotAllowedNow):
        episodes.close(screened, at("registration"), "办完")
    sign("prenatal_outcome", day(165), pregnancy_ended_on=day(163).isoformat(),
         pregnancy_ending="medical", born_chromosome="t21", born_ntd=False,
         born_other_defect=False)  # fmt: skip
    assert waiting(screened, Task.Kind.LOOP) == {}
    assert waiting(screened, Task.Kind.SCHEDULE) == {}
    screened.refresh_from_db()
    assert screened.pregnancy is not None
    assert screened.pregnancy.ended_on == day(163)


def test_a_positive_given_up_as_lost_is_looked_for_by_the_case_manager(
    screened: Episode, sign: Any, at: Any
) -> None:
    serum(sign, t21=120)
    task = screened.tasks.get(kind=Task.Kind.LOOP, name="serum_high", status=Task.Status.OPEN)
    for _ in range(3):
        tasks.attempt(task, at("screening_nurse"), "phone", False, "停机")
    tasks.close_lost(task, at("screening_nurse"), "电话停机，地址不详")
    assert waiting(screened, Task.Kind.LOOP)["serum_high"][:2] == ("lost:recall", "case_manager")


def test_low_risk_that_was_wrong_is_reported_as_a_false_negative(
    screened: Episode, sign: Any
) -> None:
    serum(sign, t21=9000)
    sign("prenatal_outcome", day(290), pregnancy_ended_on=day(278).isoformat(),
         pregnancy_ending="live_birth", born_chromosome="t21", born_ntd=False,
         born_other_defect=False)  # fmt: skip
    found = {f["rule"] for f in assessments.propose(screened, day(290)).result["findings"]}
    assert "missed_t21" in found


@pytest.mark.parametrize("kind", ["prenatal_consent", "nipt_consent", "diagnosis_consent"])
def test_every_consent_can_be_printed(screened: Episode, at: Any, kind: str) -> None:
    html = documents.preview(screened, kind, at("maternity_doctor"), SEEN)
    assert "欧阳慧敏" in html
    assert "性别" in html or kind == "diagnosis_consent"


def test_the_sex_of_the_fetus_is_asked_nowhere(library: Any) -> None:
    programme = library.programmes["prenatal_screening"]
    asked = {f.element for form in programme.forms.values() for f in form.fields_for("wife")}
    assert not {name for name in asked if name == "sex" or name.endswith("_sex")}
    coded = (library.dictionary.elements[name].value_set for name in asked)
    codes = {code.code for values in coded if values for code in values.codes}
    assert not codes & {"male", "female"}


def test_a_booking_registers_the_woman_for_screening(at: Any, woman: Person) -> None:
    """The nurse finds her on the list, with the last period and the group carried over."""
    doctor = at("maternity_doctor")
    told = {"lmp_certainty": "certain", "lmp": LMP.isoformat(), "conception_way": "natural",
            "gravidity": 0, "height": 160, "prepregnancy_weight": 55, "birth_group": "sick_child"}  # fmt: skip
    booking = next(
        p
        for p in content.library().programmes.values()
        if any("prenatal_screening" in s.spec.programmes for s in p.starts)
    )
    episodes.nominate(doctor, booking.id, woman, {"wife": told}, on=SEEN,
                      region=Region.objects.get(pk=TOWN), source="file:2")  # fmt: skip
    begun = Episode.objects.get(programme="prenatal_screening", person=woman)
    facts = facts_of(begun, SEEN)
    assert facts["wife.dated_lmp"] == LMP
    assert facts["wife.birth_group"] == "sick_child"
    assert facts["wife.prenatal_registered_gestation"] == 70
    assert set(waiting(begun, Task.Kind.STEP)) == {"confirm"}
    assert begun.pregnancy == Episode.objects.get(programme=booking.id, person=woman).pregnancy
