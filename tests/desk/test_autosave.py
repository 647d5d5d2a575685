"""What is typed reaches the server by itself; two people lose nothing."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

FETCH = {"HTTP_X_REQUESTED_WITH": "fetch", "content_type": "application/json"}


@pytest.fixture
def draft(episode_at: Any, actor: Any) -> Any:
    from sanyou.care import encounters

    return encounters.open_draft(episode_at("consented"), "laboratory", "wife", actor("laboratory"))


@pytest.fixture
def history(episode_at: Any, actor: Any) -> Any:
    from sanyou.care import encounters

    return encounters.open_draft(episode_at("consented"), "history", "wife", actor("history_nurse"))


def save(client: Client, row: Any, **changes: Any) -> Any:
    """`save(client, row, alt=(None, "55"))`: element = (base, value)."""
    body = {
        "version": row.version,
        "changes": {
            name: {"base": base, "value": value} for name, (base, value) in changes.items()
        },
    }
    return client.post(reverse("encounter-autosave", args=[row.key]), body, **FETCH)


def test_a_value_is_saved_and_the_time_is_said(draft: Any, client_as: Any) -> None:
    answer = save(client_as("laboratory"), draft, alt=(None, "33")).json()
    assert answer["saved"] == ["alt"]
    assert answer["at"].count(":") == 2
    draft.refresh_from_db()
    assert draft.data["alt"] == 33


@pytest.mark.requirement("B04")
def test_an_abnormal_value_is_marked(draft: Any, client_as: Any) -> None:
    client = client_as("laboratory")
    assert save(client, draft, alt=(None, "88")).json()["flags"]["alt"] == "high"
    assert save(client, draft, tsh=(None, "0.01")).json()["flags"]["tsh"] == "low"


def test_full_width_digits_are_read(draft: Any, client_as: Any) -> None:
    save(client_as("laboratory"), draft, alt=(None, "３３"))
    draft.refresh_from_db()
    assert draft.data["alt"] == 33


@pytest.mark.requirement("B04")
def test_an_impossible_value_is_refused_beside_the_field(draft: Any, client_as: Any) -> None:
    answer = save(client_as("laboratory"), draft, alt=(None, "999999"), tsh=(None, "2")).json()
    assert "超出" in answer["errors"]["alt"]
    assert answer["saved"] == ["tsh"], "one bad value never stops the others"
    draft.refresh_from_db()
    assert draft.data.get("alt") is None


def test_an_answer_opens_its_dependent_questions(history: Any, client_as: Any) -> None:
    client = client_as("history_nurse")
    yes = save(client, history, smoking=(None, True)).json()
    assert "cigarettes_per_day" in yes["visible"]
    no = save(client, history, smoking=(True, False)).json()
    assert "cigarettes_per_day" not in no["visible"]


@pytest.mark.requirement("H03")
def test_two_people_on_one_field_get_a_choice(draft: Any, client_as: Any) -> None:
    one, other = client_as("laboratory"), client_as("laboratory", username="second-lab")
    save(one, draft, alt=(None, "33"))
    answer = save(other, draft, alt=(None, "44")).json()
    found = answer["conflicts"]["alt"]
    assert (found["theirs"], str(found["yours"])) == (33, "44")
    assert found["by"]
    assert found["at"]
    draft.refresh_from_db()
    assert draft.data["alt"] == 33


@pytest.mark.requirement("H03")
def test_two_people_on_different_fields_both_keep_theirs(draft: Any, client_as: Any) -> None:
    one, other = client_as("laboratory"), client_as("laboratory", username="second-lab")
    save(one, draft, alt=(None, "33"))
    answer = save(other, draft, tsh=(None, "2.2")).json()
    assert answer["conflicts"] == {}
    assert answer["data"]["alt"] == 33, "and each sees what the other wrote"
    draft.refresh_from_db()
    assert (draft.data["alt"], float(draft.data["tsh"])) == (33, 2.2)


def test_choosing_mine_after_a_conflict_saves_mine(draft: Any, client_as: Any) -> None:
    one, other = client_as("laboratory"), client_as("laboratory", username="second-lab")
    save(one, draft, alt=(None, "33"))
    save(other, draft, alt=(None, "44"))
    assert save(other, draft, alt=(33, "44")).json()["saved"] == ["alt"]


def test_sending_the_same_twice_changes_nothing(draft: Any, client_as: Any) -> None:
    client = client_as("laboratory")
    save(client, draft, alt=(None, "33"))
    again = save(client, draft, alt=(None, "33")).json()
    assert again["conflicts"] == {}
    draft.refresh_from_db()
    assert draft.data["alt"] == 33


@pytest.mark.requirement("H03")
def test_an_ended_session_answers_401_to_the_script(draft: Any) -> None:
    response = save(Client(), draft, alt=(None, "33"))
    assert response.status_code == 401
    assert "登录" in response.json()["error"]


def test_a_signed_record_takes_no_more_changes(episode_at: Any, client_as: Any) -> None:
    row = episode_at("examined").encounters.get(form="laboratory", role="wife", status="signed")
    response = save(client_as("laboratory"), row, alt=(None, "33"))
    assert response.status_code == 409
    assert response.json()["closed"] is True
    assert "更正" in response.json()["error"]


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{", '{"changes": []}', '{"changes": {"no_such": {"base": null, "value": 1}}}'],
)
def test_a_broken_request_is_refused(draft: Any, client_as: Any, body: str) -> None:
    url = reverse("encounter-autosave", args=[draft.key])
    response = client_as("laboratory").post(url, body, **FETCH)
    assert response.status_code == 409
    assert response.json()["error"]


def test_another_town_cannot_save(draft: Any, client_as: Any) -> None:
    elsewhere = client_as("laboratory", "500107110", "lab-elsewhere")
    assert save(elsewhere, draft, alt=(None, "33")).status_code == 404


def test_another_duty_cannot_save(draft: Any, client_as: Any) -> None:
    assert save(client_as("ultrasound"), draft, alt=(None, "33")).status_code == 403
