"""Children from the register to school: visits by age, growth, loops, doses, sessions, courses."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse

from sanyou.care import (
    assessments,
    content,
    documents,
    encounters,
    episodes,
    flow,
    sessions,
    tasks,
)
from sanyou.care.errors import FormInvalid
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode, Task
from sanyou.protocol.library import Library
from sanyou.registry import groups
from sanyou.registry.access import Actor
from sanyou.registry.models import Person, Region
from sanyou.registry.people import PersonData, register_person

pytestmark = pytest.mark.django_db

HEBEI, STREET = "120105", "120105001"
GUANNAN, XINAN = "320724", "320724100"
BORN = date(2021, 8, 2)


@pytest.fixture
def at(regions: None, staff: Any) -> Callable[..., Actor]:
    def make(duty: str, region: str = HEBEI) -> Actor:
        person = staff(duty, region, f"{duty}-{region}")
        return Actor.of(person, person.duties.get(duty=duty))

    return make


@pytest.fixture
def child(regions: None, make_id: Any) -> Callable[..., Person]:
    def make(born: date = BORN, number: int = 1, town: str = STREET) -> Person:
        """Odd numbers are boys."""
        home = Region.objects.get(pk=town)
        return register_person(
            PersonData(
                name=f"儿童{number}",
                id_number=make_id(town[:6], born, number),
                residence_region=home,
                residence_text=home.full_name,
            ),
            Actor.system("tests"),
        )

    return make


@pytest.fixture
def opened(at: Any, child: Any) -> Callable[..., Episode]:
    """A record of a child that is confirmed."""

    def make(
        programme: str,
        told: dict[str, Any],
        born: date = BORN,
        number: int = 1,
        town: str = STREET,
        duty: str = "child_doctor",
    ) -> Episode:
        who = at(duty, town[:6])
        home = Region.objects.get(pk=town)
        episode = episodes.nominate(
            who,
            programme,
            child(born, number, town),
            {"child": told},
            born,
            home,
            source=f"file:{number}",  # as from a file: looked at as of its own day
        )
        if any(s.kind == "confirm" for s in content.library().programmes[programme].steps):
            assert episodes.confirm(episode, who, born).answer == "yes"
        return Episode.objects.get(pk=episode.pk)

    return make


BIRTH = {"birth_weight": 3300, "birth_gestation_days": 280, "birth_plurality": "single"}


def visit(on: date, weight: float, height: float, **more: Any) -> dict[str, Any]:
    told = {"child_visited_on": on.isoformat(), "child_weight": weight, "child_height": height}
    return told | {"measured_position": "lying"} | more


def record(episode: Episode, who: Actor, form: str, on: date, told: dict[str, Any]) -> Any:
    row = Episode.objects.get(pk=episode.pk)
    return encounters.record(row, form, "child", told, on, who, source=f"{form}:{on}")


def due(episode: Episode, on: date, duty: str = "child_doctor") -> set[str]:
    """Names of the open tasks of a duty whose window has opened."""
    flow.advance(flow.lock(Episode.objects.get(pk=episode.pk)), on)
    rows = episode.tasks.filter(status=Task.Status.OPEN, duty=duty, opens__lte=on)
    return set(rows.values_list("name", flat=True))


def shown(library: Library, episode: Episode, on: date) -> set[str]:
    """Fields of the visit form that appear on a day."""
    form = library.programmes["child_health"].forms["child_visit"]
    known = facts_of(episode, on)
    names = {f.element for f in form.fields_for("child")}
    known = {n: v for n, v in known.items() if n.partition(".")[2].partition("__")[0] not in names}
    from sanyou.protocol.form import validate

    told = {"child_visited_on": on.isoformat()}
    return set(validate(library, form, "child", told, draft=True, facts=known).visible)


# --- child health -----------------------------------------------------------------


@pytest.mark.requirement("D02")
def test_thirteen_contacts_are_planned_and_each_is_on_somebodys_list(opened: Any) -> None:
    episode = opened("child_health", BIRTH)
    assert due(episode, BORN + timedelta(days=7), "village_worker") == {"home_visit"}
    assert due(episode, BORN + timedelta(days=28)) == {"assess", "visit_1m"}
    names = set(episode.tasks.filter(kind=Task.Kind.SCHEDULE).values_list("name", flat=True))
    assert len(names) == 13


@pytest.mark.requirement("D02")
@pytest.mark.parametrize(
    ("on", "signs"),
    [
        (date(2021, 11, 1), ""),
        (date(2021, 11, 2), "3m"),
        (date(2022, 2, 1), "3m"),
        (date(2022, 2, 2), "6m"),
        (date(2022, 8, 2), "12m"),
        (date(2023, 8, 1), "18m"),
        (date(2023, 8, 2), "24m"),
        (date(2025, 8, 2), "4y"),
        (date(2027, 8, 2), "6y"),
    ],
)
def test_the_form_asks_the_four_warning_signs_of_the_age(
    opened: Any, library: Library, on: date, signs: str
) -> None:
    asked = {n for n in shown(library, opened("child_health", BIRTH), on) if n.startswith("warn_")}
    assert {n.split("_")[1] for n in asked} == ({signs} if signs else set())
    assert len(asked) == (4 if signs else 0)


@pytest.mark.requirement("D02")
@pytest.mark.parametrize(
    ("on", "signs"), [(date(2021, 11, 2), set()), (date(2022, 1, 11), {"3m"})], ids=["born", "due"]
)
def test_a_premature_child_is_asked_by_the_corrected_age(
    opened: Any, library: Library, on: date, signs: set[str]
) -> None:
    early = BIRTH | {"birth_gestation_days": 210, "birth_weight": 1500}  # 70 days too early
    asked = {n for n in shown(library, opened("child_health", early), on) if n.startswith("warn_")}
    assert {n.split("_")[1] for n in asked} == signs


@pytest.mark.requirement("D02")
def test_a_thin_child_is_found_managed_and_closed(opened: Any, at: Any) -> None:
    episode, doctor = opened("child_health", BIRTH), at("child_doctor")
    first = assessments.propose(Episode.objects.get(pk=episode.pk), BORN)
    assessments.confirm(first, doctor)
    on = date(2022, 8, 2)
    record(episode, doctor, "child_visit", on, visit(on, 7.5, 75.7))
    assert facts_of(episode, on)["child.weight_for_age_z"] < -2
    proposal = assessments.propose(Episode.objects.get(pk=episode.pk), on)
    assert "underweight" in {f["rule"] for f in proposal.result["findings"]}
    assessments.confirm(proposal, doctor)
    assert assessments.standing(episode).cls == "refer"  # severe wasting, too
    assert "malnutrition" in due(episode, on)
    told = visit(date(2022, 8, 10), 7.6, 75.9, nutrition_case_on="2022-08-10")
    told |= {"nutrition_plan": "每天两餐辅食加肉", "nutrition_state": "managed"}
    record(episode, doctor, "nutrition_followup", date(2022, 8, 10), told)
    leg = episode.tasks.get(name="malnutrition", status=Task.Status.OPEN)
    assert leg.occurrence.startswith("review:")
    assert leg.due == date(2022, 9, 17)
    told |= visit(date(2022, 9, 10), 9.6, 77.0) | {"nutrition_state": "recovered"}
    record(episode, doctor, "nutrition_followup", date(2022, 9, 10), told)
    assert not episode.tasks.filter(name="malnutrition", status=Task.Status.OPEN).exists()


@pytest.mark.requirement("D02")
def test_a_warning_sign_goes_to_the_re_screen_and_on_to_the_intervention(
    opened: Any, at: Any
) -> None:
    episode, doctor, on = opened("child_health", BIRTH), at("child_doctor"), date(2023, 2, 2)
    signs = {f"warn_18m_{n}": "absent" for n in ("call", "point", "walk")}
    told = visit(on, 10.5, 82.0, warn_18m_eye="present", development_regression=False, **signs)
    record(episode, doctor, "child_visit", on, told | {"development_referred_on": on.isoformat()})

    def leg() -> str:
        rows = episode.tasks.filter(name="development", status=Task.Status.OPEN)
        return "".join(t.occurrence.partition(":")[0] for t in rows)

    assert leg() == "rescreen"
    later = on + timedelta(days=20)
    told = {"development_rescreened_on": later.isoformat(), "development_rescreen": "positive"}
    told["development_scales"] = ["mchat", "erxin"]
    record(episode, doctor, "development_rescreen", later, told)
    assert leg() == "diagnosis"
    told = {"development_diagnosed_on": later.isoformat(), "development_place": "市儿童医院"}
    record(
        episode,
        doctor,
        "development_diagnosis",
        later,
        told | {"development_diagnosis": "autism"},
    )
    assert leg() == "care"
    told = {"development_care_on": later.isoformat(), "development_care_place": "区康复中心"}
    record(episode, doctor, "development_care", later, told)
    assert leg() == ""


@pytest.mark.requirement("D02")
def test_who_is_lost_comes_to_the_case_manager(opened: Any, at: Any) -> None:
    episode, doctor, on = opened("child_health", BIRTH), at("child_doctor"), date(2022, 2, 2)
    told = visit(on, 7.5, 67.0, vision_appearance="abnormal", vision_referred_on=on.isoformat())
    record(episode, doctor, "child_visit", on, told)
    task = episode.tasks.get(name="vision", status=Task.Status.OPEN)
    for _attempt in range(3):
        tasks.attempt(task, doctor, "phone", reached=False, note="")
    tasks.close_lost(task, doctor, "电话停机")
    lost = episode.tasks.get(name="vision", status=Task.Status.OPEN)
    assert lost.duty == "case_manager"


@pytest.mark.requirement("D02")
def test_a_premature_child_gets_a_case_of_its_own(opened: Any, at: Any) -> None:
    early = BIRTH | {"birth_gestation_days": 231, "birth_weight": 1800, "nicu_days": 14}
    episode = opened("child_health", early)
    proposal = assessments.propose(episode, BORN)
    assert {f["rule"] for f in proposal.result["findings"]} == {"preterm_high"}
    home = BORN + timedelta(days=14)
    assert due(episode, home, "village_worker") == {"home_visit"}
    assert "preterm_fortnight" in due(episode, home + timedelta(days=14))


@pytest.mark.requirement("D06")
def test_a_re_birth_family_in_hardship_is_visited(opened: Any) -> None:
    told = BIRTH | {"birth_group": "bereaved", "hardship": True}
    episode = opened("child_health", told, town=XINAN)
    assert "family_help" in due(episode, BORN, "township_officer")
    other = opened("child_health", BIRTH, number=3, town=XINAN)
    assert "family_help" not in due(other, BORN, "township_officer")


@pytest.mark.requirement("D02")
def test_the_handbook_the_slip_and_the_curves(opened: Any, at: Any, client_as: Any) -> None:
    episode, doctor, on = opened("child_health", BIRTH), at("child_doctor"), date(2022, 8, 2)
    record(episode, doctor, "child_visit", on, visit(on, 7.5, 75.7, caries_count=2))
    row = Episode.objects.get(pk=episode.pk)
    assessments.confirm(assessments.propose(row, on), doctor)
    page = documents.render(documents.issue(row, "child_handbook", doctor, on))
    for words in ("儿童健康检查记录", "7.5", "低体重", "接下来", "18 月龄健康检查"):
        assert words in page
    slip = documents.render(documents.issue(row, "child_referral", doctor, on))
    assert "口腔科" in slip
    client = client_as("child_doctor", HEBEI, f"child_doctor-{HEBEI}")
    for chart in ("weight", "length", "weight_for_length", "bmi"):
        seen = client.get(reverse("growth-chart", args=[episode.key, chart]))
        assert seen.status_code == 200
        if chart == "weight":
            assert "-2.28" in seen.content.decode()


@pytest.mark.requirement("D02")
def test_the_visit_asks_for_what_the_age_requires_before_it_is_signed(
    opened: Any, at: Any, client_as: Any
) -> None:
    episode, doctor = opened("child_health", BIRTH), at("child_doctor")
    draft = encounters.open_draft(episode, "child_visit", "child", doctor)
    told = {"child_visited_on": "2022-08-02", "child_weight": "9.65", "child_height": "75.7"}
    changes = {name: {"base": draft.data.get(name), "value": v} for name, v in told.items()}
    saved = encounters.autosave(draft.key, changes, doctor)
    with pytest.raises(FormInvalid) as refused:
        encounters.sign(draft.key, doctor, saved.version)
    lacking = set(refused.value.errors)
    assert {"warn_12m_name", "child_hearing", "measured_position"} <= lacking
    assert not {n for n in lacking if n.startswith(("warn_8m", "warn_18m", "vision_right"))}
    page = client_as("child_doctor", HEBEI, f"child_doctor-{HEBEI}")
    seen = page.get(reverse("encounter", args=[draft.key]))
    assert seen.status_code == 200
    assert "呼唤名字无反应" in seen.content.decode()


# --- immunisation -------------------------------------------------------------------


@pytest.mark.requirement("D03")
def test_each_dose_closes_its_own_task_and_opens_the_next(opened: Any, at: Any) -> None:
    episode = opened("immunisation", {"mother_hbsag": "negative"})
    ward = at("maternity_doctor")
    assert due(episode, BORN, "maternity_doctor") == {"hepb1", "bcg"}
    record(episode, ward, "dose_bcg", BORN, {"bcg_on": BORN.isoformat()})
    assert due(episode, BORN, "maternity_doctor") == {"hepb1"}
    record(episode, ward, "dose_hepb1", BORN, {"hepb1_on": BORN.isoformat()})
    assert due(episode, BORN, "maternity_doctor") == set()
    assert due(episode, date(2021, 9, 1)) == set()
    assert due(episode, date(2021, 9, 2)) == {"hepb2"}


@pytest.mark.requirement("D03")
def test_the_record_from_elsewhere_takes_all_doses_off_the_list(opened: Any, at: Any) -> None:
    episode, doctor = opened("immunisation", {"vaccine_moved_in": True}), at("child_doctor")
    on = date(2021, 12, 5)
    told = {
        "hepb1_on": "2021-08-02",
        "bcg_on": "2021-08-02",
        "hepb2_on": "2021-09-02",
        "ipv1_on": "2021-10-02",
        "ipv2_on": "2021-11-20",
    }
    assert "record" in due(episode, on)
    record(episode, doctor, "vaccination", on, told)
    assert due(episode, on) == {"dtap1"}  # bOPV waits for 28 days after the second IPV
    assert due(episode, date(2021, 12, 18)) == {"dtap1", "bopv1"}


@pytest.mark.requirement("D03")
def test_a_child_of_a_positive_mother_gets_both_within_the_day(opened: Any) -> None:
    episode = opened("immunisation", {"mother_hbsag": "positive", "birth_weight": 3000})
    rows = episode.tasks.filter(name__in=("hepb1_exposed", "hbig"))
    assert {(t.name, t.due) for t in rows} == {("hepb1_exposed", BORN), ("hbig", BORN)}


@pytest.mark.requirement("D03")
def test_the_vaccination_record_prints_what_was_given_and_what_is_next(
    opened: Any, at: Any
) -> None:
    episode, doctor = opened("immunisation", {}), at("child_doctor")
    told = {"hepb1_on": BORN.isoformat(), "vaccine_batch": "HB2101"}
    record(episode, at("maternity_doctor"), "dose_hepb1", BORN, told)
    row = Episode.objects.get(pk=episode.pk)
    page = documents.render(documents.issue(row, "vaccination_card", doctor, BORN))
    assert "HB2101" in page
    assert "脊灰灭活疫苗第 1 剂" in page


# --- sessions at kindergartens and schools --------------------------------------------


@pytest.fixture
def class_of(at: Any, child: Any) -> Callable[..., Any]:
    """A list of children of these birthdays, with somebody who holds sessions for it."""

    def make(kind: str, name: str, *born: date) -> Any:
        nurse = at("school_doctor")
        place = groups.place(nurse, Region.objects.get(pk=STREET), kind, name)
        group = groups.create(nurse, place, "一（2）班", 2024)
        lines = "\n".join(f"学生{i},男,{b.isoformat()}" for i, b in enumerate(born))
        groups.add_lines(nurse, group, lines, date(2024, 9, 1))
        return group

    return make


def held(group: Any, kind: str, on: date, who: Actor, told: list[dict[str, Any]]) -> Any:
    found = next(k for k in sessions.kinds(who, STREET, on) if k.spec.id == kind)
    session = sessions.hold(who, group, found, on)
    lines = sessions.lines(session)
    answers = {str(x.person.key): t for x, t in zip(lines, told, strict=True)}
    return list(sessions.enter(session, answers, who).values())


@pytest.mark.requirement("D04")
def test_a_kindergarten_class_is_checked_in_one_table(class_of: Any, at: Any) -> None:
    on, nurse = date(2024, 9, 10), at("school_doctor")
    group = class_of("kindergarten", "光复幼儿园", date(2020, 3, 1), date(2020, 4, 1))
    fine = {"child_weight": "17", "child_height": "105", "caries_count": "0", "vision_file": "true"}
    low = {"vision_right": "4.7", "vision_left": "5.0"}
    lines = held(group, "kindergarten_check", on, nurse, [fine | low, fine])
    assert all(x.record is not None for x in lines), [x.error for x in lines]
    first, second = (x.record.episode for x in lines)
    assert facts_of(first, on)["child.visit_age_months"] == 54
    assert "vision" in due(first, on, "school_doctor")
    assert due(second, on, "school_doctor") == set()
    row = Episode.objects.get(pk=first.pk)
    page = documents.render(documents.issue(row, "kindergarten_notice", at("child_doctor"), on))
    assert "收眼科复诊回执" in page


@pytest.mark.requirement("D04")
def test_sealing_from_the_examination_to_the_re_check(class_of: Any, at: Any) -> None:
    nurse, group = at("school_doctor"), class_of("school", "光复小学", *[date(2016, 5, 1)] * 2)
    exam = dict.fromkeys(("molar_16", "molar_26", "molar_36"), "suitable")
    exam |= {"molar_46": "shallow", "oral_caries_count": "0"}
    on = date(2024, 9, 12)
    lines = held(group, "oral_exam", on, nurse, [exam, exam])
    assert all(x.record is not None for x in lines), [x.error for x in lines]
    yes, no = (x.record.episode for x in lines)
    notice = documents.issue(
        Episode.objects.get(pk=yes.pk), "sealing_notice", at("child_doctor"), on
    )
    assert "知情同意书" in documents.render(notice)
    answers = [{"guardian_consent": "agreed"}, {"guardian_consent": "refused"}]
    held(group, "sealing_consent", date(2024, 9, 20), nurse, answers)
    assert "sealing" in due(yes, date(2024, 9, 20), "school_doctor")
    assert due(no, date(2024, 9, 20), "school_doctor") == set()
    sealed = dict.fromkeys(("sealed_16", "sealed_26", "sealed_36", "sealed_46"), "done")
    held(group, "sealing_day", date(2024, 10, 8), nurse, [sealed, sealed])
    told = facts_of(yes, date(2024, 10, 8))
    assert told["child.sealed_16"] == "done"
    assert told["child.sealed_46"] is None, "the tooth was not fit for sealing"
    assert facts_of(no, date(2024, 10, 8))["child.sealed_16"] is None, "no consent"
    assert due(yes, date(2025, 1, 8), "school_doctor") == {"recheck_3m"}
    kept = {"kept_16": "lost", "kept_26": "kept", "kept_36": "kept"}
    held(group, "sealing_recheck", date(2025, 1, 10), nurse, [kept, {}])
    assert due(yes, date(2025, 1, 10), "school_doctor") == {"reseal"}


@pytest.mark.requirement("D05")
def test_a_course_is_called_over_and_attendance_counted(at: Any, child: Any) -> None:
    teacher = at("school_doctor", GUANNAN)
    place = groups.place(teacher, Region.objects.get(pk=XINAN), "kindergarten", "县机关幼儿园")
    group = groups.create(teacher, place, "亲子班", 2024)
    groups.add_lines(teacher, group, "幼儿一,女,2022-09-01", date(2024, 9, 1))
    for day, came in ((1, "true"), (8, "true"), (15, "false")):
        on = date(2024, 10, day)
        found = next(k for k in sessions.kinds(teacher, XINAN, on) if k.spec.id == "early_lesson")
        session = sessions.hold(teacher, group, found, on)
        key = str(sessions.lines(session)[0].person.key)
        told = {"lesson_attended": came, "lesson_topic": "nutrition"}
        [line] = sessions.enter(session, {key: told}, teacher).values()
        assert line.record is not None, line.error
    facts = facts_of(line.record.episode, date(2024, 10, 15))
    assert (facts["child.lessons_held"], facts["child.lessons_attended"]) == (3, 2)
    assert facts["child.attendance_rate"] == 66.7
    assert facts["child.early_centre"] == "county"


# --- rehabilitation -------------------------------------------------------------------


@pytest.mark.requirement("D06")
def test_rehabilitation_from_the_application_to_the_outcome(at: Any, child: Any) -> None:
    on, doctor = date(2024, 2, 10), at("child_doctor")
    told = {
        "applicant_name": "王芳",
        "guardian_relation": "mother",
        "applicant_phone": "13800000009",
        "disability_kinds": ["hearing"],
        "disability_proof": "certificate",
        "child_rehab_wanted": ["device", "training"],
        "hardship": True,
    }
    village = at("village_worker", STREET)
    region = Region.objects.get(pk=STREET)
    episode = episodes.nominate(
        village, "child_rehabilitation", child(), {"child": told}, on, region, source="file:1"
    )
    assert "family_visit" in due(episode, on, "township_officer")
    episodes.review(Episode.objects.get(pk=episode.pk), at("township_officer", STREET), on)
    decision = episodes.confirm(Episode.objects.get(pk=episode.pk), at("registration"), on)
    assert (decision.answer, decision.grant) == ("yes", "free")
    found = {"disability_kinds": ["hearing"], "child_rehab_findings": "双耳重度"}
    found |= {"child_rehab_suitable": True, "child_rehab_aim": "听觉康复二级"}
    record(episode, doctor, "child_rehab_assessment", date(2024, 3, 1), found)
    assert "rehabilitation" in due(episode, date(2024, 3, 1))
    plan = {"child_rehab_aim": "听觉康复二级", "child_rehab_ways": ["training"]}
    plan |= {"child_rehab_place": "区康复中心", "child_rehab_started_on": "2024-03-20"}
    record(episode, doctor, "child_rehab_plan", date(2024, 3, 20), plan)
    assert due(episode, date(2024, 6, 20)) == {"review_progress"}
    done = {"child_rehab_outcome": "reached", "child_rehab_ended_on": "2025-03-10"}
    record(episode, doctor, "child_rehab_outcome", date(2025, 3, 10), done)
    assert due(episode, date(2025, 3, 10)) == set()
