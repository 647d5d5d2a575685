"""Two people at the same moment, on the database that lets them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from sanyou.care import cards, documents, encounters, episodes
from sanyou.registry.models import Region

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.requirement("H03"),
]

DAY = date(2021, 3, 1)


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Run the acts at once, each on its own connection; exceptions are results."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout=20)
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_two_clicks_issue_one_card(episode_at: Any, actor: Any) -> None:
    episode, village = episode_at("confirmed"), actor("village_worker")
    made = together(*[lambda: cards.issue(episode, village, DAY)] * 2)
    assert made[0] == made[1]
    assert episode.cards.count() == 1


def test_two_clicks_open_one_episode(couple: Any, actor: Any, district: Any) -> None:
    village, region = actor("village_worker"), Region.objects.get(pk="500107102")
    answers = {"couple": {"child_order": 1, "planning": True}}

    def nominate() -> Any:
        return episodes.nominate(village, "preconception", couple, answers, DAY, region)

    made = together(nominate, nominate)
    assert made[0] == made[1]
    assert couple.episodes.count() == 1


def test_two_people_saving_different_fields_lose_nothing(episode_at: Any, actor: Any) -> None:
    laboratory = actor("laboratory")
    draft = encounters.open_draft(episode_at("consented"), "laboratory", "wife", laboratory)
    fields = {"alt": "30", "tsh": "2.0", "platelet": "200", "creatinine": "60"}

    def save(name: str, value: str) -> Callable[[], Any]:
        return lambda: encounters.autosave(
            draft.key, {name: {"base": None, "value": value}}, laboratory
        )

    together(*(save(name, value) for name, value in fields.items()))
    draft.refresh_from_db()
    assert {n: float(draft.data[n]) for n in fields} == {n: float(v) for n, v in fields.items()}


def test_two_people_saving_one_field_have_one_conflict(episode_at: Any, actor: Any) -> None:
    laboratory = actor("laboratory")
    draft = encounters.open_draft(episode_at("consented"), "laboratory", "wife", laboratory)

    def save(value: str) -> Callable[[], Any]:
        return lambda: encounters.autosave(
            draft.key, {"alt": {"base": None, "value": value}}, laboratory
        )

    results = together(save("30"), save("31"))
    assert sorted(len(r.conflicts) for r in results) == [0, 1]


def test_numbers_taken_at_once_differ(episode_at: Any, actor: Any) -> None:
    doctor = actor("assessing_doctor")
    rows = [episode_at("assessed", n) for n in (1, 2, 3)]
    made = together(*[lambda e=e: documents.issue(e, "notice", doctor, DAY) for e in rows])
    numbers = sorted(int(d.number[-6:]) for d in made)
    assert numbers == list(range(numbers[0], numbers[0] + 3))
