"""The couple's page: both spouses side by side, and only what the duty may read."""

import pytest
from django.urls import reverse

from sanyou.care import consents, encounters
from sanyou.registry import merging
from sanyou.trust.models import AuditEvent
from tests.conftest import TODAY, XIPENG

pytestmark = pytest.mark.django_db


def page(client, episode, name: str = "episode") -> str:
    key = episode.couple.key if name == "couple" else episode.key
    response = client.get(reverse(name, args=[key]))
    assert response.status_code == 200
    return response.content.decode()


def test_it_shows_both_spouses_with_masked_numbers(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    text = page(client_as("history_nurse"), episode)

    for person in (episode.couple.wife, episode.couple.husband):
        assert person.name in text
        assert person.id_number not in text
        assert person.phone not in text


def test_the_registration_desk_sees_the_whole_number(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    assert episode.couple.wife.id_number in page(client_as("registration"), episode)


def test_the_page_of_the_couple_and_of_each_spouse_lead_to_the_latest_episode(
    client_as, episode_at
) -> None:
    episode = episode_at("nominated")
    client = client_as("registration")

    assert episode.number in page(client, episode, "couple")
    for person in (episode.couple.wife, episode.couple.husband):
        text = client.get(reverse("person", args=[person.key])).content.decode()
        assert episode.number in text


@pytest.mark.requirement("B05")
def test_results_show_range_and_flag_and_the_finding_its_evidence(client_as, episode_at) -> None:
    episode = episode_at("assessed", facts={"wife": {"alt": 95}})

    text = page(client_as("assessing_doctor"), episode)

    assert "95 U/L" in text
    assert "偏高" in text
    assert "谷丙转氨酶" in text
    assert "依据：" in text


@pytest.mark.requirement("B05")
def test_what_cannot_be_excluded_is_said_with_what_is_missing(client_as, episode_at) -> None:
    episode = episode_at("assessed", facts={"wife": {"tsh": None}})

    text = page(client_as("assessing_doctor"), episode)

    assert "不能排除" in text
    assert "促甲状腺激素" in text


@pytest.mark.requirement("A03")
def test_the_decision_quotes_the_clause(client_as, episode_at) -> None:
    text = page(client_as("registration"), episode_at("confirmed"))

    assert "九龙坡府办发〔2020〕136号" in text


@pytest.mark.requirement("H01")
def test_the_village_worker_sees_no_result(client_as, episode_at) -> None:
    episode = episode_at("assessed", facts={"wife": {"alt": 95}})

    text = page(client_as("village_worker"), episode)

    assert "95 U/L" not in text
    assert "依据：" not in text


@pytest.mark.requirement("H01")
def test_the_ultrasound_doctor_does_not_see_restricted_results(client_as, episode_at) -> None:
    episode = episode_at("assessed", facts={"wife": {"syphilis": "positive"}})

    assert "梅毒" in page(client_as("assessing_doctor"), episode)
    text = page(client_as("ultrasound"), episode)

    assert "梅毒" not in text
    assert "不在您的岗位查看范围内" in text


@pytest.mark.requirement("B04")
def test_an_amended_record_shows_who_why_and_both_versions(client_as, episode_at, actor) -> None:
    episode = episode_at("examined")
    first = episode.encounters.get(form="physical", role="wife", status="signed")
    amended = encounters.amend(
        first.key, {"height": 158}, reason="看错刻度", actor=actor("physician")
    )

    text = page(client_as("physician"), episode)

    assert "看错刻度" in text
    assert reverse("encounter", args=[amended.key]) in text


def test_a_withdrawn_consent_is_seen_at_once(client_as, episode_at, actor) -> None:
    episode = episode_at("consented")
    consents.withdraw(episode, "wife", actor("registration"), on=TODAY)

    assert "已撤回同意" in page(client_as("history_nurse"), episode)


@pytest.mark.requirement("A01")
def test_a_key_from_before_a_merge_still_opens_the_record(
    client_as, episode_at, make_couple, actor
) -> None:
    episode = episode_at("nominated", 1)
    other = make_couple(2)
    merging.merge_people(other.wife, episode.couple.wife, "同一人", actor("registration"))

    response = client_as("registration").get(reverse("person", args=[episode.couple.wife.key]))

    assert response.status_code == 200


@pytest.mark.requirement("H01")
def test_every_look_is_audited_once(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    client = client_as("physician")
    before = AuditEvent.objects.count()

    page(client, episode)

    event = AuditEvent.objects.latest("seq")
    assert AuditEvent.objects.count() == before + 1
    assert (event.action, event.kind, event.subject) == ("read", "episode", str(episode.key))


@pytest.mark.requirement("H01")
@pytest.mark.parametrize("name", ["episode", "couple"])
def test_another_township_is_told_nothing(client_as, episode_at, name: str) -> None:
    episode = episode_at("nominated")
    key = episode.key if name == "episode" else episode.couple.key

    response = client_as("village_worker", XIPENG).get(reverse(name, args=[key]))

    assert response.status_code == 404
    assert episode.couple.wife.name not in response.content.decode()


def test_finance_may_not_open_it(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    assert client_as("finance").get(reverse("episode", args=[episode.key])).status_code == 403


def test_it_rejects_post(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    response = client_as("physician").post(reverse("episode", args=[episode.key]))

    assert response.status_code == 405


def test_the_timeline_tells_the_day_of_the_examination_not_of_the_typing(
    client_as, episode_at
) -> None:
    episode = episode_at("consented")

    text = page(client_as("history_nurse"), episode)

    assert f'<time datetime="{TODAY.isoformat()}">{TODAY.isoformat()}</time>' in text
