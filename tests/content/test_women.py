"""Women's screening in Hebei District through the services: from the list of a field day to the end
of every positive."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sanyou.care import assessments, consents, documents, encounters, episodes, sessions, tasks
from sanyou.care.errors import NotAllowedNow
from sanyou.care.models import Episode, Task
from sanyou.registry import groups, organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Person, Region
from sanyou.registry.people import PersonData, register_person

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("C08")]

COUNTY, TOWN = "120105", "120105003"
DAY = date(2022, 6, 1)
SCREENINGS = ["cervical_screening", "breast_screening"]


@pytest.fixture
def at(district: Any, actor: Any) -> Callable[[str], Actor]:
    organisations.setup_district(COUNTY, "河北区妇幼保健计划生育服务中心")

    def make(duty: str) -> Actor:
        found: Actor = actor(duty, COUNTY)
        return found

    return make


@pytest.fixture
def woman(at: Any, make_id: Any) -> Callable[..., Person]:
    town = Region.objects.get(pk=TOWN)

    def make(born: date = date(1980, 3, 8), number: int = 2) -> Person:
        return register_person(
            PersonData(
                name=f"上官秀英{number}",
                id_number=make_id(COUNTY, born, number * 2),
                residence_region=town,
                residence_text=town.full_name,
                residence_since=date(2010, 5, 1),
            ),
            Actor.system("tests"),
        )

    return make


@pytest.fixture
def registered(at: Any, woman: Any) -> Callable[..., Episode]:
    """Registered, found eligible, consent signed."""

    def make(programme: str, on: date = DAY, person: Person | None = None, **told: Any) -> Episode:
        doctor = at("women_doctor")
        prefix = programme.partition("_")[0].replace("women", "census")
        episode = episodes.nominate(
            doctor,
            programme,
            person or woman(),
            {"wife": {"women_group": "other", f"{prefix}_before": False} | told},
            on=on,
            region=Region.objects.get(pk=TOWN),
            source=f"file:{programme}:{person}:{on}",
        )
        decision = episodes.confirm(episode, doctor, on=on)
        assert (decision.answer, decision.grant) == ("yes", "free")
        consents.grant(episode, "wife", doctor, on, "paper")
        return episode

    return make


def sign(
    at: Any, episode: Episode, form: str, on: date, duty: str = "women_doctor", **told: Any
) -> Any:
    source = f"{form}:{on}:{len(told)}"
    return encounters.record(episode, form, "wife", told, on, at(duty), source=source)


def judge(at: Any, episode: Episode, on: date) -> Any:
    return assessments.confirm(assessments.propose(episode, on), at("women_doctor"))


def on_lists(episode: Episode) -> list[tuple[str, str, str]]:
    """(duty, loop, leg) of every open task of a loop."""
    rows = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN).order_by("name")
    return [(t.duty, t.name, t.occurrence.rpartition(":")[0]) for t in rows]


def cervix(at: Any, episode: Episode, on: date = DAY, method: str = "hpv") -> None:
    exams = "vulva_exam vagina_exam vaginal_discharge cervix_exam uterus_exam adnexa_exam"
    told: dict[str, Any] = dict.fromkeys(exams.split(), "normal")
    told["cervical_method"] = method
    told |= dict.fromkeys(["contact_bleeding", "abnormal_bleeding", "cervix_suspicious"], False)
    sign(at, episode, "cervical_exam", on, **told)


def test_a_normal_result_leaves_nothing_open_but_the_next_round(at: Any, registered: Any) -> None:
    episode = registered("cervical_screening")
    cervix(at, episode)
    sign(at, episode, "cervical_result", date(2022, 6, 8), "laboratory", hpv_typed=True, hpv_result="negative")  # fmt: skip
    found = judge(at, episode, date(2022, 6, 8))
    assert (found.cls, found.level) == ("", "fine")
    assert found.result["undetermined"] == []
    assert on_lists(episode) == []
    (task,) = episode.tasks.filter(kind=Task.Kind.SCHEDULE, status=Task.Status.OPEN)
    assert (task.name, task.opens) == ("next_hpv", date(2027, 6, 1))


def test_a_positive_goes_through_triage_to_treatment_and_re_test(at: Any, registered: Any) -> None:
    episode = registered("cervical_screening")
    cervix(at, episode)
    first = date(2022, 6, 8)
    sign(at, episode, "cervical_result", first, "laboratory", hpv_typed=True, hpv_result="positive", hpv_types=["hpv52"])  # fmt: skip
    assert judge(at, episode, first).cls == "reflex"
    assert on_lists(episode) == [("women_doctor", "reflex", "cytology")]
    second = date(2022, 6, 20)
    sign(at, episode, "cytology_test", second, "laboratory", cytology_adequacy="satisfactory", cytology_tbs="hsil")  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "positive", "contact")]
    assert judge(at, episode, second).cls == "colposcopy"
    (task,) = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    assert task.due == date(2022, 7, 20)  # 30 days from the result
    sign(at, episode, "cervical_contact", date(2022, 6, 25), cervical_told_on="2022-06-25", cervical_told_way="phone", cervical_told="booked")  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "positive", "colposcopy")]
    sign(at, episode, "cervical_colposcopy", date(2022, 7, 1), colposcopy_on="2022-07-01", colposcopy_result="high", colposcopy_biopsy=True)  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "positive", "histology")]
    sign(at, episode, "cervical_histology", date(2022, 7, 9), cervical_histology_on="2022-07-09", cervical_histology="cin3")  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "positive", "treatment")]
    assert judge(at, episode, date(2022, 7, 9)).cls == "treat"
    with pytest.raises(NotAllowedNow):
        episodes.close(episode, at("registration"), "普查结束")
    sign(at, episode, "cervical_treatment", date(2022, 8, 1), cervical_treated_on="2022-08-01", cervical_treatment=["leep"])  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "retest", "treated")]
    (task,) = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    assert (task.opens, task.due) == (date(2023, 2, 1), date(2023, 8, 1))
    assert judge(at, episode, date(2022, 8, 1)).cls == "retest"
    sign(at, episode, "cervical_retest", date(2023, 2, 10), cervical_retest_result="negative")
    assert on_lists(episode) == []


def test_who_cannot_be_reached_stays_on_a_list(at: Any, registered: Any) -> None:
    episode = registered("cervical_screening")
    cervix(at, episode, method="cytology")
    first = date(2022, 6, 8)
    sign(at, episode, "cervical_result", first, "laboratory", cytology_adequacy="satisfactory", cytology_tbs="lsil")  # fmt: skip
    (task,) = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    for _again in range(tasks.attempts_needed(task)):
        tasks.attempt(task, at("women_doctor"), "phone", reached=False, note="")
    tasks.close_lost(task, at("women_doctor"), "电话停机")
    assert on_lists(episode) == [("case_manager", "positive", "lost:contact")]


def test_an_unsatisfactory_specimen_is_taken_again(at: Any, registered: Any) -> None:
    episode = registered("cervical_screening")
    cervix(at, episode, method="cytology")
    sign(at, episode, "cervical_result", date(2022, 6, 8), "laboratory", cytology_adequacy="unsatisfactory")  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "specimen", "cytology")]
    (task,) = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    assert (task.opens, task.due) == (date(2022, 8, 8), date(2022, 10, 8))
    sign(at, episode, "cytology_test", date(2022, 8, 20), "laboratory", cytology_adequacy="satisfactory", cytology_tbs="nilm")  # fmt: skip
    assert on_lists(episode) == []


def test_the_breast_flow_to_the_specialist_and_six_months(at: Any, registered: Any) -> None:
    episode = registered("breast_screening")
    risks: dict[str, Any] = dict.fromkeys(
        ["breast_family", "brca_carrier", "breast_lesion_before"], False
    )
    sign(at, episode, "breast_exam", DAY, breast_signs=["none"], breast_clinical="normal", **risks)
    sign(at, episode, "breast_ultrasound", DAY, "ultrasound", breast_us_birads="3", breast_us_side="left")  # fmt: skip
    assert judge(at, episode, DAY).cls == "mammography"
    assert on_lists(episode) == [("women_doctor", "breast_positive", "contact")]
    sign(at, episode, "breast_mammography", date(2022, 6, 20), breast_mg_on="2022-06-20", breast_mg_birads="0")  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "breast_positive", "specialist")]
    sign(at, episode, "breast_specialist", date(2022, 7, 1), breast_specialist_on="2022-07-01", breast_specialist="follow")  # fmt: skip
    assert on_lists(episode) == [("women_doctor", "breast_followup", "followup")]
    assert judge(at, episode, date(2022, 7, 1)).cls == "followup"
    sign(at, episode, "breast_followup", date(2022, 12, 10), breast_followup_birads="2")
    assert on_lists(episode) == []


def test_a_field_day_of_a_list_registers_who_is_new_and_asks_for_consent(
    at: Any, woman: Any, registered: Any
) -> None:
    doctor = at("women_doctor")
    centre = Organisation.objects.get(region_id=COUNTY, kind=Organisation.Kind.CENTRE)
    group = groups.create(doctor, centre, "鸿顺里普查", 2022)
    known, new = woman(number=3), woman(date(1975, 5, 5), 4)
    for person in (known, new):
        groups.join(doctor, group, person, DAY)
    registered("women_census", person=known)
    kinds = {k.spec.id: k for k in sessions.kinds(doctor, TOWN, DAY)}
    assert {"census_field_day", "cervical_field_day", "breast_field_day"} <= kinds.keys()
    session = sessions.hold(doctor, group, kinds["census_field_day"], DAY)
    exams = "vulva_exam vagina_exam vaginal_discharge cervix_exam uterus_exam adnexa_exam"
    line: dict[str, Any] = dict.fromkeys(exams.split(), "normal")
    line |= {"popq_stage": "0", "breast_signs": ["none"]}
    line |= {"breast_clinical": "normal", "contact_bleeding": False, "abnormal_bleeding": False}
    found = sessions.enter(session, {str(p.key): line for p in (known, new)}, doctor)
    assert found[str(known.key)].record is not None
    assert found[str(new.key)].record is None  # no consent, no examination
    assert "同意" in found[str(new.key)].error


def test_one_registration_begins_the_cancer_screenings(
    at: Any, registered: Any, woman: Any
) -> None:
    person = woman()
    registered("women_census", person=person, census_cancers=True)
    begun = Episode.objects.filter(person=person).exclude(programme="women_census")
    assert sorted(begun.values_list("programme", flat=True)) == sorted(SCREENINGS)
    younger = woman(date(1990, 3, 8), 5)
    registered("women_census", person=younger, census_cancers=True)
    assert Episode.objects.filter(person=younger).count() == 1


@pytest.mark.parametrize("programme", [*SCREENINGS, "women_census"])
def test_every_document_prints(at: Any, registered: Any, library: Any, programme: str) -> None:
    episode = registered(programme)
    if programme == "cervical_screening":
        cervix(at, episode)
        sign(at, episode, "cervical_result", DAY, "laboratory", hpv_typed=True, hpv_result="positive", hpv_types=["hpv16", "hpv52"])  # fmt: skip
    elif programme == "breast_screening":
        sign(at, episode, "breast_exam", DAY, breast_signs=["mass"], breast_clinical="suspicious")
        sign(at, episode, "breast_ultrasound", DAY, "ultrasound", breast_us_birads="4a", breast_us_side="left")  # fmt: skip
    else:
        sign(at, episode, "census_laboratory", DAY, "laboratory", trichomonas="positive", candida="negative", bacterial_vaginosis="negative")  # fmt: skip
        sign(at, episode, "census_diagnosis", DAY, census_diseases=["trichomonas", "sti"])
    judge(at, episode, DAY)
    for kind in library.programmes[programme].documents:
        page = documents.preview(episode, kind, at("women_doctor"), DAY)
        assert "上官秀英" in page
        assert "{{" not in page
        if kind.endswith("_referral"):
            assert "回执" in page
        elif kind.endswith("_notice"):
            assert {"cervical_screening": "阴道镜", "breast_screening": "活检", "women_census": "伴侣"}[programme] in page  # fmt: skip
