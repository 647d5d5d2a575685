"""What another free check rests on: the last check, the pregnancy after it, and how that ended."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sanyou.care import encounters, episodes
from sanyou.care.earlier import conceived_within_year, pregnancy_ended
from sanyou.care.facts import facts_of, facts_table
from sanyou.care.models import Episode, FreeCheck
from sanyou.registry.models import Region

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A04")]

CHECK = date(2021, 3, 1)
LATER = date(2023, 5, 1)
HUAYAN, TOWN, QIKAI = "500107102", "220174001", "220174"


def pregnant(lmp: date) -> dict[str, Any]:
    return {"pregnancy_result": "pregnant", "lmp": lmp.isoformat()}


def ended(how: str, on: date) -> dict[str, Any]:
    return {"outcome_result": "ended", "outcome": how, "outcome_on": on.isoformat()}


@pytest.mark.parametrize(
    ("conceived", "answer"),
    [
        (date(2021, 3, 1), True),  # the day of the check
        (date(2022, 3, 1), True),  # the same day a year later
        (date(2022, 3, 2), False),
        (date(2021, 2, 28), None),  # before the check: tells nothing of the time after it
    ],
)
def test_within_a_year_counts_to_the_same_day(conceived: date, answer: bool | None) -> None:
    lmp = conceived - timedelta(days=14)
    assert conceived_within_year(CHECK, [(pregnant(lmp), LATER)]) is answer


@pytest.mark.parametrize(
    ("asked", "answer"), [(date(2022, 2, 28), None), (date(2022, 3, 1), False)]
)
def test_not_pregnant_is_known_only_once_the_year_is_over(asked: date, answer: Any) -> None:
    told = {"pregnancy_result": "not_pregnant", "early_followup_on": asked.isoformat()}
    assert conceived_within_year(CHECK, [(told, LATER)]) is answer


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("live_birth", "delivered"),
        ("birth_defect", "delivered"),
        ("spontaneous_abortion", "adverse"),
        ("stillbirth", "adverse"),
        ("induced_abortion", "other"),
        ("other", "other"),
    ],
)
def test_every_outcome_has_its_kind(how: str, kind: str) -> None:
    day = date(2022, 1, 5)
    assert pregnancy_ended([(ended(how, day), day)], LATER) == kind


def test_all_outcomes_of_the_form_are_told_apart(library: Any) -> None:
    kinds = library.dictionary.value_sets["pregnancy_end"].current_codes
    assert {c.code for c in library.dictionary.value_sets["outcome"].codes} <= kinds.keys()


def test_a_pregnancy_goes_on_for_44_weeks_at_most() -> None:
    lmp = date(2022, 1, 1)
    last = lmp + timedelta(weeks=44)
    assert pregnancy_ended([(pregnant(lmp), last)], last) == "ongoing"
    assert pregnancy_ended([(pregnant(lmp), last)], last + timedelta(days=1)) is None


def test_a_pregnancy_after_one_that_ended_is_the_latest() -> None:
    told = [
        (ended("spontaneous_abortion", date(2021, 8, 1)), date(2021, 8, 2)),
        (pregnant(date(2021, 10, 1)), date(2021, 12, 1)),
    ]
    assert pregnancy_ended(told, date(2022, 1, 1)) == "ongoing"


@pytest.fixture
def followed(episode_at: Any, actor: Any, fill: Any) -> Any:
    """Checked in 九龙坡, then pregnant and how it ended, and the record closed."""

    def make(lmp: date | None = None, how: str = "", number: int = 1) -> Episode:
        episode: Episode = episode_at("noticed", number)
        worker = actor("followup_worker")
        if lmp is not None:
            answers = fill("early_followup", "wife", **pregnant(lmp))
            on = lmp + timedelta(days=60)
            encounters.record(episode, "early_followup", "wife", answers, on, worker)
        if lmp is not None and how:
            on = lmp + timedelta(days=90)
            answers = {"outcome_followup_on": on.isoformat()} | ended(how, on)
            encounters.record(episode, "outcome_followup", "wife", answers, on, worker)
        episodes.close(episode, actor("registration"), "随访结束")
        return episode

    return make


@pytest.fixture
def again(actor: Any) -> Any:
    def make(couple: Any, on: date = LATER, town: str = TOWN, **stated: Any) -> Episode:
        answers = {"child_order": 1, "policy_compliant": True, "planning": True} | stated
        region = Region.objects.get(pk=town)
        episode = episodes.nominate(
            actor("village_worker", town), "preconception", couple, {"couple": answers}, on, region
        )
        episodes.review(episode, actor("township_officer", town))
        return episode

    return make


def confirmed(episode: Episode, actor: Any, on: date = LATER) -> str:
    """The grant the centre of 汽开区 finds."""
    for person in (episode.couple.wife, episode.couple.husband):  # type: ignore[union-attr]
        person.residence_region_id = TOWN
        person.save()
    return str(episodes.confirm(episode, actor("registration", QIKAI), on).grant)


def test_the_facts_come_from_the_signed_follow_ups_of_the_other_district(
    followed: Any, again: Any
) -> None:
    episode = again(followed(date(2021, 6, 1), "spontaneous_abortion").couple)
    facts = facts_of(episode, LATER)
    assert facts["couple.last_check_on"] == CHECK
    assert facts["couple.conceived_within_year"] is True
    assert facts["couple.last_pregnancy_ended"] == "adverse"


def test_miscarried_within_the_year_it_is_free_again_where_the_district_says_so(
    followed: Any, again: Any, actor: Any
) -> None:
    episode = again(followed(date(2021, 6, 1), "spontaneous_abortion").couple)
    assert confirmed(episode, actor) == "free"


def test_the_same_couple_pays_where_the_district_gives_one_check(
    followed: Any, again: Any, actor: Any
) -> None:
    first = followed(date(2021, 6, 1), "spontaneous_abortion")
    episode = again(first.couple, town=HUAYAN)
    assert episodes.confirm(episode, actor("registration"), LATER).grant == "own_cost"


def test_pregnant_only_after_the_year_it_is_at_own_cost(
    followed: Any, again: Any, actor: Any
) -> None:
    episode = again(followed(date(2022, 4, 1), "live_birth").couple)
    assert confirmed(episode, actor) == "own_cost"


def test_what_the_couple_states_counts_where_nobody_followed_up(
    followed: Any, again: Any, actor: Any
) -> None:
    stated = {
        "stated_earlier_check": True,
        "stated_conceived_within_year": True,
        "stated_pregnancy_end": "delivered",
    }
    assert confirmed(again(followed().couple, **stated), actor) == "free"


def test_a_signed_follow_up_wins_over_what_is_stated(followed: Any, again: Any, actor: Any) -> None:
    stated = {
        "stated_earlier_check": True,
        "stated_conceived_within_year": True,
        "stated_pregnancy_end": "delivered",
    }
    episode = again(followed(date(2022, 6, 1), "live_birth").couple, **stated)
    assert confirmed(episode, actor) == "own_cost"


def test_without_any_word_of_a_pregnancy_it_cannot_be_told(
    followed: Any, again: Any, actor: Any
) -> None:
    assert confirmed(again(followed().couple), actor) == "unknown"


def test_a_check_in_a_history_file_is_the_last_check(episode_at: Any) -> None:
    episode = episode_at("reviewed")
    FreeCheck.objects.create(
        wife_index=episode.couple.wife.id_index,
        husband_index=episode.couple.husband.id_index,
        child_order=2,
        programme="preconception",
        examined_on=date(2018, 9, 1),
        source="history:1",
    )
    facts = facts_of(episode, CHECK)
    assert facts["couple.last_check_on"] == date(2018, 9, 1)
    assert facts["couple.free_checks_used"] == 0, "another child order"


def test_a_check_of_its_own_is_no_earlier_one(followed: Any) -> None:
    facts = facts_of(followed(date(2021, 6, 1), "live_birth"), LATER)
    assert facts["couple.last_check_on"] is None
    assert facts["couple.free_checks_used"] == 0


def test_facts_of_a_day_do_not_know_a_later_outcome(followed: Any, again: Any) -> None:
    episode = again(followed(date(2021, 6, 1), "live_birth").couple)
    before = facts_of(episode, date(2021, 8, 15))
    assert before["couple.conceived_within_year"] is True
    assert before["couple.last_pregnancy_ended"] == "ongoing"


@pytest.mark.requirement("F01")
def test_more_couples_need_no_more_queries(followed: Any, again: Any) -> None:
    rows = [again(followed(date(2021, 6, 1), "live_birth", n).couple) for n in range(1, 5)]

    def queries(found: list[Episode]) -> int:
        with CaptureQueriesContext(connection) as seen:
            table = facts_table(found, LATER)
        assert all(facts["couple.last_pregnancy_ended"] == "delivered" for facts in table)
        return len(seen)

    assert queries(rows) == queries(rows[:1])
