"""A couple's course through the API, and what it refuses."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

HUAYAN = "500107102"


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api{path}", body, content_type="application/json")


@pytest.fixture
def given(make_id: Callable[..., str], district: Any) -> dict[str, Any]:
    home = "重庆市九龙坡区华岩镇"

    def person(name: str, born: date, sequence: int) -> dict[str, Any]:
        return {
            "name": name,
            "id_number": make_id("500107", born, sequence),
            "phone": "13912345678",
            "hukou": home,
            "residence": home,
            "residence_since": "2018-01-01",
        }

    return {
        "programme": "preconception",
        "region": HUAYAN,
        "persons": {
            "wife": person("欧阳慧敏", date(1992, 6, 15), 20),
            "husband": person("司马建国", date(1990, 2, 3), 21),
        },
        "observations": {"couple": {"child_order": 1, "policy_compliant": True, "planning": True}},
        "marriage_date": "2019-10-01",
        "reference": "HIS-0001",
    }


@pytest.mark.requirement("A06")
def test_a_couple_goes_from_nomination_to_notice(
    given: dict[str, Any], client_as: Any, library: Any, fill: Any
) -> None:
    made = post(client_as("village_worker"), "/episodes", **given)
    assert made.status_code == 201, made.content.decode()
    key = made.json()["key"]
    again = post(client_as("village_worker"), "/episodes", **given)
    assert again.json()["key"] == key, "the same reference is registered once"

    post(client_as("township_officer"), f"/episodes/{key}/review", decision="accept")
    decision = post(client_as("registration"), f"/episodes/{key}/confirm").json()
    assert (decision["answer"], decision["grant"]) == ("yes", "free")
    assert "九龙坡府办发〔2020〕136号" in decision["result"]["clause_line"]

    card = post(client_as("village_worker"), f"/episodes/{key}/card").json()
    assert post(client_as("village_worker"), f"/episodes/{key}/card").json() == card
    for role in ("wife", "husband"):
        standing = post(
            client_as("registration"), f"/episodes/{key}/consents", role=role, decision="grant"
        )
    assert standing.json() == {"wife": True, "husband": True}

    programme = library.programmes["preconception"]
    for step in programme.steps:
        if step.kind == "form" and "consent" in step.after:
            form = programme.forms[step.form]
            for role in step.roles:
                _examine(client_as(form.duty[0]), key, step.form, role, fill(step.form, role))

    doctor = client_as("assessing_doctor")
    proposed = post(doctor, f"/episodes/{key}/assessment").json()
    assert proposed["status"] == "proposed"
    confirmed = post(doctor, f"/assessments/{proposed['key']}/confirm").json()
    assert confirmed["status"] == "confirmed"
    notice = post(doctor, f"/episodes/{key}/documents", kind="notice")
    assert notice.status_code == 201, notice.content.decode()
    page = doctor.get(f"/api/documents/{notice.json()['key']}")
    assert "欧阳慧敏" in page.content.decode()
    follow = client_as("followup_worker").get("/api/tasks").json()
    assert "early_followup" in {t["name"] for t in follow}


def _examine(client: Client, key: str, form: str, role: str, answers: dict[str, Any]) -> None:
    draft = post(client, f"/episodes/{key}/encounters", form=form, role=role).json()
    saved = client.patch(
        f"/api/encounters/{draft['key']}",
        {"changes": {n: {"base": draft["data"].get(n), "value": v} for n, v in answers.items()}},
        content_type="application/json",
    ).json()
    assert (saved["errors"], saved["conflicts"]) == ({}, {}), form
    signed = post(client, f"/encounters/{draft['key']}/sign", version=saved["version"])
    assert signed.status_code == 200, signed.content.decode()
    assert signed.json()["status"] == "signed"


@pytest.mark.requirement("H03")
def test_what_somebody_else_changed_is_a_conflict(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("consented")
    one = client_as("laboratory")
    draft = post(one, f"/episodes/{episode.key}/encounters", form="laboratory", role="wife").json()
    url = f"/api/encounters/{draft['key']}"

    def save(client: Client, base: Any, value: Any) -> dict[str, Any]:
        body = {"changes": {"alt": {"base": base, "value": value}}}
        answer: dict[str, Any] = client.patch(url, body, content_type="application/json").json()
        return answer

    assert save(one, None, 33)["saved"] == ["alt"]
    conflict = save(client_as("laboratory", username="second-lab"), None, 44)["conflicts"]["alt"]
    assert (conflict["yours"], conflict["theirs"]) == (44, 33)
    assert one.get(url).json()["data"]["alt"] == 33


@pytest.mark.requirement("B04")
def test_an_amendment_keeps_the_first_version(episode_at: Any, client_as: Any) -> None:
    row = episode_at("examined", facts={"wife": {"alt": 33}}).encounters.get(
        form="laboratory", role="wife"
    )
    client = client_as("laboratory")
    answer = post(client, f"/encounters/{row.key}/amend", changes={"alt": 88}, reason="录入错误")
    assert answer.status_code == 201
    assert answer.json()["replaces"] == str(row.key)
    old = client.get(f"/api/encounters/{row.key}").json()
    assert (old["status"], old["data"]["alt"]) == ("amended", 33)


def test_an_incomplete_form_names_its_fields(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("history_nurse")
    draft = post(client, f"/episodes/{episode.key}/encounters", form="history", role="wife").json()
    answer = post(client, f"/encounters/{draft['key']}/sign", version=draft["version"])
    assert answer.status_code == 422
    assert "smoking" in answer.json()["errors"]


@pytest.mark.requirement("B02")
def test_without_consent_no_examination_is_opened(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("carded")
    answer = post(
        client_as("laboratory"),
        f"/episodes/{episode.key}/encounters",
        form="laboratory",
        role="wife",
    )
    assert answer.status_code == 409
    assert answer.json()["code"] == "no_consent"
    assert "知情同意" in answer.json()["error"]


def test_a_wrong_id_number_registers_nobody(given: dict[str, Any], client_as: Any) -> None:
    from sanyou.registry.models import Person

    number = given["persons"]["husband"]["id_number"]
    wrong = "0" if number[-1] != "0" else "1"
    given["persons"]["husband"]["id_number"] = number[:-1] + wrong
    answer = post(client_as("village_worker"), "/episodes", **given)
    assert answer.status_code == 422
    assert "校验位" in answer.json()["error"]
    assert not Person.objects.exists()


def test_a_nomination_for_another_town_is_not_found(given: dict[str, Any], client_as: Any) -> None:
    given["region"] = "500107110"
    assert post(client_as("village_worker"), "/episodes", **given).status_code == 404


def test_a_malformed_request_never_repeats_its_values(
    given: dict[str, Any], client_as: Any
) -> None:
    given["persons"]["wife"]["birth_date"] = "secret-birth-date"
    given["surprise"] = "x"
    answer = post(client_as("village_worker"), "/episodes", **given)
    assert answer.status_code == 422
    assert {"body.surprise", "body.persons.wife.birth_date"} <= set(answer.json()["errors"])
    assert "secret-birth-date" not in answer.content.decode()


@pytest.mark.requirement("B09")
def test_a_follow_up_is_lost_only_after_its_attempts(episode_at: Any, client_as: Any) -> None:
    task = episode_at("noticed").tasks.filter(name="early_followup").order_by("opens").first()
    client = client_as("followup_worker")
    assert post(client, f"/tasks/{task.key}/lost", reason="停机").status_code == 409
    for _ in range(3):
        assert (
            post(client, f"/tasks/{task.key}/attempts", way="phone", reached=False).status_code
            == 201
        )
    lost = post(client, f"/tasks/{task.key}/lost", reason="停机")
    assert (lost.status_code, lost.json()["status"]) == (200, "lost")
