"""Transfer, one visit, and why as of a day, through the API."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from sanyou.care import content
from sanyou.protocol.library import Library
from sanyou.registry.models import Region
from sanyou.synth.filling import unremarkable

pytestmark = pytest.mark.django_db

ONE_VISIT = Path(__file__).parents[1] / "fixtures" / "onevisit"
TOWN, COUNTY = "220174001", "500106"


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api{path}", body, content_type="application/json")


@pytest.mark.requirement("A05")
def test_the_answer_of_a_past_day_with_its_clauses(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("confirmed")
    path = f"/api/couples/{episode.couple.key}/explain"
    found = client_as("registration").get(f"{path}?on=2021-03-15").json()
    told = next(e for e in found if e["programme"] == "preconception")
    assert (told["answer"], told["decided_on"], told["worked_out_now"]) == (
        "yes",
        "2021-03-01",
        False,
    )
    assert "九龙坡府办发〔2020〕136号" in told["line"]
    assert {"三", "四"} <= {c["ref"] for c in told["clauses"]}
    assert client_as("finance").get(path).status_code == 403
    assert client_as("registration", COUNTY).get(path).status_code == 404


def test_a_record_is_handed_to_another_district(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("confirmed"), client_as("registration")
    path = f"/episodes/{episode.key}/transfer"
    assert post(client, path, to_region="999999", reason="迁走").json()["code"] == "unknown_region"
    made = post(client, path, to_region=TOWN, reason="迁往长春")
    assert made.json()["region"] == TOWN
    assert post(client, path, to_region=TOWN, reason="迁往长春").status_code == 200
    assert post(client, f"/episodes/{episode.key}/confirm").status_code == 403
    assert (
        client_as("registration", "220174").get(f"/api/episodes/{episode.key}").status_code == 200
    )


@pytest.fixture
def both() -> Iterator[Library]:
    found = Library.load(None, ONE_VISIT)
    content.set_library(found)
    yield found
    content.set_library(None)


@pytest.mark.requirement("B07")
def test_one_request_registers_for_both(
    both: Library, district: Any, client_as: Any, make_id: Any
) -> None:
    town = Region.objects.filter(code__startswith=COUNTY, level="township").first()
    assert town is not None
    answers = unremarkable(both, "premarital", "premarital_register", "couple") | {
        "child_order": 1, "policy_compliant": True, "planning": True,
    }  # fmt: skip
    body = {
        "region": town.code,
        "persons": {
            "wife": {"name": "甲", "id_number": make_id(COUNTY, date(1992, 6, 15), 20)},
            "husband": {"name": "乙", "id_number": make_id(COUNTY, date(1990, 2, 3), 21)},
        },
        "observations": {"couple": answers},
        "reference": "HIS-7",
    }
    client = client_as("registration", COUNTY)
    made = post(client, "/one-stop", **body)
    assert made.status_code == 201, made.content.decode()
    assert [e["programme"] for e in made.json()] == ["premarital", "preconception"]
    again = post(client, "/one-stop", **body)
    assert [e["key"] for e in again.json()] == [e["key"] for e in made.json()]
    elsewhere = post(client_as("registration"), "/one-stop", **(body | {"region": "500107102"}))
    assert elsewhere.json()["code"] == "no_one_stop"
