"""Who may call the API: session or token, under a duty, within a region."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client

from sanyou.api.auth import make_token
from sanyou.registry.access import Forbidden

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H01")]

XIPENG = "500107110"


@pytest.fixture
def token(staff: Callable[..., Any], actor: Callable[..., Any]) -> Callable[..., str]:
    """`token("physician")` -> a bearer token of somebody with that duty."""

    def make(duty: str, region: str | None = None, username: str | None = None) -> str:
        person = staff(duty, region, username)
        return make_token(person.duties.get(duty=duty), actor("administrator"))

    return make


def get(path: str, token: str) -> Any:
    return Client().get(path, headers={"Authorization": f"Bearer {token}"})


def test_without_sign_in_nothing_is_answered(district: Any) -> None:
    for path in ("/api/episodes", "/api/tasks", "/api/policies"):
        answer = Client().get(path)
        assert answer.status_code == 401, path
        assert "登录" in answer.json()["error"]


def test_a_token_acts_under_its_duty(token: Any, episode_at: Any) -> None:
    episode_at("nominated")
    rows = get("/api/tasks", token("township_officer")).json()
    assert [r["name"] for r in rows] == ["review"]


@pytest.mark.parametrize("broken", ["", "x", "a:b:c"])
def test_a_broken_token_is_refused(broken: str, district: Any) -> None:
    assert get("/api/episodes", broken).status_code == 401


def test_a_new_password_ends_the_token(token: Any, staff: Any) -> None:
    given = token("physician")
    person = staff("physician")
    assert get("/api/policies", given).status_code == 200
    person.set_password("another-horse-10")
    person.save()
    assert get("/api/policies", given).status_code == 401


def test_the_end_of_the_duty_ends_the_token(token: Any, staff: Any) -> None:
    given = token("physician")
    staff("physician").duties.update(valid_until=date(2020, 12, 31))
    assert get("/api/policies", given).status_code == 401


def test_leaving_ends_the_token(token: Any, staff: Any) -> None:
    given = token("physician")
    person = staff("physician")
    person.is_active = False
    person.save()
    assert get("/api/policies", given).status_code == 401


def test_only_an_administrator_makes_tokens(staff: Any, actor: Any) -> None:
    held = staff("physician").duties.get()
    with pytest.raises(Forbidden):
        make_token(held, actor("manager"))


def test_a_session_without_csrf_token_changes_nothing(episode_at: Any, staff: Any) -> None:
    episode = episode_at("nominated")
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("township_officer"), "django.contrib.auth.backends.ModelBackend")
    url = f"/api/episodes/{episode.key}/review"
    answer = client.post(url, {"decision": "accept"}, content_type="application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["error"]
    assert episode.tasks.get(name="review").status == "open"


def test_of_several_duties_one_must_be_named(staff: Any, client_as: Any) -> None:
    from sanyou.registry.models import DutyAssignment

    person = staff("physician")
    held = person.duties.get()
    DutyAssignment.objects.create(
        staff=person, duty="statistician", region=held.region, valid_from=date(2020, 1, 1)
    )
    client = client_as("physician")
    assert client.get("/api/policies").status_code == 403
    assert "X-Duty" in client.get("/api/policies").json()["error"]
    assert client.get("/api/policies", headers={"X-Duty": "statistician"}).status_code == 200
    assert client.get("/api/policies", headers={"X-Duty": "finance"}).status_code == 403


def test_another_region_learns_nothing_of_a_record(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("noticed")
    rows = {
        "encounters": episode.encounters.filter(form="laboratory").first().key,
        "documents": episode.documents.get(kind="notice").key,
        "tasks": episode.tasks.first().key,
    }
    elsewhere = client_as("assessing_doctor", XIPENG, "doctor-elsewhere")
    assert elsewhere.get(f"/api/episodes/{episode.key}").status_code == 404
    for kind, key in rows.items():
        assert elsewhere.get(f"/api/{kind}/{key}").status_code == 404, kind
    assert elsewhere.post(f"/api/episodes/{episode.key}/assessment").status_code == 404
    listed = elsewhere.get("/api/episodes").json()
    assert listed == []


def test_another_duty_is_told_why_not(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("nominated")
    answer = client_as("physician").post(
        f"/api/episodes/{episode.key}/review", {"decision": "accept"}, "application/json"
    )
    assert answer.status_code == 403
    assert "镇街审核" in answer.json()["error"]


def test_the_office_reads_no_results(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("noticed")
    laboratory = episode.encounters.filter(form="laboratory").first()
    notice = episode.documents.get(kind="notice")
    village = client_as("village_worker")
    assert village.get(f"/api/encounters/{laboratory.key}").status_code == 403
    assert village.get(f"/api/documents/{notice.key}").status_code == 403
    assert village.get(f"/api/episodes/{episode.key}/assessment").status_code == 403
    assert village.get(f"/api/episodes/{episode.key}/documents").json() == []


def test_restricted_values_are_left_out_and_counted(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("examined", facts={"wife": {"syphilis": "positive"}})
    row = episode.encounters.get(form="laboratory", role="wife")
    seen = client_as("ultrasound").get(f"/api/encounters/{row.key}").json()
    assert "syphilis" not in seen["data"]
    assert seen["hidden"] >= 1
    whole = client_as("laboratory").get(f"/api/encounters/{row.key}").json()
    assert whole["data"]["syphilis"] == "positive"
    assert whole["hidden"] == 0


def test_identity_numbers_are_masked_but_for_registration(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("nominated")
    path = f"/api/episodes/{episode.key}"
    [masked] = {
        p["id_number"][6:14] for p in client_as("history_nurse").get(path).json()["persons"]
    }
    assert set(masked) == {"*"}
    whole = client_as("registration").get(path).json()["persons"]
    assert all("*" not in p["id_number"] for p in whole)


def test_every_reading_of_a_record_is_in_the_audit(episode_at: Any, client_as: Any) -> None:
    from sanyou.trust.models import AuditEvent

    episode = episode_at("nominated")
    client_as("history_nurse").get(f"/api/episodes/{episode.key}")
    event = AuditEvent.objects.latest("seq")
    assert (event.action, event.kind, event.subject) == ("read", "episode", str(episode.key))
    assert event.duty == "history_nurse"


def test_an_administrator_without_the_demanded_second_factor_is_refused(
    client_as: Any, settings: Any
) -> None:
    client = client_as("administrator")
    assert client.get("/api/policies").status_code == 200
    settings.SANYOU_REQUIRE_OTP = True
    assert client.get("/api/policies").status_code == 401
    assert client_as("physician").get("/api/policies").status_code == 200
