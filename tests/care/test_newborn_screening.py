"""Newborn screening in Guannan through the services: each positive until it is treated or ruled out."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.care import assessments, consents, content, documents, encounters, episodes
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode, Task
from sanyou.registry import births, organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Person, Region
from sanyou.registry.people import PersonData, register_person

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("D01")]

COUNTY, TOWN = "320724", "320724100"
BORN = date(2021, 3, 1)
NONE = ["none"]


def day(n: int) -> date:
    """The day on which the child is n days old."""
    return BORN + timedelta(days=n)


@pytest.fixture
def at(district: Any, actor: Any) -> Callable[[str], Actor]:
    organisations.setup_district(COUNTY, "灌南县妇幼保健院")
    return lambda duty: actor(duty, COUNTY)


@pytest.fixture
def mother(at: Any, make_id: Any) -> Person:
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
def newborn(at: Any, mother: Person) -> Callable[..., Episode]:
    """A delivery in the county, told on the record of the newborn; consent signed, risks asked."""

    def make(**told: Any) -> Episode:
        booking = next(
            p
            for p in content.library().programmes.values()
            if any("newborn_screening" in s.spec.programmes for s in p.starts)
        )
        start = next(s.spec for s in booking.starts if "newborn_screening" in s.spec.programmes)
        doctor, nurse = at("maternity_doctor"), at("screening_nurse")
        town = Region.objects.get(pk=TOWN)
        asked = {"lmp_certainty": "certain", "lmp": day(-275).isoformat(), "gravidity": 0,
                 "conception_way": "natural", "height": 160, "prepregnancy_weight": 55,
                 "birth_group": "policy_second"}  # fmt: skip
        pregnant = episodes.nominate(doctor, booking.id, mother, {"wife": asked}, on=day(-200),
                                     region=town, source="file:1")  # fmt: skip
        episodes.confirm(pregnant, doctor, on=day(-200))
        answers = {"infant_born_on": BORN.isoformat(), "infant_sex": "female", "infant_order": 1,
                   "birth_plurality": "single", "infant_condition": "alive", "birth_weight": 3200,
                   "infant_defect_seen": False}  # fmt: skip
        encounters.record(pregnant, start.form, "wife", answers | told.pop("infant", {}), BORN,
                          doctor, source="file:2")  # fmt: skip
        episode = Episode.objects.get(programme="newborn_screening")
        assert episode.person is not None
        assert births.Birth.objects.get(child=episode.person).mother == mother
        decision = episodes.confirm(episode, nurse, on=BORN)
        assert (decision.answer, decision.grant) == ("yes", "free")
        consents.grant(episode, "child", nurse, BORN, "paper")
        risks = {"hearing_risks": NONE, "hip_risks": NONE, "rop_ill": False,
                 "spot_barriers": NONE, "hereditary_rebirth": False}  # fmt: skip
        encounters.record(episode, "newborn_risk", "child", risks | told, BORN, nurse,
                          source="file:3")  # fmt: skip
        return episode

    return make


@pytest.fixture
def sign(at: Any) -> Callable[..., Any]:
    def make(
        episode: Episode, form: str, on: date, duty: str = "screening_nurse", **told: Any
    ) -> Any:
        source = f"{form}:{on}"
        return encounters.record(episode, form, "child", told, on, at(duty), source=source)

    return make


def planned(episode: Episode) -> dict[str, tuple[date, date | None]]:
    rows = episode.tasks.filter(kind=Task.Kind.SCHEDULE, status=Task.Status.OPEN)
    return {t.name: (t.opens, t.due) for t in rows}


def loops(episode: Episode) -> dict[str, tuple[str, str, date | None]]:
    rows = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    found = {t.name: (t.occurrence.rpartition(":")[0], t.duty, t.due) for t in rows}
    assert len(found) == len(rows)  # each positive is on one list only
    return found


def spot(sign: Any, episode: Episode, **result: Any) -> None:
    sign(episode, "blood_spot", day(4), spot_draw="taken", spot_taken_on=day(4).isoformat(),
         spot_hours=90, spot_card="K1", spot_fed=True, spot_count=3)  # fmt: skip
    assert loops(episode)["spot_specimen"][:2] == ("send", "screening_nurse")
    sign(episode, "spot_dispatch", day(5), spot_sent_on=day(5).isoformat())
    assert loops(episode)["spot_specimen"][:2] == ("receive", "laboratory")
    sign(episode, "spot_reception", day(7), "laboratory", spot_received_on=day(7).isoformat(),
         spot_state="accepted")  # fmt: skip
    assert loops(episode)["spot_specimen"] == ("report", "laboratory", day(14))
    normal = {"spot_phe": 60, "spot_phe_cutoff": 120, "spot_tsh": 3, "spot_tsh_cutoff": 9}
    sign(episode, "spot_result", day(12), "laboratory", spot_reported_on=day(12).isoformat(),
         **(normal | result))  # fmt: skip


def test_a_birth_brings_the_child_onto_the_list_with_all_its_windows(newborn: Any) -> None:
    episode = newborn()
    facts = facts_of(episode, BORN)
    assert (facts["child.birth_weight"], facts["child.birth_gestation_days"]) == (3200, 275)
    found = planned(episode)
    assert found["spot"] == (day(3), day(7))
    assert found["hearing_first"] == (day(2), day(7))
    assert found["heart"] == (BORN, day(3))
    assert found["hip_42"] == (day(42), day(56))
    assert {"eye_newborn", "eye_month", "hip_newborn", "hip_3m", "hip_6m"} <= set(found)
    assert "rop_first" not in found


def test_a_premature_child_waits_longer_for_the_heel_prick_and_has_its_eyes_examined(
    newborn: Any,
) -> None:
    early = {"birth_weight": 1800, "birth_gestation_days": 230, "nicu_days": 6}
    found = planned(newborn(infant=early))
    assert found["spot_late"] == (day(3), day(20))
    assert found["hearing_nicu"] == (day(2), day(42))
    assert found["rop_first"] == (day(28), day(42))
    assert "spot" not in found
    assert "hearing_yearly" not in found  # until the screen is passed


def test_hypothyroidism_is_recalled_treated_and_then_followed_for_years(
    newborn: Any, sign: Any, at: Any
) -> None:
    episode = newborn()
    spot(sign, episode, spot_tsh=48)
    assert loops(episode) == {"ch": ("recall", "screening_nurse", day(19))}
    row = assessments.confirm(assessments.propose(episode, day(12)), at("screening_nurse"))
    assert (row.cls, row.level) == ("recall", "high")
    letter = documents.render(
        documents.issue(episode, "newborn_recall_letter", at("screening_nurse"), day(12))
    )
    assert "不等于孩子有病" in letter
    assert f"带孩子来复查：<b>{day(19).isoformat()} 以前" in letter
    sign(episode, "newborn_recall", day(13), newborn_recalled_on=day(13).isoformat(),
         newborn_recall_way="phone")  # fmt: skip
    assert loops(episode)["ch"][0] == "diagnose"
    sign(episode, "ch_diagnosis", day(14), ch_diagnosed_on=day(14).isoformat(), infant_tsh=80,
         infant_tsh_level="high", infant_ft4=4, infant_ft4_level="low", ch_diagnosis="ch")  # fmt: skip
    assert loops(episode)["ch"] == ("treat", "screening_nurse", day(17))
    sign(episode, "ch_treatment", day(14), ch_treated_on=day(14).isoformat(), ch_treatment="lt4",
         child_weight=3.4, lt4_dose=37.5)  # fmt: skip
    assert loops(episode) == {}
    assert facts_of(episode, day(14))["child.lt4_per_kg"] == 11.0
    assert planned(episode)["ch_two_weeks"] == (day(28), day(35))
    assert planned(episode)["ch_reevaluate"] == (date(2023, 3, 1), date(2024, 3, 1))
    control = {"infant_tsh": 3, "infant_tsh_level": "normal", "infant_ft4": 18,
               "infant_ft4_level": "normal", "child_weight": 4.2, "lt4_dose": 37.5}  # fmt: skip
    sign(episode, "ch_followup", day(29), ch_stable=False, **control)
    assert "ch_two_weeks" not in planned(episode)
    assert planned(episode)["ch_monthly"] == (day(57), day(64))
    sign(episode, "ch_followup", day(58), ch_stable=True, **control)
    assert planned(episode)["ch_infant"] == (date(2021, 6, 28), date(2021, 7, 28))


def test_a_card_that_is_rejected_is_taken_again(newborn: Any, sign: Any) -> None:
    episode = newborn()
    sign(episode, "blood_spot", day(3), spot_draw="taken", spot_taken_on=day(3).isoformat(),
         spot_hours=73, spot_card="K1", spot_fed=True, spot_count=3)  # fmt: skip
    sign(episode, "spot_dispatch", day(3), spot_sent_on=day(3).isoformat())
    sign(episode, "spot_reception", day(6), "laboratory", spot_received_on=day(6).isoformat(),
         spot_state="rejected", spot_reject_reason="soaking")  # fmt: skip
    assert loops(episode)["spot_specimen"] == ("retake", "screening_nurse", day(9))
    sign(episode, "blood_spot", day(8), spot_draw="taken", spot_taken_on=day(8).isoformat(),
         spot_hours=190, spot_card="K2", spot_fed=True, spot_count=3)  # fmt: skip
    assert loops(episode)["spot_specimen"][0] == "send"


def test_hearing_goes_from_the_first_screen_to_the_hearing_aid(newborn: Any, sign: Any) -> None:
    episode = newborn()
    sign(episode, "hearing_first", day(3), hearing_first_state="done",
         hearing_first_on=day(3).isoformat(), hearing_first_method="oae",
         hearing_first_right="refer", hearing_first_left="pass")  # fmt: skip
    assert loops(episode) == {"hearing": ("second", "screening_nurse", day(42))}
    sign(episode, "hearing_second", day(40), hearing_second_on=day(40).isoformat(),
         hearing_second_method="both", hearing_second_right="refer", hearing_second_left="pass")  # fmt: skip
    assert loops(episode)["hearing"][::2] == ("diagnose", date(2021, 6, 1))
    sign(episode, "hearing_diagnosis", day(85), hearing_diagnosed_on=day(85).isoformat(),
         hearing_found="sensorineural", hearing_db_right=70, hearing_db_left=20)  # fmt: skip
    assert loops(episode)["hearing"][::2] == ("intervene", date(2021, 9, 1))
    sign(episode, "hearing_intervention", day(120), hearing_intervened_on=day(120).isoformat(),
         hearing_interventions=["aid", "training"])  # fmt: skip
    assert loops(episode) == {}


def test_a_child_that_died_or_was_handed_over_is_no_longer_looked_for(
    newborn: Any, sign: Any
) -> None:
    episode = newborn()
    spot(sign, episode, spot_phe=900)
    assert "pku" in loops(episode)
    sign(episode, "newborn_ending", day(15), "case_manager", newborn_ended_on=day(15).isoformat(),
         newborn_ending="moved", newborn_ending_note="已与徐州市妇幼保健院交接")  # fmt: skip
    assert loops(episode) == {}
    assert planned(episode) == {}


def test_genes_are_asked_for_in_hereditary_families_and_not_printed(
    newborn: Any, sign: Any, at: Any
) -> None:
    episode = newborn(hereditary_rebirth=True)
    assert planned(episode)["gene"] == (BORN, day(28))
    sign(episode, "gene_screen", day(10), gene_tested_on=day(10).isoformat(),
         deaf_gene="mitochondrial", pku_gene="negative")  # fmt: skip
    assert loops(episode)["gene"][0] == "recall"
    row = assessments.confirm(assessments.propose(episode, day(10)), at("screening_nurse"))
    assert "gene_mitochondrial" in {f["rule"] for f in row.result["findings"]}
    for kind in ("newborn_report", "newborn_recall_letter"):
        html = documents.preview(episode, kind, at("screening_nurse"), day(10))
        assert "线粒体" not in html, kind
        assert "遗传" not in html, kind
    assert "欧阳慧敏" in documents.preview(episode, "newborn_consent", at("screening_nurse"), BORN)
