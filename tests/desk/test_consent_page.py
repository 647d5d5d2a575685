"""Consent of each spouse: read, sign on screen or paper, refuse, withdraw."""

import base64
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B02")]

PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"ink" * 100).decode()


@pytest.fixture
def episode(episode_at: Any) -> Any:
    return episode_at("carded")


def send(client: Client, episode: Any, **data: str) -> Any:
    return client.post(reverse("consent", args=[episode.key]), data)


def test_the_page_shows_the_text_and_its_version(episode: Any, client_as: Any) -> None:
    page = client_as("registration").get(reverse("consent", args=[episode.key])).content.decode()
    assert "自愿参加" in page
    assert "文本版本" in page
    assert "欧阳慧敏" in page


def test_a_signature_on_the_screen_is_kept(episode: Any, client_as: Any) -> None:
    client = client_as("registration")
    response = send(client, episode, role="wife", decision="screen", signature=PICTURE)
    assert response.status_code == 302
    row = episode.consents.get(role="wife")
    assert (row.kind, row.method, row.signature) == ("grant", "screen", PICTURE)
    assert row.text_version


@pytest.mark.parametrize(
    "signature", ["", "data:image/png;base64,", "<svg>", "data:image/png;base64," + "A" * 400]
)
def test_without_a_signature_nothing_is_recorded(
    episode: Any, client_as: Any, signature: str
) -> None:
    response = send(
        client_as("registration"), episode, role="wife", decision="screen", signature=signature
    )
    assert response.status_code == 409
    assert "签名" in response.content.decode()
    assert not episode.consents.exists()


def test_paper_signatures_of_both_open_the_stations(episode: Any, client_as: Any) -> None:
    client = client_as("registration")
    for role in ("wife", "husband"):
        send(client, episode, role=role, decision="paper")
    assert episode.tasks.filter(name="history", status="open").count() == 2


def test_a_second_click_records_nothing_twice(episode: Any, client_as: Any) -> None:
    client = client_as("registration")
    for _ in range(2):
        assert send(client, episode, role="wife", decision="paper").status_code == 302
    assert episode.consents.filter(role="wife").count() == 1


def test_a_refusal_needs_its_reason_and_keeps_what_was_typed(episode: Any, client_as: Any) -> None:
    client = client_as("registration")
    assert send(client, episode, role="wife", decision="refuse", reason="").status_code == 409
    assert (
        send(client, episode, role="wife", decision="refuse", reason="想再考虑").status_code == 302
    )
    assert episode.consents.get().kind == "refuse"


def test_consent_can_be_withdrawn(episode: Any, client_as: Any) -> None:
    client = client_as("registration")
    send(client, episode, role="wife", decision="paper")
    send(client, episode, role="wife", decision="withdraw", reason="不想继续")
    assert [c.kind for c in episode.consents.order_by("pk")] == ["grant", "withdraw"]
    page = client.get(reverse("consent", args=[episode.key])).content.decode()
    assert "已撤回" in page


def test_unknown_roles_and_decisions_are_refused(episode: Any, client_as: Any) -> None:
    client = client_as("registration")
    assert send(client, episode, role="child", decision="paper").status_code == 404
    assert send(client, episode, role="wife", decision="", reason="x").status_code == 409


def test_other_duties_regions_and_strangers_cannot(episode: Any, client_as: Any) -> None:
    url = reverse("consent", args=[episode.key])
    assert client_as("village_worker").get(url).status_code == 403
    assert client_as("registration", "500107110", "reg-elsewhere").get(url).status_code == 404
    assert Client().get(url).status_code == 302
    assert client_as("registration").put(url).status_code == 405
