"""Follow-up windows: every edge the day before, the day, the day after."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.schedule import PlannedTask, plan

EXAMINED = date(2020, 11, 30)


def planned(tiny: Library, on: date, wife: dict[str, Any] | None = None) -> list[PlannedTask]:
    given = {"couple": {"exam_on": EXAMINED}, "wife": wife or {}}
    return plan(tiny.programmes["tiny"], build_facts(tiny, "tiny", given, on), on)


@pytest.mark.requirement("B09")
def test_a_series_has_a_window_per_step_and_clamps_month_ends_without_drift(tiny: Library) -> None:
    windows = [(task.opens, task.due) for task in planned(tiny, EXAMINED)]
    assert windows == [
        (date(2021, 2, 28), date(2021, 3, 14)),
        (date(2021, 5, 28), date(2021, 6, 11)),
        (date(2021, 8, 30), date(2021, 9, 13)),
        (date(2021, 11, 30), date(2021, 12, 14)),
    ]


@pytest.mark.parametrize(
    ("day", "state"),
    [
        (date(2021, 2, 27), "future"),
        (date(2021, 2, 28), "open"),
        (date(2021, 3, 14), "open"),
        (date(2021, 3, 15), "overdue"),
    ],
)
def test_a_window_is_open_from_its_first_to_its_last_day(
    tiny: Library, day: date, state: str
) -> None:
    assert planned(tiny, day)[0].state == state


def test_a_key_stays_the_same_from_day_to_day(tiny: Library) -> None:
    keys = [task.key for task in planned(tiny, EXAMINED)]
    assert len(set(keys)) == len(keys)
    assert keys == [task.key for task in planned(tiny, EXAMINED + timedelta(days=200))]


def test_no_task_without_its_anchor(tiny: Library) -> None:
    programme = tiny.programmes["tiny"]
    assert plan(programme, build_facts(tiny, "tiny", {}, EXAMINED), EXAMINED) == []


def test_tasks_stop_when_their_condition_no_longer_holds(tiny: Library) -> None:
    assert planned(tiny, EXAMINED, {"pregnancies": 0})
    assert planned(tiny, EXAMINED, {"pregnancies": 1}) == []


def test_a_task_carries_who_does_it_and_how_often_it_is_tried(tiny: Library) -> None:
    task = planned(tiny, EXAMINED)[0]
    assert (task.role, task.duty, task.attempts) == ("wife", "followup_worker", 3)
    assert task.as_json()["opens"] == "2021-02-28"
