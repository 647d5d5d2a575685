"""The five safety systems in Hebei District through the services: severe cases, referrals, deaths,
interviews and drills, each to the end of what it demands."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sanyou.care import assessments, content, documents, encounters, episodes
from sanyou.care.errors import NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode, Task
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Person, Region
from sanyou.registry.people import PersonData, register_person

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("C06")]

COUNTY, TOWN = "120105", "120105003"
DAY = date(2022, 6, 1)


@pytest.fixture
def at(district: Any, actor: Any) -> Callable[[str], Actor]:
    organisations.setup_district(COUNTY, "河北区妇幼保健计划生育服务中心")

    def make(duty: str) -> Actor:
        found: Actor = actor(duty, COUNTY)
        return found

    return make


@pytest.fixture
def person(at: Any, make_id: Any) -> Callable[..., Person]:
    town = Region.objects.get(pk=TOWN)

    def make(born: date = date(1993, 3, 8), number: int = 2) -> Person:
        return register_person(
            PersonData(
                name="诸葛秀英",
                id_number=make_id(COUNTY, born, number),
                residence_region=town,
                residence_text=town.full_name,
                residence_since=date(2010, 5, 1),
            ),
            Actor.system("tests"),
        )

    return make


@pytest.fixture
def opened(at: Any) -> Callable[..., Episode]:
    """Registered and confirmed by who registers."""

    def make(
        programme: str, subject: Any, duty: str, role: str, on: date = DAY, **told: Any
    ) -> Episode:
        who = at(duty)
        region = Region.objects.get(pk=TOWN)
        episode = episodes.nominate(
            who, programme, subject, {role: told}, on=on, region=region, source=f"file:{programme}"
        )
        decision = episodes.confirm(episode, who, on=on)
        assert (decision.answer, decision.grant) == ("yes", "free")
        return episode

    return make


def sign(at: Any, episode: Episode, form: str, on: date, duty: str, **told: Any) -> Any:
    role = facts_role(episode)
    return encounters.record(episode, form, role, told, on, at(duty), source=f"{form}:{on}")


def facts_role(episode: Episode) -> str:
    return str(content.programme_of(episode).roles[0])


def on_lists(episode: Episode) -> list[tuple[str, str, str]]:
    """(duty, loop, leg) of every open task of a loop."""
    rows = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN).order_by("name")
    return [(t.duty, t.name, t.occurrence.rpartition(":")[0]) for t in rows]


def due(episode: Episode, name: str) -> date | None:
    task = episode.tasks.get(kind=Task.Kind.LOOP, name=name, status=Task.Status.OPEN)
    found: date | None = task.due
    return found


SEVERE = {
    "severe_found_on": "2022-06-01",
    "severe_reported_on": "2022-06-01",
    "severe_stage": "postpartum",
    "severe_state": "critical",
    "severe_causes": ["haemorrhage"],
    "severe_organs": ["circulation", "clotting"],
    "severe_hospital": "河北区某助产机构",
    "blood_loss": 2200,
    "event_here": True,
}


def test_a_severe_case_is_told_of_every_day_until_its_outcome_and_reviewed(
    at: Any, opened: Any, person: Any
) -> None:
    episode = opened("severe_case", person(), "maternity_doctor", "wife", **SEVERE)
    found = assessments.confirm(assessments.propose(episode, DAY), at("case_manager"))
    assert found.cls == "near_miss"
    assert on_lists(episode) == [("maternity_doctor", "rescue", "daily")]
    for n, state in enumerate(("critical", "serious", "stable"), start=2):
        assert due(episode, "rescue") == date(2022, 6, n)
        sign(at, episode, "severe_daily", date(2022, 6, n), "maternity_doctor", severe_state=state, severe_organs=["circulation"], severe_measures=["transfusion"], severe_consulted=True)  # fmt: skip
    assert on_lists(episode) == [("maternity_doctor", "rescue", "outcome")]
    sign(at, episode, "severe_outcome", date(2022, 6, 12), "maternity_doctor", severe_outcome="recovered", severe_outcome_on="2022-06-12", severe_baby="well")  # fmt: skip
    assert on_lists(episode) == [("expert", "rescue", "review")]
    (after,) = episode.tasks.filter(kind=Task.Kind.SCHEDULE, status=Task.Status.OPEN)
    assert (after.opens, after.due) == (date(2022, 7, 10), date(2022, 7, 24))
    review = {
        "review_on": "2022-06-28",
        "review_experts": 5,
        "severe_near_miss": True,
        "review_delays": ["facility"],
        "review_findings": "出血量估计偏低，启动用血晚",
        "rectify_needed": True,
        "rectify_unit": "产科",
        "rectify_due": "2022-07-31",
    }
    sign(at, episode, "severe_review", date(2022, 6, 28), "expert", **review)
    assert on_lists(episode) == [("case_manager", "rectify", "rectify")]
    assert due(episode, "rectify") == date(2022, 7, 31)
    with pytest.raises(NotAllowedNow):
        episodes.close(episode, at("registration"), "办结")
    sign(at, episode, "severe_rectify", date(2022, 7, 20), "case_manager", rectified_on="2022-07-20", rectified_text="称重法估计出血，修订用血流程")  # fmt: skip
    assert on_lists(episode) == [("expert", "rectify", "check")]
    sign(at, episode, "severe_check", date(2022, 8, 1), "expert", rectify_checked_on="2022-08-01", rectify_check="partly", rectify_due="2022-08-31")  # fmt: skip
    assert (on_lists(episode), due(episode, "rectify")) == (
        [("case_manager", "rectify", "rectify")],
        date(2022, 8, 31),
    )
    sign(at, episode, "severe_rectify", date(2022, 8, 20), "case_manager", rectified_on="2022-08-20", rectified_text="已培训")  # fmt: skip
    sign(at, episode, "severe_check", date(2022, 9, 1), "expert", rectify_checked_on="2022-09-01", rectify_check="passed")  # fmt: skip
    assert on_lists(episode) == []
    assert "称重法" in documents.preview(episode, "severe_review_report", at("expert"), date(2022, 9, 1))  # fmt: skip


def test_a_death_is_reported_without_typing_it_again(at: Any, opened: Any, person: Any) -> None:
    woman = person()
    episode = opened("severe_case", woman, "maternity_doctor", "wife", **SEVERE)
    sign(at, episode, "severe_outcome", date(2022, 6, 3), "maternity_doctor", severe_outcome="died", severe_outcome_on="2022-06-03", severe_baby="well", severe_stage="postpartum", severe_hospital="河北区某助产机构", event_here=True)  # fmt: skip
    death = Episode.objects.get(programme="maternal_death", person=woman)
    facts = facts_of(death, date(2022, 6, 3))
    assert facts["wife.maternal_died_on"] == date(2022, 6, 3)
    assert facts["wife.maternal_stage"] == "postpartum"
    assert on_lists(episode) == [("expert", "rescue", "review")]


def test_an_emergency_referral_from_call_to_feedback(at: Any, opened: Any, person: Any) -> None:
    told = {
        "em_kind": "mother",
        "em_called_on": "2022-06-01",
        "em_from": "某社区卫生服务中心",
        "em_to": "某救治中心",
        "em_told_ahead": False,
        "em_causes": ["preeclampsia"],
        "em_state": "critical",
        "em_minutes_leave": 20,
        "em_before": "硫酸镁",
        "event_here": True,
    }
    woman = person()
    episode = opened("emergency_referral", woman, "maternity_doctor", "patient", **told)
    assert on_lists(episode) == [("maternity_doctor", "emergency", "received")]
    sign(at, episode, "emergency_received", DAY, "maternity_doctor", em_received_on="2022-06-01", em_received_state="critical", em_minutes_road=25, em_minutes_treated=5, em_green=True)  # fmt: skip
    assert facts_of(episode, DAY)["patient.em_minutes_total"] == 50
    severe = Episode.objects.get(programme="severe_case", person=woman)
    assert facts_of(severe, DAY)["wife.severe_causes__preeclampsia"] is True
    assert on_lists(episode) == [("case_manager", "emergency", "feedback")]
    found = assessments.confirm(assessments.propose(episode, DAY), at("case_manager"))
    assert found.cls == "urgent"
    sign(at, episode, "emergency_feedback", date(2022, 6, 6), "case_manager", em_feedback_on="2022-06-06", em_outcome="improved", em_problems=["untold"], em_feedback="下次先电话联系")  # fmt: skip
    assert on_lists(episode) == []
    assert "转诊" in documents.preview(episode, "emergency_sheet", at("case_manager"), DAY)


def review(at: Any, episode: Episode, form: str, on: date, **more: Any) -> None:
    told = {
        "review_on": on.isoformat(),
        "review_experts": 7,
        "review_names": "专家七人",
        "death_avoidable": "avoidable",
        "death_final_cause": "产后出血",
        "review_delays": ["facility"],
        "death_factors": ["health_knowledge"],
        "review_findings": "识别晚",
        "rectify_needed": False,
    }
    sign(at, episode, form, on, "expert", **(told | more))


def test_a_maternal_death_is_carded_surveyed_classified_and_reviewed(
    at: Any, opened: Any, person: Any
) -> None:
    told: dict[str, Any] = {"maternal_died_on": "2022-06-01", "death_reported_on": "2022-06-02"}
    told |= {"event_here": True, "maternal_accidental": False}
    episode = opened("maternal_death", person(), "case_manager", "wife", **told)
    waiting = {(t.name, t.due) for t in episode.tasks.filter(status=Task.Status.OPEN)}
    assert waiting == {
        ("maternal_death_card", date(2022, 6, 8)),
        ("maternal_death_survey", date(2022, 6, 16)),
    }
    card = {
        "death_residence": "local",
        "death_place": "county_hospital",
        "maternal_stage": "postpartum",
        "maternal_ended_on": "2022-04-20",
        "maternal_accidental": False,
        "maternal_booked": True,
        "maternal_visits": 6,
        "maternal_cause": "haemorrhage",
        "death_autopsy": False,
    }
    sign(at, episode, "maternal_death_card", date(2022, 6, 5), "case_manager", **card)
    found = assessments.confirm(assessments.propose(episode, date(2022, 6, 5)), at("case_manager"))
    assert (found.cls, found.level) == ("maternal", "counted")  # the 42nd day
    survey = {"survey_on": "2022-06-10", "survey_by": "两人", "survey_sources": ["record"], "survey_course": "经过"}  # fmt: skip
    sign(at, episode, "maternal_death_survey", date(2022, 6, 10), "case_manager", **survey)
    review(at, episode, "maternal_death_review", date(2022, 6, 25), maternal_class="direct")
    assert on_lists(episode) == []
    today = date(2022, 6, 26)
    assert documents.issue(episode, "maternal_review_report", at("expert"), today).number
    page = documents.preview(episode, "maternal_death_card", at("case_manager"), today)
    assert "孕产妇死亡报告卡" in page
    assert "产科出血" in page


@pytest.mark.parametrize(
    ("born", "cls"),
    [(date(2022, 5, 26), "early_neonatal"), (date(2022, 5, 25), "late_neonatal")],
    ids=["sixth day", "seventh day"],
)
def test_a_childs_death_by_age(at: Any, opened: Any, person: Any, born: date, cls: str) -> None:
    told = {"child_died_on": "2022-06-01", "event_here": True}
    episode = opened("child_death", person(born), "case_manager", "child", **told)
    card = {
        "death_residence": "local",
        "death_place": "county_hospital",
        "child_treated": "inpatient",
        "child_cause": "preterm",
        "death_autopsy": False,
    }
    sign(at, episode, "child_death_card", DAY, "child_doctor", **card)
    found = assessments.confirm(assessments.propose(episode, DAY), at("case_manager"))
    assert found.cls == cls
    survey = {"survey_on": "2022-06-10", "survey_by": "两人", "survey_sources": ["record"], "survey_course": "经过"}  # fmt: skip
    sign(at, episode, "child_death_survey", date(2022, 6, 10), "child_doctor", **survey)
    review(at, episode, "child_death_review", date(2022, 6, 25), rectify_needed=True, rectify_unit="新生儿科", rectify_due="2022-07-31")  # fmt: skip
    assert on_lists(episode) == [("case_manager", "rectify", "rectify")]
    assert "报告卡" in documents.preview(episode, "child_death_card", at("case_manager"), DAY)


def test_an_interview_until_what_it_demands_is_put_right(at: Any, opened: Any) -> None:
    at("case_manager")
    unit = Organisation.objects.get(region_id=COUNTY, kind=Organisation.Kind.CENTRE)
    plan = {
        "unit_kind": "delivery",
        "unit_person": "院长",
        "interview_reasons": ["referral", "report"],
        "interview_problem": "转诊没有提前联系，迟报",
        "interview_planned_on": "2022-06-05",
        "interview_leader": "区卫生健康委分管领导",
    }
    episode = opened("safety_interview", unit, "case_manager", "unit", **plan)
    notice = documents.issue(episode, "interview_notice", at("case_manager"), DAY)
    assert unit.name in documents.render(notice)
    record = {
        "interview_held_on": "2022-06-05",
        "interview_attended": 4,
        "interview_names": "院长、产科主任、护士长、医务科长",
        "interview_findings": "没有转诊联系登记",
        "interview_demands": "建立登记，全员培训",
        "rectify_unit": "医务科",
        "rectify_due": "2022-06-30",
        "circular_scope": "district",
        "circular_on": "2022-06-08",
    }
    sign(at, episode, "interview_record", date(2022, 6, 5), "case_manager", **record)
    assert (on_lists(episode), due(episode, "rectify")) == (
        [("case_manager", "rectify", "rectify")],
        date(2022, 6, 30),
    )
    sign(at, episode, "interview_rectify", date(2022, 6, 25), "case_manager", rectified_on="2022-06-25", rectified_text="已建立")  # fmt: skip
    sign(at, episode, "interview_check", date(2022, 7, 1), "expert", rectify_checked_on="2022-07-01", rectify_check="passed")  # fmt: skip
    assert on_lists(episode) == []
    page = documents.preview(episode, "interview_circular", at("case_manager"), date(2022, 7, 1))
    assert "没有转诊联系登记" in page
    assert "护士长" not in page  # a circular names nobody


def test_a_drill_with_attendance_and_a_check_of_the_five_systems(at: Any, opened: Any) -> None:
    at("case_manager")
    unit = Organisation.objects.get(region_id=COUNTY, kind=Organisation.Kind.CENTRE)
    plan = {
        "unit_kind": "delivery",
        "drill_kind": "inspection",
        "drill_planned_on": "2022-06-05",
        "drill_plan": "五项制度检查",
    }
    episode = opened("safety_drill", unit, "case_manager", "unit", **plan)
    systems = dict.fromkeys(["system_risk", "system_case", "system_rescue", "system_death"], "done")
    record = {
        "drill_held_on": "2022-06-05",
        "drill_attended": 6,
        "drill_names": "检查组六人",
        "system_interview": "not_done",
        "drill_findings": "没有约谈记录",
        "rectify_needed": True,
        "rectify_unit": "医务科",
        "rectify_due": "2022-06-30",
    }
    sign(at, episode, "drill_record", date(2022, 6, 5), "case_manager", **(systems | record))
    found = assessments.confirm(assessments.propose(episode, date(2022, 6, 5)), at("case_manager"))
    assert (found.cls, found.level) == ("gap", "high")
    assert on_lists(episode) == [("case_manager", "rectify", "rectify")]
    assert "检查组六人" in documents.preview(
        episode, "drill_sheet", at("case_manager"), date(2022, 6, 5)
    )
