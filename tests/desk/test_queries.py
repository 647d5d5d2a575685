"""Lists are read with the same number of queries however many rows they show."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

pytestmark = pytest.mark.django_db

Ask = Callable[[Client], Any]


def page(name: str) -> Ask:
    return lambda client: client.get(reverse(name))


def api(path: str) -> Ask:
    return lambda client: client.get(f"/api/{path}")


def search(client: Client) -> Any:
    return client.post(reverse("search"), {"q": "欧阳"})


@pytest.mark.parametrize(
    ("duty", "ask"),
    [
        ("township_officer", page("home")),
        ("registration", search),
        ("registration", page("doubts")),
        ("manager", page("task-numbers")),
        ("township_officer", api("tasks")),
        ("registration", api("episodes")),
    ],
    ids=["queue", "search", "doubts", "task-numbers", "api-tasks", "api-episodes"],
)
def test_more_rows_need_no_more_queries(
    duty: str, ask: Ask, episode_at: Any, client_as: Any
) -> None:
    client = client_as(duty)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert ask(client).status_code == 200
        return len(seen)

    episode_at("nominated", 1)
    episode_at("nominated", 2)
    queries()  # content and regions are read once for the process
    few = queries()
    for number in range(3, 8):
        episode_at("nominated", number)
    assert queries() == few


def test_the_assessment_reads_the_records_once_however_much_is_missing(
    episode_at: Any, client_as: Any, actor: Any, fill: Any
) -> None:
    from sanyou.care import encounters

    episode = episode_at("consented")
    nurse = actor("physician")
    form = "physical"
    encounters.record(episode, form, "wife", fill(form, "wife"), episode.opened_on, nurse)
    client = client_as("assessing_doctor")
    url = reverse("assess", args=[episode.key])
    client.get(url)
    with CaptureQueriesContext(connection) as seen:
        text = client.get(url).content.decode()
    assert "乙肝" in text, "the laboratory has nothing yet: much cannot be excluded"
    records = [q for q in seen if 'FROM "care_encounter"' in q["sql"]]
    assert len(records) < 12
