"""The service card: issue once, show its QR, void with a reason, scan."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A06")]


@pytest.fixture
def episode(episode_at: Any) -> Any:
    return episode_at("confirmed")


def test_a_card_is_issued_once_however_often_it_is_clicked(episode: Any, client_as: Any) -> None:
    client = client_as("village_worker")
    url = reverse("card", args=[episode.key])
    assert client.post(url, {"do": "issue"}).status_code == 302
    assert client.post(url, {"do": "issue"}).status_code == 302
    card = episode.cards.get()
    page = client.get(url).content.decode()
    assert card.number in page
    assert "<svg" in page
    assert card.valid_until.isoformat() in page


def test_the_qr_carries_no_personal_data(episode: Any, client_as: Any) -> None:
    client = client_as("village_worker")
    client.post(reverse("card", args=[episode.key]), {"do": "issue"})
    card = episode.cards.get()
    assert "欧阳" not in card.token
    assert card.token not in card.number


@pytest.mark.parametrize(("day", "word"), [("2021-13-40", "年月日"), ("20200101", "早于")])
def test_a_wrong_appointment_is_refused_with_the_remedy(
    episode: Any, client_as: Any, day: str, word: str
) -> None:
    url = reverse("card", args=[episode.key])
    response = client_as("village_worker").post(url, {"do": "issue", "appointment_on": day})
    assert response.status_code == 409
    assert word in response.content.decode()
    assert not episode.cards.exists()


def test_a_lost_card_is_voided_with_a_reason_and_a_new_one_issued(
    episode: Any, client_as: Any
) -> None:
    client, url = client_as("village_worker"), reverse("card", args=[episode.key])
    client.post(url, {"do": "issue"})
    assert client.post(url, {"do": "void", "reason": ""}).status_code == 409
    assert client.post(url, {"do": "void", "reason": "遗失"}).status_code == 302
    client.post(url, {"do": "issue"})
    assert sorted(c.status for c in episode.cards.all()) == ["valid", "void"]


def test_scanning_a_card_opens_the_record(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("carded")
    card = episode.cards.get()
    client = client_as("registration")
    for text in (card.token, card.number, f" {card.number} "):
        response = client.post(reverse("card-scan"), {"card": text})
        assert response.status_code == 302, text
        assert str(episode.couple.key) in response.url


def test_a_card_of_another_town_or_no_card_is_not_found(episode_at: Any, client_as: Any) -> None:
    card = episode_at("carded").cards.get()
    elsewhere = client_as("village_worker", "500107110", "village-elsewhere")
    response = elsewhere.post(reverse("card-scan"), {"card": card.token})
    assert response.status_code == 404
    assert "没有找到" in response.content.decode()
    client = client_as("registration")
    assert client.post(reverse("card-scan"), {"card": "no such"}).status_code == 404


def test_a_voided_card_says_so(episode_at: Any, client_as: Any, actor: Any) -> None:
    from sanyou.care import cards

    card = episode_at("carded").cards.get()
    cards.void(card, actor("village_worker"), "遗失")
    page = client_as("registration").post(reverse("card-scan"), {"card": card.token})
    assert "作废" in page.content.decode()


def test_other_duties_regions_and_strangers_cannot(episode: Any, client_as: Any) -> None:
    url = reverse("card", args=[episode.key])
    assert client_as("laboratory").get(url).status_code == 403
    assert client_as("village_worker", "500107110", "v-elsewhere").get(url).status_code == 404
    assert Client().get(url).status_code == 302
    assert client_as("finance").get(reverse("card-scan")).status_code == 403
