"""One free check per couple and child order; no consent, no examination; withdrawal."""

from datetime import date
from typing import Any

import pytest

from sanyou.care import consents, encounters, episodes
from sanyou.care.errors import CareError, ConsentMissing, NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode, FreeCheck
from sanyou.registry.models import Region

pytestmark = pytest.mark.django_db

DAY = date(2021, 3, 1)
HUAYAN = "500107102"


def used(couple: Any, order: int, on: date = date(2019, 6, 1)) -> None:
    FreeCheck.objects.create(
        wife_index=couple.wife.id_index,
        husband_index=couple.husband.id_index,
        child_order=order,
        examined_on=on,
        source="history:1",
    )


@pytest.mark.requirement("A04")
def test_a_check_in_an_older_file_uses_up_the_entitlement(episode_at: Any, actor: Any) -> None:
    episode = episode_at("reviewed")
    used(episode.couple, 1)
    decision = episodes.confirm(episode, actor("registration"), DAY)
    assert (decision.answer, decision.grant) == ("yes", "own_cost")
    assert "四" in decision.result["grant"]["clause"]
    episode.refresh_from_db()
    assert episode.status_reason
    assert episode.tasks.get(name="confirm").status == "open", "the centre chooses"


@pytest.mark.requirement("A04")
def test_own_cost_goes_on_only_when_the_centre_chooses(episode_at: Any, actor: Any) -> None:
    episode = episode_at("reviewed")
    used(episode.couple, 1)
    episodes.confirm(episode, actor("registration"), DAY)
    episodes.confirm(episode, actor("registration"), DAY, own_cost=True)
    assert episode.tasks.get(name="card").status == "open"
    assert facts_of(episode, DAY)["couple.grant"] == "own_cost"


@pytest.mark.requirement("A04")
def test_another_child_order_is_free_again(episode_at: Any, actor: Any) -> None:
    episode = episode_at("reviewed", facts={"couple": {"child_order": 2}})
    used(episode.couple, 1)
    assert episodes.confirm(episode, actor("registration"), DAY).grant == "free"


@pytest.mark.requirement("A04")
def test_a_check_made_here_counts_for_the_same_child_order(episode_at: Any, actor: Any) -> None:
    first = episode_at("noticed")
    episodes.close(first, actor("registration"), "随访结束")
    later = date(2022, 5, 1)
    again = episodes.nominate(
        actor("village_worker"),
        "preconception",
        first.couple,
        {"couple": {"child_order": 1, "policy_compliant": True, "planning": True}},
        later,
        Region.objects.get(pk=HUAYAN),
    )
    assert facts_of(again, later)["couple.free_checks_used"] == 1
    assert facts_of(first, later)["couple.free_checks_used"] == 0, "a check does not use itself up"


@pytest.mark.requirement("A03")
def test_a_missing_fact_is_cannot_tell_yet_and_names_it(episode_at: Any, actor: Any) -> None:
    episode = episode_at("reviewed", facts={"couple": {"planning": None}})
    decision = episodes.confirm(episode, actor("registration"), DAY)
    assert decision.answer == "unknown"
    assert "couple.planning" in decision.result["missing"]
    episode.refresh_from_db()
    assert (episode.status, bool(episode.status_reason)) == ("open", True)
    assert episode.tasks.get(name="confirm").status == "open"


@pytest.mark.requirement("A03")
def test_not_eligible_closes_what_was_waiting_and_quotes_the_clause(
    episode_at: Any, actor: Any
) -> None:
    episode = episode_at("reviewed", facts={"couple": {"planning": False}})
    decision = episodes.confirm(episode, actor("registration"), DAY)
    assert decision.answer == "no"
    assert "九龙坡府办发〔2020〕136号" in decision.result["clause_line"]
    episode.refresh_from_db()
    assert episode.status == Episode.Status.INELIGIBLE
    assert not episode.tasks.filter(status="open").exists()


@pytest.mark.requirement("A05")
def test_a_decision_keeps_the_policy_it_was_made_under(episode_at: Any) -> None:
    decision = episode_at("confirmed").decisions.get()
    assert decision.policy == "jiulongpo-2020"
    assert decision.result["facts"]["couple.planning"] is True


@pytest.mark.requirement("B02")
@pytest.mark.parametrize("form", ["history", "physical", "specimen", "laboratory"])
def test_without_consent_no_station_records_anything(
    episode_at: Any, actor: Any, library: Any, fill: Any, form: str
) -> None:
    episode = episode_at("carded")
    duty = actor(library.programmes["preconception"].forms[form].duty[0])
    with pytest.raises(ConsentMissing):
        encounters.open_draft(episode, form, "wife", duty)
    with pytest.raises(ConsentMissing):
        encounters.record(episode, form, "wife", fill(form, "wife"), DAY, duty)
    assert not episode.encounters.filter(form=form).exists()


@pytest.mark.requirement("B02")
def test_a_draft_cannot_be_signed_after_withdrawal(episode_at: Any, actor: Any, fill: Any) -> None:
    episode, nurse = episode_at("consented"), actor("history_nurse")
    draft = encounters.open_draft(episode, "history", "wife", nurse)
    changes = {
        n: {"base": draft.data.get(n), "value": v} for n, v in fill("history", "wife").items()
    }
    saved = encounters.autosave(draft.key, changes, nurse)
    consents.withdraw(episode, "wife", actor("registration"), DAY, "不想继续")
    with pytest.raises(CareError):
        encounters.sign(draft.key, nurse, saved.version)


@pytest.mark.requirement("B02")
def test_withdrawal_stops_follow_up_and_keeps_the_record(episode_at: Any, actor: Any) -> None:
    episode = episode_at("noticed", facts={"wife": {"alt": 88}})
    signed = episode.encounters.filter(status="signed").count()
    consents.withdraw(episode, "wife", actor("registration"), DAY, "不想继续")
    assert not episode.tasks.filter(status="open").exists()
    assert episode.encounters.filter(status="signed").count() == signed
    assert episode.documents.filter(kind="notice").exists()
    with pytest.raises(NotAllowedNow):
        encounters.open_draft(episode, "early_followup", "wife", actor("followup_worker"))
    assert [c.kind for c in episode.consents.filter(role="wife").order_by("pk")] == [
        "grant",
        "withdraw",
    ]
