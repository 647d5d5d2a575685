"""Two stations sign in two programmes of one visit at the same moment: neither waits for ever."""

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from sanyou.care import cards, content, encounters, episodes, one_stop
from sanyou.care.models import Episode
from sanyou.protocol.library import Library
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.synth.filling import unremarkable

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.requirement("B07"),
]

ONE_VISIT = Path(__file__).parents[1] / "fixtures" / "onevisit"
DAY = date(2021, 3, 1)


@pytest.fixture
def both() -> Iterator[Library]:
    found = Library.load(None, ONE_VISIT)
    content.set_library(found)
    yield found
    content.set_library(None)


def test_neither_signature_is_lost(both: Library, district: Any, make_couple: Any) -> None:
    system = Actor.system("tests")
    town = Region.objects.filter(code__startswith="500106", level="township").first()
    assert town is not None
    answers = unremarkable(both, "premarital", "premarital_register", "couple") | {
        "child_order": 1, "policy_compliant": True, "planning": True,
    }  # fmt: skip
    made = one_stop.register(system, make_couple(1), {"couple": answers}, DAY, town)
    for episode in made:
        episodes.confirm(episode, system, DAY)
        if episode.tasks.filter(name="card").exists():
            cards.issue(episode, system, DAY)
    for role in ("wife", "husband"):
        one_stop.grant(made, role, system, DAY, "paper")
    work = [
        (episode, form, role)
        for role in ("wife", "husband")
        for episode, form in ((made[0], "premarital_laboratory"), (made[1], "laboratory"))
    ]
    failed: list[BaseException] = []
    ready = threading.Barrier(len(work))

    def sign(episode: Episode, form: str, role: str) -> None:
        try:
            data = unremarkable(both, episode.programme, form, role)
            ready.wait()
            encounters.record(episode, form, role, data, DAY, system)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign, args=w) for w in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for episode, form, role in work:
        assert episode.encounters.filter(form=form, role=role, status="signed").count() == 1
