"""What of a record a duty reads: restricted results stay with those who may read them, everywhere."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sanyou.care import assessments, reading
from sanyou.care.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H01")]

SYPHILIS = {"wife": {"syphilis": "positive"}}


def recheck_of_syphilis(episode: Any) -> Task:
    tasks = episode.tasks.filter(kind=Task.Kind.RECHECK)
    return next(t for t in tasks if "梅毒" in t.label)


def test_only_who_reads_restricted_results_sees_what_a_recheck_is_for(
    episode_at: Any, actor: Any, library: Any
) -> None:
    task = recheck_of_syphilis(episode_at("assessed", facts=SYPHILIS))
    programme = library.programmes["preconception"]
    assert reading.task_label(actor("assessing_doctor"), programme, task) == task.label
    for duty in ("ultrasound", "registration", "village_worker"):
        assert "梅毒" not in reading.task_label(actor(duty), programme, task), duty


def test_the_api_does_not_name_the_recheck_either(episode_at: Any, client_as: Any) -> None:
    task = recheck_of_syphilis(episode_at("assessed", facts=SYPHILIS))
    told = client_as("registration").get(f"/api/tasks/{task.key}").json()
    assert "梅毒" not in str(told)
    assert "syphilis" not in str(told)
    assert "梅毒" in client_as("followup_worker").get(f"/api/tasks/{task.key}").json()["label"]


def test_a_document_with_all_results_is_not_for_who_reads_only_some(
    episode_at: Any, client_as: Any
) -> None:
    episode = episode_at("noticed", facts=SYPHILIS)
    notice = episode.documents.get(kind="notice")
    client: Client = client_as("ultrasound")
    assert client.get(reverse("document", args=[notice.key])).status_code == 403
    assert client.get(f"/api/documents/{notice.key}").status_code == 403
    assert client.get(reverse("referrals", args=[episode.key])).status_code == 403
    assert client_as("physician").get(reverse("document", args=[notice.key])).status_code == 200


def test_a_finding_the_doctor_added_is_hidden_like_any_other(
    episode_at: Any, actor: Any, client_as: Any, library: Any
) -> None:
    episode = episode_at("examined")
    rules = library.programmes["preconception"].rules
    added = next(r.key for r in rules if "wife.syphilis" in r.when.facts)
    doctor = actor("assessing_doctor")
    proposed = assessments.propose(episode, episode.opened_on)
    assessments.override(proposed, doctor, "", [], [added], "外院报告阳性")
    page = client_as("ultrasound").get(reverse("episode", args=[episode.key])).content.decode()
    assert "梅毒" not in page
    told = client_as("ultrasound").get(f"/api/episodes/{episode.key}/assessment").json()
    assert added not in str(told)
    assert told["hidden"] >= 1
    whole = client_as("physician").get(f"/api/episodes/{episode.key}/assessment").json()
    assert added in str(whole)
