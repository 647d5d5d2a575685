"""The record pages serve a programme of one person, made only of YAML, just as they serve couples."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db

FETCH = {"HTTP_X_REQUESTED_WITH": "fetch", "content_type": "application/json"}
EYECHECK = Path(__file__).parents[1] / "fixtures" / "eyecheck"
DAY = date(2021, 9, 10)


@pytest.fixture(scope="module")
def eyecheck() -> Any:
    from sanyou.protocol.library import Library

    return Library.load(None, EYECHECK)


@pytest.fixture
def episode(eyecheck: Any, district: Any, actor: Any, make_id: Any) -> Iterator[Any]:
    from sanyou.care import content, episodes
    from sanyou.registry.access import Actor
    from sanyou.registry.models import Region
    from sanyou.registry.people import PersonData, register_person

    content.set_library(eyecheck)
    town = Region.objects.get(pk="500107102")
    pupil = register_person(
        PersonData(
            name="学生甲",
            id_number=make_id("500107", date(2012, 5, 1), 1),
            residence_region=town,
            residence_text=town.full_name,
        ),
        Actor.system("tests"),
    )
    answers = {"child": {"eye_grade": 3, "eye_glasses": False}}
    registration = actor("registration")
    yield episodes.nominate(registration, "eyecheck", pupil, answers, on=DAY, region=town)
    content.set_library(None)


def test_its_form_is_filled_signed_and_read(episode: Any, client_as: Any) -> None:
    client = client_as("physician")
    opened = client.get(reverse("encounter-open", args=[episode.key, "eye_vision", "child"]))
    page = client.get(opened.url)
    assert 'data-element="eye_right"' in page.content.decode()
    row = episode.encounters.get(form="eye_vision")
    values = {"eye_checked_on": "20210910", "eye_right": "４．７", "eye_left": "5.0"}
    changes = {name: {"base": None, "value": value} for name, value in values.items()}
    saved = client.post(
        reverse("encounter-autosave", args=[row.key]), {"changes": changes}, **FETCH
    ).json()
    assert saved["flags"] == {"eye_right": "low"}
    signed = client.post(
        reverse("encounter-sign", args=[row.key]), {"version": saved["version"]}, **FETCH
    )
    assert signed.status_code == 200, signed.content.decode()
    assert "偏低" in client.get(reverse("encounter", args=[row.key])).content.decode()


def test_its_findings_are_confirmed_and_rechecked(episode: Any, client_as: Any, actor: Any) -> None:
    from sanyou.care import encounters

    answers = {"eye_checked_on": DAY.isoformat(), "eye_right": "4.7", "eye_left": "5.0"}
    encounters.record(episode, "eye_vision", "child", answers, DAY, actor("physician"))
    client, url = client_as("assessing_doctor"), reverse("assess", args=[episode.key])
    response = client.get(url)
    assert [s.role for s in response.context["sides"] if s.findings] == ["child"]
    standing = str(response.context["assessment"].key)
    assert client.post(url, {"assessment": standing, "do": "confirm"}).status_code == 302
    recheck = episode.tasks.get(kind="recheck")
    worker = client_as(recheck.duty)
    assert worker.get(reverse("task", args=[recheck.key])).status_code == 200
    assert client.get(reverse("documents", args=[episode.key])).status_code == 200
    assert client.get(reverse("referrals", args=[episode.key])).status_code == 200
