"""Township review and the centre's confirmation."""

from datetime import date

import pytest
from django.urls import reverse

from sanyou.care.models import Episode
from sanyou.registry.models import Region
from tests.conftest import XIPENG

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A06")]


def test_the_township_accepts_and_the_centre_gets_it(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    client = client_as("township_officer")
    assert "资格判断" in client.get(reverse("review", args=[episode.key])).content.decode()

    client.post(reverse("review", args=[episode.key]), {"decision": "accept"})

    assert episode.number in client_as("registration").get("/").content.decode()


def test_the_township_returns_it_with_a_reason_that_the_village_reads(
    client_as, episode_at
) -> None:
    episode = episode_at("nominated")
    data = {"decision": "return", "reason": "请补男方居住证日期"}

    client_as("township_officer").post(reverse("review", args=[episode.key]), data)

    episode.refresh_from_db()
    assert episode.status == Episode.Status.RETURNED
    village = client_as("village_worker")
    text = village.get(reverse("episode", args=[episode.key])).content.decode()
    assert "请补男方居住证日期" in text
    village.post(reverse("resubmit", args=[episode.key]))
    episode.refresh_from_db()
    assert episode.status == Episode.Status.OPEN


def test_a_return_without_reason_is_refused(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    response = client_as("township_officer").post(
        reverse("review", args=[episode.key]), {"decision": "return", "reason": " "}
    )

    assert response.status_code == 409
    episode.refresh_from_db()
    assert episode.status == Episode.Status.OPEN


def test_several_are_accepted_at_once(client_as, episode_at) -> None:
    episodes = [episode_at("nominated", n) for n in (1, 2, 3)]
    keys = [str(e.tasks.get(name="review").key) for e in episodes[:2]]

    client_as("township_officer").post(reverse("review-many"), {"task": [*keys, "nonsense"]})

    open_ = [e.tasks.filter(name="review", status="open").exists() for e in episodes]
    assert open_ == [False, False, True]


@pytest.mark.requirement("A03")
def test_the_plainly_eligible_are_confirmed_at_once_and_the_others_left(
    client_as, episode_at
) -> None:
    plain = [episode_at("reviewed", n) for n in (1, 2)]
    planning = episode_at("reviewed", 3, facts={"couple": {"planning": False}})
    unknown = episode_at("reviewed", 4, facts={"couple": {"policy_compliant": None}})
    everyone = [*plain, planning, unknown]
    keys = [str(e.tasks.get(name="confirm").key) for e in everyone]

    page = client_as("registration").post(reverse("confirm-many"), {"task": keys}, follow=True)

    open_ = [e.tasks.filter(name="confirm", status="open").exists() for e in everyone]
    assert open_ == [False, False, True, True]
    assert not planning.decisions.exists()  # nobody is turned away in a bundle
    said = page.content.decode()
    assert "已确认 2 份" in said
    for left in (planning, unknown):
        assert left.number in said
    assert client_as("township_officer").post(reverse("confirm-many")).status_code == 403
    assert client_as("registration").get(reverse("confirm-many")).status_code == 405


@pytest.mark.requirement("H01")
def test_another_township_cannot_accept_them(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    task = episode.tasks.get(name="review")
    other = client_as("township_officer", XIPENG)

    other.post(reverse("review-many"), {"task": [str(task.key)]})
    assert other.get(reverse("review", args=[episode.key])).status_code == 404

    task.refresh_from_db()
    assert task.status == "open"


@pytest.mark.requirement("A03")
def test_the_centre_sees_the_clause_and_confirms(client_as, episode_at) -> None:
    episode = episode_at("reviewed")
    client = client_as("registration")
    text = client.get(reverse("confirm", args=[episode.key])).content.decode()
    assert "九龙坡府办发〔2020〕136号" in text
    assert "每孩次提供一次免费孕前优生健康检查" in text
    assert "确认资格" in text

    client.post(reverse("confirm", args=[episode.key]), {"decision": "accept"})

    assert episode.decisions.get().answer == "yes"
    assert episode.tasks.filter(kind="step", name="card", status="open").exists()


@pytest.mark.requirement("A03")
def test_looking_decides_nothing(client_as, episode_at) -> None:
    episode = episode_at("reviewed")

    client_as("registration").get(reverse("confirm", args=[episode.key]))

    assert not episode.decisions.exists()


@pytest.mark.requirement("A03")
def test_what_is_missing_is_named_and_the_couple_stays(client_as, episode_at) -> None:
    episode = episode_at("reviewed", facts={"couple": {"policy_compliant": None}})
    client = client_as("registration")
    page = client.get(reverse("confirm", args=[episode.key])).content.decode()
    assert "还缺" in page
    opening = episode.encounters.get()
    assert reverse("encounter-amend", args=[opening.key]) in page  # the way to supply it

    response = client.post(
        reverse("confirm", args=[episode.key]), {"decision": "accept"}, follow=True
    )

    assert "镇街" in response.content.decode()
    episode.refresh_from_db()
    assert episode.status == Episode.Status.OPEN
    assert not episode.tasks.filter(name="card").exists()


@pytest.mark.requirement("A03")
def test_a_couple_from_elsewhere_is_not_eligible_and_the_words_say_why(
    client_as, episode_at
) -> None:
    episode = episode_at("reviewed")
    elsewhere = Region.objects.get(pk="500108")
    for person in (episode.couple.wife, episode.couple.husband):
        person.hukou_region = person.residence_region = elsewhere
        person.residence_since = date(2021, 1, 1)
        person.save()
    client = client_as("registration")

    client.post(reverse("confirm", args=[episode.key]), {"decision": "accept"})

    episode.refresh_from_db()
    assert episode.status == Episode.Status.INELIGIBLE
    assert "户籍" in episode.status_reason


def test_the_village_does_not_review(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    client = client_as("village_worker")

    assert client.get(reverse("review", args=[episode.key])).status_code == 403
    assert client.get(reverse("confirm", args=[episode.key])).status_code == 403


def test_accepting_many_rejects_get(client_as, district) -> None:
    assert client_as("township_officer").get(reverse("review-many")).status_code == 405
