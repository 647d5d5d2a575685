"""Correcting a signed record: a reason, a new row, both versions shown."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

FETCH = {"HTTP_X_REQUESTED_WITH": "fetch", "content_type": "application/json"}


@pytest.fixture
def signed(episode_at: Any) -> Any:
    episode = episode_at("examined", facts={"wife": {"alt": 33}})
    return episode.encounters.get(form="laboratory", role="wife", status="signed")


def amend(client: Client, row: Any, reason: str, **changes: Any) -> Any:
    body = {
        "reason": reason,
        "changes": {n: {"base": row.data.get(n), "value": v} for n, v in changes.items()},
    }
    return client.post(reverse("encounter-amend", args=[row.key]), body, **FETCH)


@pytest.mark.requirement("B04")
def test_an_amendment_is_a_new_row_and_shows_both_versions(signed: Any, client_as: Any) -> None:
    client = client_as("laboratory")
    response = amend(client, signed, "录入时看错小数点", alt="88")
    assert response.status_code == 200, response.content.decode()
    page = client.get(response.json()["next"]).content.decode()
    assert "33 U/L" in page
    assert "88 U/L" in page
    assert "录入时看错小数点" in page
    old = client.get(reverse("encounter", args=[signed.key])).content.decode()
    assert "更正前的版本" in old
    assert "33 U/L" in old


def test_an_amendment_needs_a_reason(signed: Any, client_as: Any) -> None:
    response = amend(client_as("laboratory"), signed, "  ", alt="88")
    assert response.status_code == 422
    assert "原因" in response.json()["error"]


def test_an_impossible_value_is_named_by_its_field(signed: Any, client_as: Any) -> None:
    response = amend(client_as("laboratory"), signed, "核对", alt="999999")
    assert response.status_code == 422
    assert "alt" in response.json()["errors"]


def test_two_people_cannot_both_amend_the_same_version(signed: Any, client_as: Any) -> None:
    client = client_as("laboratory")
    assert amend(client, signed, "核对", alt="88").status_code == 200
    second = amend(client, signed, "核对", alt="77")
    assert second.status_code == 409
    assert "更正" in second.json()["error"]
    page = client.get(reverse("encounter-amend", args=[signed.key]))
    assert page.status_code == 302, "the page leads to the version that stands"


def test_values_are_judged_while_they_are_typed(signed: Any, client_as: Any) -> None:
    url = reverse("encounter-check", args=[signed.key])
    answer = client_as("laboratory").post(url, {"data": {"alt": "88"}}, **FETCH).json()
    assert answer["flags"]["alt"] == "high"
    signed.refresh_from_db()
    assert signed.data["alt"] == 33


def test_the_page_shows_the_form_with_its_values(signed: Any, client_as: Any) -> None:
    response = client_as("laboratory").get(reverse("encounter-amend", args=[signed.key]))
    assert response.status_code == 200
    assert response.context["state"]["values"]["alt"] == 33
    assert "更正原因" in response.content.decode()


def test_other_duties_regions_and_strangers_cannot_amend(signed: Any, client_as: Any) -> None:
    assert amend(client_as("ultrasound"), signed, "核对", alt="88").status_code == 403
    elsewhere = client_as("laboratory", "500107110", "lab-elsewhere")
    assert amend(elsewhere, signed, "核对", alt="88").status_code == 404
    assert amend(Client(), signed, "核对", alt="88").status_code == 401
