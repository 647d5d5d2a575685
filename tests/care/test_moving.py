"""A couple that moves keeps one record and one entitlement; responsibility goes with them."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sanyou.care import encounters, episodes, tasks
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode
from sanyou.care.reading import may_read_elsewhere
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou, visible
from sanyou.registry.models import Couple, Person, Region
from sanyou.registry.people import PersonData, register_couple, register_person

pytestmark = pytest.mark.django_db

QIKAI, TOWN = "220174", "220174001"  # 长春汽车经济技术开发区，锦程街道
JILIN, CHONGQING = "220000", "500000"
LATER = date(2021, 6, 1)


@pytest.fixture
def qikai() -> Region:
    return Region.objects.get(pk=TOWN)


def come_again(couple: Couple, actor: Actor, region: Region) -> Couple:
    """Both spouses registered anew by somebody who only has their identity cards."""
    people = [
        register_person(
            PersonData(name=p.name, id_number=p.id_number, phone=p.phone, residence_region=region,
                       residence_text=region.full_name), actor)
        for p in (couple.wife, couple.husband)
    ]  # fmt: skip
    return register_couple(people[0], people[1], actor=actor)


@pytest.fixture
def nominate_there(actor: Callable[..., Any], qikai: Region) -> Callable[..., Episode]:
    def act(couple: Couple, order: int = 1, on: date = LATER, **more: Any) -> Episode:
        worker = actor("village_worker", TOWN)
        same = come_again(couple, worker, qikai)
        answers = {"child_order": order, "policy_compliant": True, "planning": True} | more
        return episodes.nominate(worker, "preconception", same, {"couple": answers}, on, qikai)

    return act


@pytest.mark.requirement("A05")
def test_responsibility_and_open_tasks_go_and_the_policy_stays(
    episode_at: Any, actor: Any, qikai: Region
) -> None:
    episode = episode_at("consented")
    before = episode.tasks.filter(status="open").count()
    episodes.transfer(episode, actor("registration"), qikai, "夫妇迁往长春", LATER)
    episode.refresh_from_db()
    assert (episode.region_id, episode.origin_id) == (TOWN, "500107102")
    assert episode.policy == "jiulongpo-2020"
    assert episode.tasks.filter(status="open", region=qikai).count() == before > 0
    row = episode.transfers.get()
    assert (row.from_region_id, row.to_region_id, row.reason) == ("500107102", TOWN, "夫妇迁往长春")
    assert tasks.queue(actor("history_nurse", QIKAI)).filter(episode=episode).exists()
    assert not tasks.queue(actor("history_nurse")).filter(episode=episode).exists()


def test_the_new_district_goes_on_where_the_old_one_stopped(
    episode_at: Any, actor: Any, fill: Any, qikai: Region
) -> None:
    episode = episode_at("consented")
    episodes.transfer(episode, actor("registration"), qikai, "夫妇迁往长春", LATER)
    nurse = actor("history_nurse", QIKAI)
    encounters.record(episode, "history", "wife", fill("history", "wife"), LATER, nurse)
    later = episode.tasks.filter(status="open")
    assert set(later.values_list("region", flat=True)) == {TOWN}


def test_the_old_district_reads_and_no_longer_acts(
    episode_at: Any, actor: Any, fill: Any, qikai: Region
) -> None:
    episode = episode_at("consented")
    episodes.transfer(episode, actor("registration"), qikai, "夫妇迁往长春", LATER)
    episode.refresh_from_db()
    nurse = actor("history_nurse")
    assert visible(nurse, Episode.objects.all()).filter(pk=episode.pk).exists()
    assert nurse.can("see_results", episode)
    assert not nurse.can("fill:history", episode)
    with pytest.raises(Forbidden, match="转到其他区县"):
        encounters.open_draft(episode, "history", "wife", nurse)


def test_a_district_in_between_goes_on_reading(episode_at: Any, actor: Any, qikai: Region) -> None:
    episode = episode_at("confirmed")
    episodes.transfer(episode, actor("registration"), qikai, "迁往长春", LATER)
    third = Region.objects.filter(code__startswith="500106", level="township").first()
    assert third is not None
    episodes.transfer(episode, actor("registration", QIKAI), third, "又迁往沙坪坝", LATER)
    episode.refresh_from_db()
    assert may_read_elsewhere(actor("registration", QIKAI), episode)
    assert not may_read_elsewhere(actor("registration", "500110"), episode)
    assert episode.origin_id == "500107102"


@pytest.mark.parametrize("to", ["500107110", CHONGQING])
def test_a_transfer_leads_to_another_district_named_closely_enough(
    episode_at: Any, actor: Any, to: str
) -> None:
    with pytest.raises(CareError):
        episodes.transfer(
            episode_at("confirmed"), actor("registration"), Region.objects.get(pk=to), "迁走"
        )


def test_a_transfer_needs_the_duty_a_reason_and_an_open_record(
    episode_at: Any, actor: Any, qikai: Region
) -> None:
    episode, desk = episode_at("confirmed"), actor("registration")
    with pytest.raises(Forbidden):
        episodes.transfer(episode, actor("physician"), qikai, "迁走")
    with pytest.raises(NotFoundForYou):
        episodes.transfer(episode, actor("registration", QIKAI), qikai, "迁走")
    with pytest.raises(CareError, match="原因"):
        episodes.transfer(episode, desk, qikai, " ")
    episodes.close(episode, desk, "随访结束")
    with pytest.raises(NotAllowedNow):
        episodes.transfer(episode, desk, qikai, "迁走")


def test_a_second_click_transfers_once(episode_at: Any, actor: Any, qikai: Region) -> None:
    episode, desk = episode_at("confirmed"), actor("registration")
    for _click in range(2):
        episodes.transfer(episode, desk, qikai, "迁走")
    assert episode.transfers.count() == 1


@pytest.mark.requirement("A04")
def test_nominated_in_another_district_they_are_the_same_people_with_one_entitlement(
    episode_at: Any, actor: Any, nominate_there: Any
) -> None:
    first = episode_at("noticed")
    episodes.close(first, actor("registration"), "随访结束")
    people, couples = Person.objects.count(), Couple.objects.count()
    again = nominate_there(first.couple)
    assert (Person.objects.count(), Couple.objects.count()) == (people, couples)
    assert again.couple_id == first.couple_id
    assert (again.region_id, again.policy) == (TOWN, "qikai-2021")
    facts = facts_of(again, LATER)
    assert facts["couple.free_checks_used"] == 1
    assert facts["couple.last_check_on"] == date(2021, 3, 1)


@pytest.mark.requirement("A04")
def test_the_check_of_one_district_is_not_free_again_in_another(
    episode_at: Any, actor: Any, nominate_there: Any
) -> None:
    first = episode_at("noticed")
    episodes.close(first, actor("registration"), "随访结束")
    stated = {"stated_earlier_check": True, "stated_conceived_within_year": False}
    again = nominate_there(first.couple, **stated)
    episodes.review(again, actor("township_officer", TOWN))
    decision = episodes.confirm(again, actor("registration", QIKAI), LATER)
    assert (decision.answer, decision.grant) == ("yes", "own_cost")


def test_a_record_going_on_elsewhere_is_to_be_transferred_not_opened_twice(
    episode_at: Any, nominate_there: Any
) -> None:
    first = episode_at("confirmed")
    with pytest.raises(CareError, match="转到其他区县") as refused:
        nominate_there(first.couple)
    assert first.number in refused.value.message_zh


def test_clinical_duties_read_what_was_signed_earlier_elsewhere(
    episode_at: Any, actor: Any, nominate_there: Any
) -> None:
    first = episode_at("noticed")
    nurse = actor("history_nurse", QIKAI)
    assert not may_read_elsewhere(nurse, first), "not before they are in her care"
    episodes.close(first, actor("registration"), "随访结束")
    nominate_there(first.couple)
    assert may_read_elsewhere(nurse, first)
    assert not may_read_elsewhere(actor("registration", QIKAI), first), "no clinical duty"
    assert not may_read_elsewhere(actor("history_nurse", "500110"), first), "not in their care"
    with pytest.raises(NotFoundForYou):
        nurse.require("amend", first)


@pytest.mark.parametrize(
    ("duty", "action"), [("manager", "see_person"), ("statistician", "report")]
)
def test_city_and_province_see_every_district_below(
    episode_at: Any, actor: Any, nominate_there: Any, make_couple: Any, duty: str, action: str
) -> None:
    here, there = episode_at("confirmed"), nominate_there(make_couple(2))
    everywhere = Episode.objects.all()
    assert set(visible(actor(duty, CHONGQING), everywhere)) == {here}
    assert set(visible(actor(duty, "220100"), everywhere)) == {there}
    assert set(visible(actor(duty, JILIN), everywhere)) == {there}
    assert actor(duty, JILIN).can(action, there)
    assert not actor(duty, JILIN).can(action, here)
