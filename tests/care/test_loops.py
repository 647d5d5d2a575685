"""A positive stays on exactly one list from the day it is known to the day it is closed."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sanyou.care import assessments, content, daily, encounters, episodes, tasks
from sanyou.care.errors import NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode, Task
from sanyou.protocol.library import Library
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.registry.people import PersonData, register_person

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("D01")]

RECALL = Path(__file__).parents[1] / "fixtures" / "recall"
HUAYAN = "500107102"
BORN = date(2021, 8, 30)
FIRST = date(2021, 9, 1)


@pytest.fixture(scope="module")
def recall() -> Library:
    return Library.load(None, RECALL)


@pytest.fixture(autouse=True)
def in_use(recall: Library) -> Iterator[None]:
    content.set_library(recall)
    yield
    content.set_library(None)


@pytest.fixture
def screened(district: Any, actor: Any, make_id: Callable[..., str]) -> Callable[..., Episode]:
    town = Region.objects.get(pk=HUAYAN)

    def make(answer: str = "refer", number: int = 0, **more: Any) -> Episode:
        child = register_person(
            PersonData(
                name=f"儿童{number}",
                id_number=make_id("500107", BORN, number),
                residence_region=town,
                residence_text=town.full_name,
            ),
            Actor.system("tests"),
        )
        told = {"ear_first": answer, "ear_first_on": FIRST.isoformat()} | more
        return episodes.nominate(
            actor("screening_nurse"),
            "recall",
            child,
            {"child": told},
            on=FIRST,
            region=town,
            source=f"file:{number}",  # as from a file: looked at as of its own day
        )

    return make


def on_lists(episode: Episode) -> list[tuple[str, str]]:
    """(duty, leg) of every open task of a loop."""
    rows = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    return [(t.duty, t.occurrence.rpartition(":")[0]) for t in rows]


def second(episode: Episode, actor: Any, answer: str, on: date, level: int = 40) -> Any:
    told = {"ear_second": answer, "ear_second_on": on.isoformat(), "ear_level": level}
    return encounters.record(episode, "ear_second", "child", told, on, actor("screening_nurse"))


def found(episode: Episode, actor: Any, on: date, **told: Any) -> Any:
    return encounters.record(episode, "ear_diagnosis", "child", told, on, actor("child_doctor"))


def give_up(task: Task, who: Any) -> None:
    for _attempt in range(tasks.attempts_needed(task)):
        tasks.attempt(task, who, "phone", reached=False, note="")
    tasks.close_lost(task, who, "电话停机")


def test_a_pass_is_on_no_list(screened: Any) -> None:
    assert on_lists(screened("pass")) == []


def test_a_positive_goes_from_leg_to_leg_until_it_is_closed(screened: Any, actor: Any) -> None:
    episode = screened()
    assert on_lists(episode) == [("screening_nurse", "second")]
    task = episode.tasks.get(kind=Task.Kind.LOOP)
    assert (task.opens, task.due) == (FIRST, date(2021, 10, 13))
    assert task in tasks.queue(actor("screening_nurse"))
    second(episode, actor, "refer", date(2021, 10, 1))
    assert on_lists(episode) == [("child_doctor", "diagnosis")]
    found(episode, actor, date(2021, 11, 1), ear_found="loss")
    assert on_lists(episode) == [("child_doctor", "aid")]
    found(episode, actor, date(2022, 1, 1), ear_aided_on="2022-01-01")
    assert on_lists(episode) == []
    done = episode.tasks.filter(kind=Task.Kind.LOOP).order_by("pk").values_list("status", flat=True)
    assert list(done) == ["done", "done", "done"]


def test_a_leg_is_not_closed_by_a_click_but_by_its_form(screened: Any, actor: Any) -> None:
    task = screened().tasks.get(kind=Task.Kind.LOOP)
    with pytest.raises(NotAllowedNow) as refused:
        tasks.complete(task, actor("screening_nurse"))
    assert "表单" in refused.value.message_zh


def test_who_is_lost_is_looked_for_and_comes_back_to_the_leg(screened: Any, actor: Any) -> None:
    episode = screened()
    give_up(episode.tasks.get(kind=Task.Kind.LOOP), actor("screening_nurse"))
    assert on_lists(episode) == [("case_manager", "lost:second")]
    searching = episode.tasks.get(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    assert searching.label == "失访追查：听力复筛"
    give_up(searching, actor("case_manager"))
    assert on_lists(episode) == [("case_manager", "lost:second")]
    again = episode.tasks.get(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    assert again.pk != searching.pk
    tasks.complete(again, actor("case_manager"), "在外婆家找到")
    assert on_lists(episode) == [("screening_nurse", "second")]


def test_an_episode_with_an_open_positive_cannot_be_ended(screened: Any, actor: Any) -> None:
    episode = screened()
    with pytest.raises(NotAllowedNow) as refused:
        episodes.close(episode, actor("registration"), "办完")
    assert "听力复筛" in refused.value.message_zh
    second(episode, actor, "pass", date(2021, 10, 1))
    assert episodes.close(episode, actor("registration"), "办完").status == "closed"


def test_a_corrected_positive_leaves_the_lists_and_a_corrected_pass_comes_on_one(
    screened: Any, actor: Any
) -> None:
    episode, other = screened(), screened("pass", number=1)
    nurse = actor("screening_nurse")
    encounters.amend(episode.encounters.get().key, {"ear_first": "pass"}, "录入有误", nurse)
    assert on_lists(episode) == []
    encounters.amend(other.encounters.get().key, {"ear_first": "refer"}, "录入有误", nurse)
    assert on_lists(other) == [("screening_nurse", "second")]


def test_the_deadline_moves_with_a_corrected_date(screened: Any, actor: Any) -> None:
    episode = screened()
    encounters.amend(
        episode.encounters.get().key, {"ear_first_on": "2021-08-31"}, "日期有误",
        actor("screening_nurse"),
    )  # fmt: skip
    assert episode.tasks.get(kind=Task.Kind.LOOP).due == date(2021, 10, 12)


def test_a_series_tells_how_many_the_last_and_the_worst(screened: Any, actor: Any) -> None:
    episode = screened()
    second(episode, actor, "refer", date(2021, 10, 1), level=40)
    second(episode, actor, "refer", date(2021, 10, 20), level=60)
    second(episode, actor, "pass", date(2021, 11, 5), level=35)
    facts = facts_of(episode, date(2021, 12, 1))
    told = {name: facts[f"child.ear_{name}"] for name in ("visits", "last_on", "refers")}
    assert told == {"visits": 3, "last_on": date(2021, 11, 5), "refers": 2}
    assert (facts["child.ear_level_before"], facts["child.ear_level_worst"]) == (60, 60)
    earlier = facts_of(episode, date(2021, 10, 10))
    assert (earlier["child.ear_visits"], earlier["child.ear_level_before"]) == (1, None)


def test_a_class_beside_the_others_is_told_and_does_not_compete(screened: Any, actor: Any) -> None:
    episode = screened(ear_carrier=True)
    doctor = actor("child_doctor")
    assessments.confirm(assessments.propose(episode, FIRST), doctor)
    facts = facts_of(episode, FIRST)
    assert (facts["child.assessed_class"], facts["child.assessed_beside"]) == (None, "carrier")
    assert assessments.standing(episode).level == "high"
    second(episode, actor, "refer", date(2021, 10, 1))
    second(episode, actor, "refer", date(2021, 10, 9))
    # A form outside the steps, named in `reassess`, undoes the assessment: it is made anew.
    assert assessments.standing(episode) is None
    again = assessments.confirm(assessments.propose(episode, date(2021, 10, 9)), doctor)
    assert (again.cls, again.result["beside"]) == ("watch", ["carrier"])


def test_the_turn_of_a_day_opens_what_only_the_age_waits_for(screened: Any) -> None:
    episode = screened("pass")
    assert not episode.tasks.filter(kind=Task.Kind.SCHEDULE).exists()
    assert daily.turn(date(2021, 9, 20)) == 1
    assert not episode.tasks.filter(kind=Task.Kind.SCHEDULE).exists()
    assert not daily.is_done(date(2021, 9, 24))
    assert daily.turn(date(2021, 9, 24)) == 1  # the 25th day of life
    assert daily.is_done(date(2021, 9, 24))
    daily.turn(date(2021, 9, 24))
    task = episode.tasks.get(kind=Task.Kind.SCHEDULE)
    assert (task.opens, task.due) == (date(2021, 9, 29), date(2021, 10, 14))


ACTS = st.lists(
    st.sampled_from(["second_refer", "second_pass", "loss", "normal", "aid", "lost", "search"]),
    max_size=8,
)


@given(acts=ACTS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_open_positive_is_on_exactly_one_list_whatever_happens(
    acts: list[str], screened: Any, actor: Any
) -> None:
    episode = screened(number=Episode.objects.count())
    on = date(2021, 10, 1)
    passed = normal = aided = False
    for act in acts:
        task = episode.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN).first()
        match act:
            case "second_refer" | "second_pass":
                second(episode, actor, act.removeprefix("second_"), on)
                passed = act == "second_pass"
            case "loss" | "normal":
                found(episode, actor, on, ear_found=act)
                normal = act == "normal"
            case "aid":
                found(episode, actor, on, ear_aided_on=on.isoformat())
                aided = True
            case "lost" if task is not None:
                give_up(task, actor(task.duty))
            case "search" if task is not None and not task.form:
                tasks.complete(task, actor("case_manager"), "找到了")
        assert len(on_lists(episode)) == (0 if passed or normal or aided else 1)
