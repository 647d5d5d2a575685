"""Follow-up: phone script, attempts, the form, lost after enough attempts; rechecks; referrals."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B09")]


@pytest.fixture
def episode(episode_at: Any) -> Any:
    return episode_at("noticed", facts={"wife": {"alt": 88}})


@pytest.fixture
def followup(episode: Any) -> Any:
    return episode.tasks.filter(kind="schedule", name="early_followup").order_by("opens").first()


def attempt(client: Client, task: Any, reached: str = "no", **data: str) -> Any:
    url = reverse("task-attempt", args=[task.key])
    return client.post(url, {"way": "phone", "reached": reached} | data)


def test_the_page_gives_number_script_and_form(followup: Any, client_as: Any) -> None:
    page = client_as("followup_worker").get(reverse("task", args=[followup.key]))
    text = page.content.decode()
    assert "13800000001" in text
    assert "您好，我是" in text
    assert reverse("encounter-open", args=[followup.episode.key, "early_followup", "wife"]) in text


def test_attempts_are_listed(followup: Any, client_as: Any) -> None:
    client = client_as("followup_worker")
    assert attempt(client, followup, note="无人接听").status_code == 302
    assert "无人接听" in client.get(reverse("task", args=[followup.key])).content.decode()


def test_an_attempt_needs_its_result(followup: Any, client_as: Any) -> None:
    response = attempt(client_as("followup_worker"), followup, reached="", note="打过")
    assert response.status_code == 422
    assert "打过" in response.content.decode(), "what was typed stays"
    assert not followup.attempts.exists()


def test_lost_only_after_enough_attempts(followup: Any, client_as: Any) -> None:
    client, url = client_as("followup_worker"), reverse("task-close", args=[followup.key])
    for _ in range(2):
        attempt(client, followup)
    early = client.post(url, {"do": "lost", "reason": "停机"})
    assert early.status_code == 409
    followup.refresh_from_db()
    assert followup.status == "open"
    attempt(client, followup)
    assert client.post(url, {"do": "lost", "reason": ""}).status_code == 422
    assert client.post(url, {"do": "lost", "reason": "三次停机"}).status_code == 302
    followup.refresh_from_db()
    assert (followup.status, followup.reason) == ("lost", "三次停机")


def test_the_filled_form_closes_the_task(
    followup: Any, client_as: Any, fill: Any, actor: Any
) -> None:
    from sanyou.care import encounters

    client = client_as("followup_worker")
    opened = client.get(
        reverse("encounter-open", args=[followup.episode.key, "early_followup", "wife"])
        + f"?task={followup.key}"
    )
    row = followup.episode.encounters.get(form="early_followup")
    assert opened.url == reverse("encounter", args=[row.key])
    given = fill("early_followup", "wife", pregnancy_result="not_pregnant")
    changes = {k: {"base": row.data.get(k), "value": v} for k, v in given.items()}
    saved = encounters.autosave(row.key, changes, actor("followup_worker"))
    response = client.post(
        reverse("encounter-sign", args=[row.key]),
        {"version": saved.version},
        HTTP_X_REQUESTED_WITH="fetch",
        content_type="application/json",
    )
    assert response.status_code == 200, response.content.decode()
    assert response.json()["next"] == reverse("task", args=[followup.key])
    followup.refresh_from_db()
    assert followup.status == "done"


def test_a_recheck_is_worked_from_its_page(episode: Any, client_as: Any) -> None:
    recheck = episode.tasks.filter(kind="recheck").first()
    assert recheck is not None
    client = client_as("followup_worker")
    assert client.get(reverse("task", args=[recheck.key])).status_code == 200
    if not recheck.form:
        url = reverse("task-close", args=[recheck.key])
        assert client.post(url, {"do": "done", "reason": "复查 ALT 30"}).status_code == 302
        recheck.refresh_from_db()
        assert recheck.status == "done"


def test_a_step_leads_to_its_own_page(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("carded")
    step = episode.tasks.filter(name="consent").first()
    response = client_as("registration").get(reverse("task", args=[step.key]))
    assert response.status_code == 302
    assert response.url == reverse("consent", args=[episode.key])


@pytest.mark.requirement("B06")
def test_a_referral_is_sent_received_and_answered(episode: Any, client_as: Any) -> None:
    client, url = client_as("followup_worker"), reverse("referrals", args=[episode.key])
    data = {"do": "send", "role": "wife", "to": "肝病科", "why": "ALT 88"}
    assert client.post(url, data).status_code == 302
    client.post(url, data)
    row = episode.referrals.get(to="肝病科")
    client.post(url, {"do": "receive", "referral": str(row.key)})
    empty = client.post(url, {"do": "answer", "referral": str(row.key), "answer": " "})
    assert empty.status_code == 409
    client.post(url, {"do": "answer", "referral": str(row.key), "answer": "脂肪肝，三月后复查"})
    row.refresh_from_db()
    assert (row.status, row.answer) == ("answered", "脂肪肝，三月后复查")
    assert "脂肪肝" in client.get(url).content.decode()


def test_other_duties_regions_and_strangers_cannot(followup: Any, client_as: Any) -> None:
    url = reverse("task", args=[followup.key])
    assert client_as("history_nurse").get(url).status_code == 403
    assert client_as("finance").get(url).status_code == 403
    elsewhere = client_as("followup_worker", "500107110", "follow-elsewhere")
    assert elsewhere.get(url).status_code == 404
    assert attempt(elsewhere, followup).status_code == 404
    assert Client().get(url).status_code == 302
    assert (
        client_as("followup_worker").get(reverse("task-attempt", args=[followup.key])).status_code
        == 405
    )
