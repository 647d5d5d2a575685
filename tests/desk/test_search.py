"""Search: five ways to find a couple, only one's own region, and always audited."""

import pytest
from django.urls import reverse

from sanyou.care.models import Card
from sanyou.trust.models import AuditEvent
from tests.conftest import XIPENG

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A01")]


def find(client, text: str) -> str:
    return client.post(reverse("search"), {"q": text}).content.decode()


@pytest.mark.parametrize("text", ["欧阳慧敏", "欧阳", "oyhm", "司马", "0001"])
def test_it_finds_a_couple(client_as, episode_at, text: str) -> None:
    episode = episode_at("nominated", 1)

    page = find(client_as("registration"), text)

    assert reverse("couple", args=[episode.couple.key]) in page


def test_it_finds_by_the_whole_number_and_by_its_tail(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    number = episode.couple.wife.id_number
    client = client_as("registration")

    for text in (number, number[-4:]):
        assert reverse("couple", args=[episode.couple.key]) in find(client, text)


def test_it_finds_by_the_code_of_the_service_card(client_as, episode_at) -> None:
    episode = episode_at("carded")
    card = Card.objects.get(episode=episode)

    page = find(client_as("registration"), card.number)

    assert reverse("couple", args=[episode.couple.key]) in page


def test_it_finds_by_the_number_of_the_record_and_of_a_print(client_as, episode_at) -> None:
    episode = episode_at("noticed")
    client = client_as("registration")

    for text in (episode.number, episode.documents.get(kind="notice").number.lower()):
        assert reverse("couple", args=[episode.couple.key]) in find(client, text)


def test_numbers_are_masked_in_the_results(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    page = find(client_as("registration"), "欧阳")

    assert episode.couple.wife.id_number not in page


@pytest.mark.requirement("H01")
def test_it_finds_nobody_of_another_township(client_as, episode_at) -> None:
    episode_at("nominated")

    page = find(client_as("village_worker", XIPENG), "欧阳慧敏")

    assert "没有找到" in page


def test_it_answers_htmx_with_a_list_only(client_as, episode_at) -> None:
    episode_at("nominated")
    client = client_as("registration")

    response = client.post(reverse("search"), {"q": "欧阳"}, headers={"HX-Request": "true"})

    assert "<html" not in response.content.decode()
    assert "欧阳慧敏" in response.content.decode()


@pytest.mark.requirement("H01")
def test_every_search_is_audited_without_what_was_typed(client_as, episode_at) -> None:
    episode_at("nominated")

    find(client_as("registration"), "欧阳慧敏")

    event = AuditEvent.objects.filter(action="search").latest("seq")
    assert "欧阳" not in str(event.detail)


def test_one_letter_is_not_searched_for(client_as) -> None:
    find(client_as("registration"), "o")

    assert not AuditEvent.objects.filter(action="search").exists()


def test_finance_may_not_search(client_as) -> None:
    assert client_as("finance").post(reverse("search"), {"q": "欧阳"}).status_code == 403


def test_what_is_searched_for_stays_out_of_the_address(client_as, episode_at) -> None:
    episode_at("nominated")
    client = client_as("registration")
    page = client.get(reverse("search"), {"q": "欧阳"}).content.decode()
    assert "欧阳慧敏" not in page
    assert 'method="get"' not in page
