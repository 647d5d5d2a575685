"""Facts of many episodes are read with a fixed number of queries."""

from datetime import date
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from sanyou.care.facts import facts_of, facts_table
from sanyou.care.models import Episode

pytestmark = pytest.mark.django_db

DAY = date(2021, 3, 31)


def _queries(episodes: list[Episode]) -> int:
    from django.db import connection

    with CaptureQueriesContext(connection) as seen:
        facts_table(episodes, DAY)
    return len(seen)


@pytest.mark.requirement("F01")
def test_five_episodes_take_as_many_queries_as_two(episode_at: Any) -> None:
    stages = ("examined", "assessed", "noticed", "consented", "confirmed")
    rows = [episode_at(stage, number) for number, stage in enumerate(stages, 1)]
    assert _queries(rows) == _queries(rows[:2])


def test_each_row_is_what_the_episode_alone_gives(episode_at: Any) -> None:
    rows = [episode_at("noticed", 1, {"wife": {"alt": 88}}), episode_at("consented", 2)]
    table = facts_table(rows, DAY)
    assert table == [facts_of(row, DAY) for row in rows]
    assert table[0]["wife.alt"] == 88
    assert table[1]["wife.alt"] is None


@pytest.mark.requirement("A05")
def test_facts_of_a_day_do_not_know_what_came_later(episode_at: Any) -> None:
    episode = episode_at("noticed")
    before = facts_of(episode, date(2021, 2, 28))
    assert before["couple.exam_on"] is None
    assert before["couple.consented"] is False
    assert before["wife.alt"] is None
