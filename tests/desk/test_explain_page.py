"""The page that says why: by day, with clauses, for print."""

from typing import Any

import pytest
from django.urls import reverse

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A05")]

NUMBER = "九龙坡府办发〔2020〕136号"


def test_the_page_quotes_the_clause_of_that_day(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("confirmed"), client_as("registration")
    url = reverse("explain", args=[episode.couple.key])
    assert url in client.get(reverse("episode", args=[episode.key])).content.decode()
    text = client.get(url, {"on": "2021-03-15"}).content.decode()
    assert NUMBER in text
    assert "2021-03-01 判断" in text
    assert episode.number in text
    assert 'value="2021-03-15"' in text


def test_a_day_before_any_decision_says_it_is_worked_out_now(
    episode_at: Any, client_as: Any
) -> None:
    url = reverse("explain", args=[episode_at("confirmed").couple.key])
    text = client_as("registration").get(url, {"on": "2021-02-01"}).content.decode()
    assert "现在推算" in text


@pytest.mark.parametrize(("on", "words"), [("昨天", "2021-03-01 的形式"), ("2099-01-01", "今天")])
def test_a_day_that_cannot_be_told_is_explained(
    episode_at: Any, client_as: Any, on: str, words: str
) -> None:
    url = reverse("explain", args=[episode_at("confirmed").couple.key])
    answer = client_as("registration").get(url, {"on": on})
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_it_is_for_duties_that_see_couples_of_the_region(episode_at: Any, client_as: Any) -> None:
    url = reverse("explain", args=[episode_at("confirmed").couple.key])
    assert client_as("finance").get(url).status_code == 403
    assert client_as("registration", "220174").get(url).status_code == 404
