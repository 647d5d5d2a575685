"""Everything done twice is done once: a second click, a second send, two people at the same time."""

from datetime import date
from typing import Any

import pytest

from sanyou.care import assessments, cards, consents, documents, encounters, episodes, flow, tasks
from sanyou.care.errors import Conflict
from sanyou.registry.models import Region

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H03")]

DAY = date(2021, 3, 1)
HUAYAN = "500107102"


def test_nominating_twice_opens_one_episode(couple: Any, actor: Any, district: Any) -> None:
    village, region = actor("village_worker"), Region.objects.get(pk=HUAYAN)
    answers = {"couple": {"child_order": 1, "planning": True}}
    made = [
        episodes.nominate(village, "preconception", couple, answers, DAY, region) for _ in range(2)
    ]
    assert made[0] == made[1]
    assert couple.episodes.count() == 1
    assert made[0].encounters.count() == 1


def test_confirming_twice_decides_once(episode_at: Any, actor: Any) -> None:
    episode = episode_at("reviewed")
    made = [episodes.confirm(episode, actor("registration"), DAY) for _ in range(2)]
    assert made[0] == made[1]
    assert episode.decisions.count() == 1


def test_a_card_issued_twice_is_one_card(episode_at: Any, actor: Any) -> None:
    episode = episode_at("confirmed")
    village = actor("village_worker")
    assert cards.issue(episode, village, DAY) == cards.issue(episode, village, DAY)
    assert episode.cards.count() == 1


def test_consenting_twice_is_one_consent(episode_at: Any, actor: Any) -> None:
    episode = episode_at("carded")
    for _ in range(2):
        consents.grant(episode, "wife", actor("registration"), DAY, "paper")
    assert episode.consents.count() == 1


def test_signing_twice_signs_once(episode_at: Any, actor: Any, fill: Any) -> None:
    nurse, episode = actor("history_nurse"), episode_at("consented")
    draft = encounters.open_draft(episode, "history", "wife", nurse)
    assert encounters.open_draft(episode, "history", "wife", nurse) == draft
    changes = {
        n: {"base": draft.data.get(n), "value": v} for n, v in fill("history", "wife").items()
    }
    saved = encounters.autosave(draft.key, changes, nurse)
    first = encounters.sign(draft.key, nurse, saved.version)
    again = encounters.sign(draft.key, nurse, saved.version)
    assert (first.pk, first.signed_at) == (again.pk, again.signed_at)
    assert episode.encounters.filter(form="history", role="wife").count() == 1


def test_signing_what_somebody_has_changed_meanwhile_is_a_conflict(
    episode_at: Any, actor: Any, fill: Any
) -> None:
    one, two = actor("history_nurse"), actor("history_nurse", username="second-nurse")
    draft = encounters.open_draft(episode_at("consented"), "history", "wife", one)
    changes = {
        n: {"base": draft.data.get(n), "value": v} for n, v in fill("history", "wife").items()
    }
    seen = encounters.autosave(draft.key, changes, one)
    encounters.autosave(
        draft.key,
        {"smoking": {"base": seen.data["smoking"], "value": not seen.data["smoking"]}},
        two,
    )
    with pytest.raises(Conflict):
        encounters.sign(draft.key, one, seen.version)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_two_people_on_one_record_lose_nothing(episode_at: Any, actor: Any) -> None:
    one = actor("laboratory")
    two = actor("laboratory", username="second-lab")
    draft = encounters.open_draft(episode_at("consented"), "laboratory", "wife", one)
    encounters.autosave(draft.key, {"alt": {"base": None, "value": "30"}}, one)
    encounters.autosave(draft.key, {"tsh": {"base": None, "value": "2.0"}}, two)
    result = encounters.autosave(draft.key, {"alt": {"base": None, "value": "31"}}, two)
    assert result.conflicts["alt"]["by"] == one.display_name
    assert (result.conflicts["alt"]["yours"], result.conflicts["alt"]["theirs"]) == (31, 30)
    assert {n: result.data[n] for n in ("alt", "tsh")} == {"alt": 30, "tsh": 2}


def test_a_file_read_twice_signs_once(episode_at: Any, actor: Any, fill: Any) -> None:
    episode, laboratory = episode_at("consented"), actor("laboratory")
    made = [
        encounters.record(
            episode, "laboratory", "wife", fill("laboratory", "wife"), DAY, laboratory,
            source="import:x:1",
        )
        for _ in range(2)
    ]  # fmt: skip
    assert made[0] == made[1]
    assert episode.encounters.filter(form="laboratory").count() == 1


def test_confirming_the_assessment_twice_opens_rechecks_once(episode_at: Any, actor: Any) -> None:
    episode = episode_at("examined", facts={"wife": {"alt": 88}})
    proposal, doctor = assessments.propose(episode, DAY), actor("assessing_doctor")
    assert assessments.propose(episode, DAY) == proposal
    assessments.confirm(proposal, doctor)
    before = episode.tasks.filter(kind="recheck").count()
    assert before > 0
    assessments.confirm(proposal, doctor)
    assert episode.tasks.filter(kind="recheck").count() == before


def test_a_document_issued_twice_is_one_document(episode_at: Any, actor: Any) -> None:
    episode, doctor = episode_at("assessed"), actor("assessing_doctor")
    first = documents.issue(episode, "notice", doctor, DAY)
    assert documents.issue(episode, "notice", doctor, DAY) == first


def test_looking_again_for_what_is_next_changes_nothing(episode_at: Any) -> None:
    for number, stage in enumerate(("nominated", "confirmed", "consented", "noticed"), 1):
        episode = episode_at(stage, number)
        before = sorted(episode.tasks.values_list("kind", "name", "role", "occurrence", "status"))
        flow.advance(episode, DAY)
        flow.advance(episode, DAY)
        after = sorted(episode.tasks.values_list("kind", "name", "role", "occurrence", "status"))
        assert after == before, stage


def test_closing_as_lost_twice_closes_once(episode_at: Any, actor: Any) -> None:
    task = episode_at("noticed").tasks.filter(name="early_followup").first()
    worker = actor("followup_worker")
    for _ in range(3):
        tasks.attempt(task, worker, "phone", False, "无人接听")
    first = tasks.close_lost(task, worker, "三次未接")
    again = tasks.close_lost(task, worker, "另一个原因")
    assert (again.status, again.reason, again.closed_at) == ("lost", "三次未接", first.closed_at)
