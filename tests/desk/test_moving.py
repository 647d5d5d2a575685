"""The record page of a couple that moves: handed on, read at both ends, acted on at one."""

from typing import Any

import pytest
from django.urls import reverse

from sanyou.care import episodes
from sanyou.registry.models import Region
from sanyou.trust.models import AuditEvent

pytestmark = pytest.mark.django_db

QIKAI, TOWN = "220174", "220174001"
ADDRESS = "吉林省长春市长春汽车经济技术开发区锦程街道"


def page(client: Any, episode: Any) -> Any:
    return client.get(reverse("episode", args=[episode.key]))


@pytest.fixture
def moved(episode_at: Any, actor: Any) -> Any:
    episode = episode_at("consented")
    episodes.transfer(episode, actor("registration"), Region.objects.get(pk=TOWN), "夫妇迁往长春")
    episode.refresh_from_db()
    return episode


def test_the_registrar_hands_it_on_by_an_address(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("registration")
    assert "transfer-dialog" in page(client, episode).content.decode()
    sent = {"to-region": ADDRESS, "reason": "夫妇迁往长春"}
    answer = client.post(reverse("transfer", args=[episode.key]), sent, follow=True)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "已转到" in text
    assert "这里只能查看" in text
    episode.refresh_from_db()
    assert episode.region_id == TOWN


def test_an_address_nobody_knows_changes_nothing(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("consented")
    sent = {"to-region": "某地", "reason": "迁走"}
    answer = client_as("registration").post(reverse("transfer", args=[episode.key]), sent)
    assert answer.status_code == 409
    assert "省、市、区县" in answer.content.decode()
    assert not episode.transfers.exists()


@pytest.mark.parametrize("duty", ["village_worker", "physician", "manager"])
def test_other_duties_are_not_offered_it(episode_at: Any, client_as: Any, duty: str) -> None:
    episode, client = episode_at("consented"), client_as(duty)
    assert "transfer-dialog" not in page(client, episode).content.decode()
    sent = {"to-region": ADDRESS, "reason": "迁走"}
    assert client.post(reverse("transfer", args=[episode.key]), sent).status_code == 403


def test_the_new_district_sees_where_it_came_from(moved: Any, client_as: Any) -> None:
    text = page(client_as("registration", QIKAI), moved).content.decode()
    assert "夫妇迁往长春" in text
    assert "九龙坡府办发〔2020〕136号" in text, "the policy that goes on deciding"
    queue = client_as("history_nurse", QIKAI).get(reverse("home")).content.decode()
    assert moved.couple.wife.name in queue


def test_the_old_district_has_no_buttons_any_more(moved: Any, client_as: Any) -> None:
    nurse = client_as("history_nurse")
    answer = page(nurse, moved)
    assert answer.status_code == 200
    assert answer.context["own_tasks"] == []
    opened = nurse.get(reverse("encounter-open", args=[moved.key, "history", "wife"]))
    assert opened.status_code == 403
    assert "转到其他区县" in opened.content.decode()


def test_earlier_records_elsewhere_are_read_only_and_audited(
    episode_at: Any, actor: Any, client_as: Any
) -> None:
    first = episode_at("noticed")
    nurse = client_as("history_nurse", QIKAI)
    assert page(nurse, first).status_code == 404
    episodes.close(first, actor("registration"), "随访结束")
    answers = {"couple": {"child_order": 1, "policy_compliant": True, "planning": True}}
    town = Region.objects.get(pk=TOWN)
    again = episodes.nominate(
        actor("village_worker", TOWN), "preconception", first.couple, answers,
        first.opened_on, town,
    )  # fmt: skip
    assert first.number in page(nurse, again).content.decode(), "a way to the earlier record"
    answer = page(nurse, first)
    assert answer.status_code == 200
    assert "不能办理或更正" in answer.content.decode()
    signed = first.encounters.filter(form="laboratory", role="wife").get()
    read = nurse.get(reverse("encounter", args=[signed.key]))
    assert read.status_code == 200
    assert read.context["can_amend"] is False
    assert nurse.get(reverse("encounter-amend", args=[signed.key])).status_code == 404
    seen = AuditEvent.objects.filter(action="read", actor=f"history_nurse-{QIKAI}")
    assert {str(first.key), str(signed.key)} <= set(seen.values_list("subject", flat=True))
    desk = client_as("registration", QIKAI)
    assert page(desk, first).status_code == 404, "no clinical duty"
    assert page(client_as("history_nurse", "500110"), first).status_code == 404


def test_a_province_opens_the_record_of_any_district(moved: Any, client_as: Any) -> None:
    assert page(client_as("manager", "220000"), moved).status_code == 200
    assert page(client_as("manager", "500000"), moved).status_code == 200
    assert page(client_as("manager", "320000"), moved).status_code == 404
